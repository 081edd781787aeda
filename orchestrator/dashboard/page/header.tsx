import { duration, elapsedMs, stageOf } from '../../snapshot/format.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import type { Link } from './connection.ts';
import { toneOfStatus } from './tones.ts';

const LINKS: Readonly<Record<Link, string>> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost, reconnecting',
};

/** Shows which run this is, and its state. */
export function Header({ snapshot, link }: { snapshot: Snapshot; link?: Link }) {
  const { run } = snapshot;
  return (
    <header>
      <div class="brand">
        <span>Fleetfill</span>
        {link && (
          <span class={`link link-${link}`} role="status">
            {LINKS[link]}
          </span>
        )}
      </div>
      <div class="title">
        <h1>
          {run.table}
          <span class="assignment">{run.written}</span>
        </h1>
        <span
          class={`pill tone-${toneOfStatus(run.status)}`}
          role="status"
          aria-label={`The run is ${stageOf(snapshot)}`}
        >
          {stageOf(snapshot)}
        </span>
      </div>
      <p class="facts">
        <span>run {run.runId}</span>
        <span>
          pass {run.pass} of {run.passes}
        </span>
        <span>{duration(elapsedMs(snapshot))}</span>
        <span>
          account {run.account}, {run.region}
        </span>
        <span>started by {run.createdBy}</span>
      </p>
    </header>
  );
}
