import {
  count,
  dollars,
  duration,
  elapsedMs,
  percent,
  rate,
  roughDuration,
  stageOf,
} from '../snapshot/format.ts';
import { outcomesOf } from '../snapshot/outcomes.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { drawStrip } from './segment-strip.ts';
import { type Line, render, type Span, type Style } from './styled-text.ts';

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

const LABEL_COLUMNS = 11;
/** A wider bar shows nothing more. */
const MOST_BAR_COLUMNS = 40;
const MOST_STRIP_ROWS = 4;

/** A line of the frame. In a low terminal, lines with a larger rank are dropped first. */
interface Row {
  readonly line: Line;
  readonly rank: number;
}

/** Draws one frame of the live view, as lines with terminal styles that fit the size. */
export function drawFrame(snapshot: Snapshot, { columns, rows }: FrameSize): string[] {
  const width = Math.max(10, columns - 1);
  const all = [
    ...heading(snapshot),
    ...segmentRows(snapshot, width),
    progressRow(snapshot, width),
    ...rateRows(snapshot, width),
    taskRow(snapshot),
    ...throttlingRow(snapshot),
    ...cutRow(snapshot),
    ...itemRow(snapshot),
    timeRow(snapshot),
    spentRow(snapshot),
  ];
  // The cursor takes the last line of the screen.
  const most = Math.max(1, rows - 1);
  const ranks = all.map(({ rank }) => rank).sort((a, b) => a - b);
  const lastRank = ranks[most - 1] ?? Number.POSITIVE_INFINITY;
  return all
    .filter(({ rank }) => rank <= lastRank)
    .slice(0, most)
    .map(({ line }) => render(line, width));
}

function heading({ run, states, at }: Snapshot): Row[] {
  const stage: Span = [stageOf({ run, states }), stageStyle(run.status)];
  return [
    {
      rank: 0,
      line: [
        ['Fleetfill ', 'bold'],
        stage,
        [` · ${duration(elapsedMs({ at, run }))} · pass ${run.pass} of ${run.passes}`],
      ],
    },
    {
      rank: 8,
      line: [[`${run.table}: ${run.written}, run ${run.runId}`, 'gray']],
    },
  ];
}

function stageStyle(status: Snapshot['run']['status']): Style {
  if (status === 'failed' || status === 'incomplete') return 'red';
  if (status === 'paused' || status === 'cancelled' || status === 'quarantined') return 'yellow';
  return status === 'verified' ? 'green' : 'cyan';
}

function labelled(label: string, ...spans: Span[]): Line {
  return [[label.padEnd(LABEL_COLUMNS), 'gray'], ...spans];
}

function segmentRows({ segments, states, run, verifications }: Snapshot, width: number): Row[] {
  const now = verifications.find(({ pass }) => pass === run.pass);
  if (run.status === 'verifying' && now) {
    const cells = now.segments.map(({ done, missing }) => (missing > 0 ? '✗' : done ? '█' : '·'));
    const style = now.segments.some(({ missing }) => missing > 0) ? 'yellow' : 'green';
    return [
      { rank: 2, line: labelled('Verifying', [cells.join('').slice(0, width - LABEL_COLUMNS), style]) },
    ];
  }
  const strip = drawStrip(segments, Math.max(8, width - LABEL_COLUMNS), MOST_STRIP_ROWS).map(
    (line, index) => ({
      rank: index === 0 ? 2 : 7 + index,
      line: labelled(index === 0 ? 'Segments' : '', ...line),
    }),
  );
  const failed: Span[] = states.failed > 0 ? [[`, ${count(states.failed)} given up`, 'red']] : [];
  const stalled = segments.filter(segment => segment.stalled).length;
  const slow: Span[] = stalled > 0 ? [[`, ${count(stalled)} without progress`, 'yellow']] : [];
  return [
    ...strip,
    {
      rank: 6,
      line: labelled(
        '',
        [`${count(states.complete)} of ${count(run.totalSegments)} complete`],
        ...failed,
        ...slow,
      ),
    },
  ];
}

