import { clockTime, count, duration, rate, shortLaunch } from '../../snapshot/format.ts';
import type { Snapshot, TaskView } from '../../snapshot/snapshot.ts';
import { Scroll } from './scroll.tsx';

/** Nobody would read more rows. The report has all of them. */
const SHOWN = 100;

/** Shows the tasks: first those that need attention, then the running ones, then the ended ones, youngest first. */
export function TaskTable({ snapshot, all = false }: { snapshot: Snapshot; all?: boolean }) {
  const sorted = [...snapshot.tasks].sort((a, b) => rank(a) - rank(b));
  const shown = all ? sorted : sorted.slice(0, SHOWN);
  if (shown.length === 0) return <p class="muted">No task has been launched yet.</p>;
  return (
    <Scroll label="Table of tasks">
      <table>
        <thead>
          <tr>
            <th scope="col">Launch</th>
            <th scope="col">State</th>
            <th scope="col">Segments</th>
            <th scope="col" class="number">
              Write share
            </th>
            <th scope="col">Started</th>
            <th scope="col">Heartbeat or end</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(task => (
            <TaskRow key={task.launchId} task={task} />
          ))}
        </tbody>
      </table>
      {shown.length < sorted.length && (
        <p class="muted">{count(sorted.length - shown.length)} more have ended.</p>
      )}
    </Scroll>
  );
}

function TaskRow({ task }: { task: TaskView }) {
  const tone = isLost(task)
    ? 'bad'
    : task.late || task.throttled
      ? 'care'
      : task.inAuthority
        ? 'busy'
        : 'plain';
  return (
    <tr data-launch={task.launchId} data-tone={tone}>
      <th scope="row">
        <code>{shortLaunch(task.launchId)}</code>
      </th>
      <td class="tight">
        <span class={`dot tone-${tone}`} aria-hidden="true" />
        {stateOf(task)}
      </td>
      <td>
        {segmentList(task.segments)}
        {task.segmentsComplete > 0 && `, ${count(task.segmentsComplete)} complete`}
      </td>
      <td class="number">{task.inAuthority ? rate(task.granted.writeUnitsPerSecond) : ''}</td>
      <td class="tight">{clockTime(task.launchedAt)}</td>
      <td class="text">{newsOf(task)}</td>
    </tr>
  );
}

function rank(task: TaskView): number {
  if (task.late) return 0;
  if (task.inAuthority) return task.throttled ? 1 : 2;
  return isLost(task) ? 3 : 4;
}

function isLost({ end }: TaskView): boolean {
  return end !== null && end.kind !== 'done' && end.kind !== 'desired' && end.kind !== 'sigterm';
}

function stateOf(task: TaskView): string {
  if (task.late) return 'silent';
  if (isLost(task)) return 'lost';
  return task.throttled ? 'running, throttled' : task.status;
}

function newsOf(task: TaskView): string {
  if (task.end && task.endedAt)
    return `${clockTime(task.endedAt)}: ${task.end.kind === 'done' ? 'nothing left to do' : task.end.message}`;
  if (task.heartbeatAgeMs === null) return 'no heartbeat yet';
  const heard = `${duration(task.heartbeatAgeMs)} ago`;
  return task.throttled ? `${heard}, throttled ${count(task.throttled.count)} times` : heard;
}

function segmentList(segments: readonly number[]): string {
  const shown = segments.slice(0, 3).join(', ');
  return segments.length > 3 ? `${shown}, … (${count(segments.length)})` : shown;
}
