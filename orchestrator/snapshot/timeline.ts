import { targetsText } from '../../core/recipe/recipe.ts';
import {
  isFinished,
  type RunRecord,
  type SegmentRecord,
  type TaskRecord,
  type VerificationRecord,
} from '../../core/records.ts';
import type { VerificationProgress } from '../../core/sample-store.ts';
import { segmentStates } from '../run-summary.ts';
import { percent } from './format.ts';
import type { CutChange, History, ThrottlingEpisode } from './history.ts';
import type { Mark, MarkKind } from './snapshot.ts';

/** Events of many tasks within this time become one mark. */
const SAME_MOMENT_MS = 2_500;

export interface MarksRequest {
  readonly run: RunRecord;
  readonly segments: readonly SegmentRecord[];
  readonly tasks: readonly TaskRecord[];
  readonly verifications: readonly VerificationRecord[];
  readonly verificationProgress: readonly VerificationProgress[];
  readonly history: Pick<History, 'throttling' | 'cuts' | 'passes'>;
}

/** What happened in a run, oldest first, all from its records. */
export function marksOf(request: MarksRequest): Mark[] {
  const { run, history } = request;
  const marks = [
    ...run.changes.map(changeMark),
    ...taskMarks(request.tasks),
    ...verificationMarks(request),
    ...history.throttling.map(throttlingMark),
    ...history.cuts.map(cut => mark(cut.at, 'change', describeCut(cut))),
    ...history.passes.map(({ pass, at }) => mark(at, 'pass', `Pass ${pass} began`)),
    ...segmentMarks(request),
    ...(isFinished(run.status) && run.finishedAt
      ? [
          mark(
            run.finishedAt,
            'end',
            `The run ended: ${run.status}${run.stopReason ? `, ${run.stopReason.message}` : ''}`,
          ),
        ]
      : []),
  ];
  return marks.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function changeMark({ at, by, what, detail }: RunRecord['changes'][number]): Mark {
  return what === 'start'
    ? mark(at, 'start', `${by} started the run`)
    : mark(at, 'change', `${by}: ${what}${detail ? `, ${detail}` : ''}`);
}

/** Says how much of the budget live traffic leaves. */
export function describeCut({ factor, reason }: Omit<CutChange, 'at'>): string {
  return factor < 1
    ? `The fleet uses ${percent(factor)} of its budget: ${reason}`
    : 'The fleet uses its whole budget again';
}

/** A segment was given up when the last of its launches ended. */
function segmentMarks({ run, segments, tasks }: MarksRequest): Mark[] {
  if (segmentStates(run, segments).failed === 0) return [];
  const failed = segments.filter(({ status, pass }) => status === 'failed' && pass === run.sweep);
  const lastEnds = new Map<number, string>();
  for (const { segments: had, endedAt } of tasks) {
    if (!endedAt) continue;
    for (const segment of had) if (endedAt > (lastEnds.get(segment) ?? '')) lastEnds.set(segment, endedAt);
  }
  return failed.flatMap(({ segment, reason }) => {
    const at = lastEnds.get(segment);
    return at === undefined ? [] : [mark(at, 'segment-failed', `Segment ${segment} was given up: ${reason}`)];
  });
}

function taskMarks(tasks: readonly TaskRecord[]): Mark[] {
  const launches = tasks.map(({ launchedAt }) => ({ at: launchedAt, what: '' }));
  const ended = tasks.flatMap(({ endedAt, end }) => (endedAt && end ? [{ at: endedAt, end }] : []));
  const lost = ended.flatMap(({ at, end }) => (isLoss(end.kind) ? [{ at, what: end.message }] : []));
  const done = ended.flatMap(({ at, end }) => (isLoss(end.kind) ? [] : [{ at, what: '' }]));
  return [
    ...grouped(launches, 'launch', count => `${tasksIn(count)} launched`),
    ...grouped(done, 'task-done', count => `${tasksIn(count)} ended as asked, or had nothing left to do`),
    ...grouped(lost, 'task-lost', (count, first) => `${tasksIn(count)} lost: ${first}`),
  ];
}

function isLoss(kind: NonNullable<TaskRecord['end']>['kind']): boolean {
  return kind !== 'done' && kind !== 'desired';
}

function grouped(
  events: readonly { at: string; what: string }[],
  kind: MarkKind,
  text: (count: number, first: string) => string,
): Mark[] {
  const sorted = [...events].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const groups: { at: string; what: string; lastMs: number; count: number }[] = [];
  for (const { at, what } of sorted) {
    const open = groups.at(-1);
    if (open && Date.parse(at) - open.lastMs <= SAME_MOMENT_MS) {
      open.count += 1;
      open.lastMs = Date.parse(at);
    } else groups.push({ at, what, lastMs: Date.parse(at), count: 1 });
  }
  return groups.map(({ at, what, count }) => mark(at, kind, text(count, what)));
}

function tasksIn(count: number): string {
  return count === 1 ? '1 task' : `${count} tasks`;
}

function verificationMarks({ run, verifications, verificationProgress }: MarksRequest): Mark[] {
  const begun = verificationProgress.map(({ pass, startedAt }) =>
    mark(startedAt, 'verification', `Verification of pass ${pass} began`),
  );
  const ended = verifications.map(({ pass, finishedAt, scanned, missing }) =>
    mark(
      finishedAt,
      'verification',
      `Verification of pass ${pass}: ${missing === 0 ? 'none' : missing.toLocaleString('en')} of ` +
        `${scanned.toLocaleString('en')} items lacked ${targetsText(run)}`,
    ),
  );
  return [...begun, ...ended];
}

function throttlingMark({ from, to, count, reason }: ThrottlingEpisode): Mark {
  const until = to === from ? '' : `, until ${to.slice(11, 19)} UTC`;
  return mark(
    from,
    'throttling',
    `DynamoDB throttled the fleet ${count.toLocaleString('en')} times${until}: ${reason}`,
  );
}

function mark(at: string, kind: MarkKind, text: string): Mark {
  return { at, kind, text };
}