function progressRow({ progress }: Snapshot, width: number): Row {
  const line = labelled('Done', ...bar(progress.part, 'green', width), [
    ` ${percent(progress.part)} ${progress.basis}`,
  ]);
  return { rank: 1, line };
}

function rateRows({ rate: now, run, throttling }: Snapshot, width: number): Row[] {
  const row = (label: string, used: number | undefined, budget: number, rank: number): Row => {
    const known = used ?? 0;
    const style = throttling ? 'yellow' : 'cyan';
    return {
      rank,
      line: labelled(label, ...bar(budget > 0 ? known / budget : 0, style, width), [
        ` ${used === undefined ? '–' : rate(known)} of ${rate(budget)} units/s`,
      ]),
    };
  };
  return [
    row('Writes', now?.writeUnitsPerSecond, run.budgetNow.writeUnitsPerSecond, 3),
    row('Reads', now?.readUnitsPerSecond, run.budgetNow.readUnitsPerSecond, 9),
  ];
}

function bar(part: number, style: Style, width: number): Span[] {
  const columns = Math.max(5, Math.min(MOST_BAR_COLUMNS, Math.floor((width - LABEL_COLUMNS) * 0.45)));
  const full = Math.round(Math.max(0, Math.min(1, part)) * columns);
  return [
    ['━'.repeat(full), style],
    ['─'.repeat(columns - full), 'gray'],
  ];
}

function taskRow({ tasks, run, relaunches }: Snapshot): Row {
  const running = tasks.filter(({ status }) => status === 'running').length;
  const launching = tasks.filter(({ status }) => status === 'launching').length;
  const late = tasks.filter(task => task.late).length;
  const spans: Span[] = [[`${count(running)} of ${count(run.tasksWanted)} running`]];
  if (launching > 0) spans.push([`, ${count(launching)} starting`]);
  if (late > 0) spans.push([`, ${count(late)} without a heartbeat`, 'yellow']);
  if (relaunches > 0) spans.push([`, ${count(relaunches)} launched again`]);
  return { rank: 4, line: labelled('Tasks', ...spans) };
}

function throttlingRow({ throttling }: Snapshot): Row[] {
  if (!throttling) return [];
  const { tasks, reason } = throttling;
  const who = tasks === 1 ? '1 task' : `${count(tasks)} tasks`;
  return [{ rank: 2, line: labelled('Throttled', [`${who}: ${reason}`, ['bold', 'yellow']]) }];
}

function cutRow({ run: { budget, cut } }: Snapshot): Row[] {
  if (!cut) return [];
  const text = `to ${percent(cut.factor)} of ${rate(budget.writeUnitsPerSecond)} units/s: ${cut.reason}`;
  return [{ rank: 2, line: labelled('Cut', [text, ['bold', 'yellow']]) }];
}

function itemRow({ counters, run: { undoes } }: Snapshot): Row[] {
  const { scanned, quarantined } = counters;
  const spans: Span[] = [
    [[`${count(scanned)} scanned`, ...outcomesOf(counters, undoes !== null)].join(', ')],
  ];
  if (quarantined > 0) spans.push([`, ${count(quarantined)} in quarantine`, 'red']);
  return [{ rank: 5, line: labelled('Items', ...spans) }];
}

function timeRow({ progress }: Snapshot): Row {
  const { remainingMs, remainingBasis } = progress;
  const text =
    remainingMs === null
      ? remainingBasis
      : `${roughDuration(remainingMs)} left, estimated from ${remainingBasis}`;
  return { rank: 6, line: labelled('Time', [text]) };
}

function spentRow({ counters, cost }: Snapshot): Row {
  const fargate = cost.fargate === null ? 'without Fargate' : `Fargate ${dollars(cost.fargate)}`;
  return {
    rank: 7,
    line: labelled(
      'Spent',
      [`${dollars(cost.total)}`, 'bold'],
      [` for ${count(counters.writeUnits)} write, ${count(counters.readUnits)} read units, ${fargate}`],
    ),
  };
}
