import type { ComponentChildren } from 'preact';
import { clockTime, count, duration, shortLaunch } from '../../snapshot/format.ts';
import type { Snapshot, TaskView } from '../../snapshot/snapshot.ts';
import { describeCut } from '../../snapshot/timeline.ts';
import type { Link } from './connection.ts';

/** An orchestrator gives a sign of life at least every ten seconds. After two missing ones the page reports it. */
const SILENT_ORCHESTRATOR_MS = 25_000;

/** The page reports an unexpected end of a task for this long. */
const RECENT_MS = 60_000;

/** Shows what needs attention now. */
export function Alerts({ snapshot, link }: { snapshot: Snapshot; link: Link }) {
  return (
    <div class="alerts">
      <Announcement snapshot={snapshot} link={link} />
      {link === 'lost' && (
        <Alert tone="bad" name="connection">
          The connection to the dashboard is lost. The page shows the state of {clockTime(snapshot.at)} UTC.
        </Alert>
      )}
      {snapshot.unreadable && (
        <Alert tone="bad" name="unreadable">
          {snapshot.unreadable.message}. The page shows the state of {clockTime(snapshot.at)} UTC.
        </Alert>
      )}
      <Throttling snapshot={snapshot} />
      <Cut snapshot={snapshot} />
      <LostTasks snapshot={snapshot} />
      <SilentOrchestrator snapshot={snapshot} />
    </div>
  );
}

/**
 * Tells screen readers what is wrong. The words stay the same while the problem lasts, because each change is read out.
 */
function Announcement({ snapshot, link }: { snapshot: Snapshot; link: Link }) {
  const said = [
    link === 'lost' && 'The connection to the dashboard is lost.',
    snapshot.unreadable && 'The control table cannot be read.',
    snapshot.throttling && 'The table throttles.',
    isCut(snapshot) && 'The budget is cut.',
    snapshot.tasks.some(task => task.late) && 'A task is silent.',
    lostTasks(snapshot).length > 0 && 'A task was lost.',
    isUnsupervised(snapshot) && 'Nobody supervises the run.',
  ];
  return (
    <p class="sr-only" role="status" data-announcement>
      {said.filter(Boolean).join(' ')}
    </p>
  );
}

function Alert(props: { tone: 'bad' | 'care'; name: string; children: ComponentChildren }) {
  return (
    <p class={`alert tone-${props.tone}`} data-alert={props.name}>
      {props.children}
    </p>
  );
}

function Throttling({ snapshot: { throttling } }: { snapshot: Snapshot }) {
  if (!throttling) return null;
  const { tasks, count: times, reason } = throttling;
  return (
    <Alert tone="care" name="throttling">
      <strong>The table throttles.</strong> DynamoDB refused {count(times)} requests of{' '}
      {tasks === 1 ? '1 task' : `${count(tasks)} tasks`} in the last few seconds, so they slowed down:{' '}
      {reason}
    </Alert>
  );
}

/** Tasks that ended recently and unexpectedly. */
function lostTasks({ at, tasks }: Snapshot): TaskView[] {
  const now = Date.parse(at);
  return tasks.filter(
    ({ end, endedAt }) =>
      end &&
      endedAt &&
      end.kind !== 'done' &&
      end.kind !== 'desired' &&
      now - Date.parse(endedAt) < RECENT_MS,
  );
}

function LostTasks({ snapshot }: { snapshot: Snapshot }) {
  const late = snapshot.tasks.filter(task => task.late);
  const lost = lostTasks(snapshot);
  const [first] = lost;
  return (
    <>
      {late.length > 0 && (
        <Alert tone="care" name="late">
          <strong>
            {late.length === 1 ? 'A task is silent.' : `${count(late.length)} tasks are silent.`}
          </strong>{' '}
          There has been no heartbeat from{' '}
          {late
            .slice(0, 3)
            .map(({ launchId: launch }) => shortLaunch(launch))
            .join(', ')}{' '}
          for {duration(Math.max(...late.map(({ heartbeatAgeMs }) => heartbeatAgeMs ?? 0)))}. They may have
          been killed or frozen, or they may be cut off from the control table.
        </Alert>
      )}
      {first?.end && (
        <Alert tone="bad" name="lost">
          <strong>{lost.length === 1 ? 'A task was lost.' : `${count(lost.length)} tasks were lost.`}</strong>{' '}
          {shortLaunch(first.launchId)}: {first.end.message}. The supervisor gives its segments to new tasks,
          which continue from the last checkpoint.
        </Alert>
      )}
    </>
  );
}

function isCut({ run }: Snapshot): boolean {
  return run.cut !== null && run.finishedAt === null;
}

function Cut({ snapshot }: { snapshot: Snapshot }) {
  const { cut } = snapshot.run;
  if (!cut || !isCut(snapshot)) return null;
  return (
    <Alert tone="care" name="cut">
      <strong>The budget is cut.</strong> {describeCut(cut)}. After each minute without throttling, the fleet
      regains a tenth of its budget.
    </Alert>
  );
}

function isUnsupervised({ run, orchestratorAgeMs }: Snapshot): boolean {
  const works = run.status === 'running' || run.status === 'verifying';
  return run.unsupervised !== null || (works && (orchestratorAgeMs ?? 0) >= SILENT_ORCHESTRATOR_MS);
}

function SilentOrchestrator({ snapshot }: { snapshot: Snapshot }) {
  const { run, orchestratorAgeMs } = snapshot;
  if (!isUnsupervised(snapshot)) return null;
  return (
    <Alert tone="care" name="orchestrator">
      <strong>Nobody supervises the run.</strong>{' '}
      {run.unsupervised ?? `The orchestrator last reported ${duration(orchestratorAgeMs ?? 0)} ago.`} The
      fleet continues, and slows to {count(run.unattendedRate)} write units a second after two minutes without
      a supervisor. Take over with: <code>orchestrate resume {run.runId}</code>
    </Alert>
  );
}
