import type { Evidence } from '../../snapshot/evidence.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { Header } from './header.tsx';
import { MarkList } from './mark-list.tsx';
import { Quarantine } from './quarantine.tsx';
import { RateCharts } from './rate-charts.tsx';
import { Changes, Consumption, Options, SegmentTable, WayBack } from './report-sections.tsx';
import { SegmentStrip } from './segment-strip.tsx';
import { TaskTable } from './task-table.tsx';
import { Tiles } from './tiles.tsx';
import { Verification } from './verification.tsx';

export interface ReportData {
  readonly snapshot: Snapshot;
  readonly evidence: Evidence;
}

/** The evidence of a run, built from the same parts as the live page. */
export function Report({ data: { snapshot, evidence } }: { data: ReportData }) {
  return (
    <>
      <Header snapshot={snapshot} />
      <main>
        <p class={`conclusion tone-${evidence.proved ? 'good' : 'care'}`}>{evidence.conclusion}</p>
        <Tiles snapshot={snapshot} />
        <section class="card" aria-labelledby="verification">
          <h2 id="verification">Verification</h2>
          <Verification snapshot={snapshot} all />
        </section>
        <section class="card" aria-labelledby="rate">
          <h2 id="rate">Timeline</h2>
          <RateCharts snapshot={snapshot} />
        </section>
        <section class="card" aria-labelledby="options">
          <h2 id="options">What was run</h2>
          <Options evidence={evidence} />
        </section>
        <div class="columns">
          <section class="card" aria-labelledby="changes">
            <h2 id="changes">Who changed it, and when</h2>
            <Changes evidence={evidence} />
          </section>
          <section class="card" aria-labelledby="consumption">
            <h2 id="consumption">Consumed and expected</h2>
            <Consumption evidence={evidence} />
          </section>
          <section class="card" aria-labelledby="back">
            <h2 id="back">The way back</h2>
            <WayBack evidence={evidence} />
          </section>
          <section class="card" aria-labelledby="quarantine">
            <h2 id="quarantine">Quarantine</h2>
            <Quarantine snapshot={snapshot} />
          </section>
          <section class="card" aria-labelledby="marks">
            <h2 id="marks">What happened</h2>
            <MarkList marks={snapshot.marks} />
          </section>
        </div>
        <section class="card" aria-labelledby="segments">
          <h2 id="segments">Segments</h2>
          <SegmentStrip snapshot={snapshot} />
          <SegmentTable snapshot={snapshot} />
        </section>
        <section class="card" aria-labelledby="tasks">
          <h2 id="tasks">Tasks</h2>
          <TaskTable snapshot={snapshot} all />
        </section>
        <p class="muted">
          Read from the control table {snapshot.run.controlTable} at {evidence.writtenAt}. Times are UTC.
        </p>
      </main>
    </>
  );
}
