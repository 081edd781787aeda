import type { Snapshot } from '../../snapshot/snapshot.ts';
import { Alerts } from './alerts.tsx';
import type { Link } from './connection.ts';
import { Header } from './header.tsx';
import { MarkList } from './mark-list.tsx';
import { Quarantine } from './quarantine.tsx';
import { RateCharts } from './rate-charts.tsx';
import { SegmentStrip } from './segment-strip.tsx';
import { TaskTable } from './task-table.tsx';
import { Tiles } from './tiles.tsx';
import { Verification } from './verification.tsx';

/** The live page of a run. */
export function App({ snapshot, link }: { snapshot: Snapshot; link: Link }) {
  return (
    <>
      <Header snapshot={snapshot} link={link} />
      <main>
        <Alerts snapshot={snapshot} link={link} />
        <Tiles snapshot={snapshot} />
        <section class="card" aria-labelledby="rate">
          <h2 id="rate">Rate against budget</h2>
          <RateCharts snapshot={snapshot} />
        </section>
        <section class="card" aria-labelledby="segments">
          <h2 id="segments">Segments</h2>
          <SegmentStrip snapshot={snapshot} />
        </section>
        <div class="columns">
          <section class="card" aria-labelledby="verification">
            <h2 id="verification">Verification</h2>
            <Verification snapshot={snapshot} />
          </section>
          <section class="card" aria-labelledby="quarantine">
            <h2 id="quarantine">Quarantine</h2>
            <Quarantine snapshot={snapshot} />
          </section>
        </div>
        <section class="card" aria-labelledby="tasks">
          <h2 id="tasks">Tasks</h2>
          <TaskTable snapshot={snapshot} />
        </section>
        <section class="card" aria-labelledby="marks">
          <h2 id="marks">What happened</h2>
          <MarkList marks={snapshot.marks} newestFirst />
        </section>
      </main>
    </>
  );
}
