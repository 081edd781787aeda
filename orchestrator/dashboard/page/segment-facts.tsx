import { count, duration, shortLaunch } from '../../snapshot/format.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';

/** One segment as a sentence for screen readers. */
export function describeSegment(snapshot: Snapshot, segment: number): string {
  const facts = factsOf(snapshot, segment).map(([name, value]) => `${name} ${value}`);
  return `Segment ${segment}: ${facts.join(', ')}`;
}

/** Shows what is known of a segment: its state, its owner, and how far it lags. */
export function SegmentFacts({
  snapshot,
  segment,
  perCell,
}: {
  snapshot: Snapshot;
  segment: number;
  perCell: number;
}) {
  return (
    <>
      <strong>
        {perCell === 1
          ? `Segment ${segment}`
          : `Segments ${segment} to ${segment + perCell - 1}; the first of them:`}
      </strong>
      <dl>
        {factsOf(snapshot, segment).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function factsOf(snapshot: Snapshot, segment: number): [name: string, value: string][] {
  const view = snapshot.segments[segment];
  if (!view) return [];
  const task = snapshot.tasks.find(({ launchId: launch }) => launch === view.launchId);
  const facts: [string, string][] = [
    ['state', view.stalled ? `${view.status}, without progress` : view.status],
  ];
  if (view.launchId) facts.push(['launch', shortLaunch(view.launchId)]);
  if (task)
    facts.push([
      'owner',
      task.taskArn ? `task ${task.taskArn.split('/').at(-1)}` : 'a task that is starting',
    ]);
  if (task?.heartbeatAgeMs != null) facts.push(['heartbeat', `${duration(task.heartbeatAgeMs)} ago`]);
  if (task?.end) facts.push(['ended', task.end.message]);
  facts.push(['scanned', count(view.scanned)], ['set', count(view.updated)]);
  const lag = lagOf(snapshot, segment);
  if (lag) facts.push(['lag', lag]);
  if (view.status === 'running' && view.progressAt) {
    facts.push(['checkpoint', `${duration(Date.parse(snapshot.at) - Date.parse(view.progressAt))} ago`]);
  }
  if (view.attempts > 0) facts.push(['launches without progress', count(view.attempts)]);
  if (view.reason) facts.push(['reason', view.reason]);
  return facts;
}

/** How far a running segment is behind the median of those that have begun. */
function lagOf({ segments }: Snapshot, segment: number): string | undefined {
  const view = segments[segment];
  if (view?.status !== 'running') return undefined;
  const begun = segments
    .filter(({ status }) => status === 'running' || status === 'complete')
    .map(({ scanned }) => scanned);
  const median = begun.sort((a, b) => a - b)[Math.floor(begun.length / 2)] ?? 0;
  if (median === 0) return undefined;
  const behind = median - view.scanned;
  return behind <= 0
    ? 'none, ahead of the median'
    : `${count(behind)} items behind the median of ${count(median)}`;
}
