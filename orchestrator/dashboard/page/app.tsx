import type { Picture } from '../../snapshot/snapshot.ts';
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

/** The page of a run, live. */
export function App({ picture, link }: { picture: Picture; link: Link }) {
  return (
    <>
      <Header picture={picture} link={link} />
      <main>
        <Alerts picture={picture} link={link} />
        <Tiles picture={picture} />
        <section class="card" aria-labelledby="rate">
          <h2 id="rate">Rate against budget</h2>
          <RateCharts picture={picture} />
        </section>
        <section class="card" aria-labelledby="segments">
          <h2 id="segments">Segments</h2>
          <SegmentStrip picture={picture} />
        </section>
        <div class="columns">
          <section class="card" aria-labelledby="verification">
            <h2 id="verification">Verification</h2>
            <Verification picture={picture} />
          </section>
          <section class="card" aria-labelledby="quarantine">
            <h2 id="quarantine">Quarantine</h2>
            <Quarantine picture={picture} />
          </section>
        </div>
        <section class="card" aria-labelledby="tasks">
          <h2 id="tasks">Tasks</h2>
          <TaskTable picture={picture} />
        </section>
        <section class="card" aria-labelledby="marks">
          <h2 id="marks">What happened</h2>
          <MarkList marks={picture.marks} newestFirst />
        </section>
      </main>
    </>
  );
}
