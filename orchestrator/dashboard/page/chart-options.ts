import uPlot from 'uplot';
import { rate } from '../../snapshot/format.ts';
import type { HistoryPoint, Mark, MarkKind } from '../../snapshot/snapshot.ts';
import { colour } from './strip-paint.ts';

interface Background {
  readonly history: readonly HistoryPoint[];
  readonly marks: readonly Mark[];
}

type ChartOptions = Omit<uPlot.Options, 'width' | 'height'>;

/** Charts with the same key move their cursors together. */
const SYNC = 'fleetfill';
const AXIS_WIDTH = 58;
const FONT = '12px system-ui, sans-serif';

/** Marks that draw a line across the chart, each with its colour in the style sheet. */
const LINES: Readonly<Partial<Record<MarkKind, string>>> = {
  change: 'care-fill',
  'task-lost': 'bad',
  end: 'good',
};

export function rateChart(
  background: () => Background,
  onCursor: (index: number | null) => void,
): ChartOptions {
  const busy = colour('busy');
  return {
    ...common(background, onCursor),
    series: [
      {},
      {
        label: 'write',
        stroke: busy,
        width: 2,
        fill: `${busy}2e`,
        ...averages(),
        points: { show: false },
      },
      {
        label: 'budget',
        stroke: colour('text'),
        width: 1.5,
        dash: [6, 4],
        ...stepped(),
        points: { show: false },
      },
      { label: 'read', stroke: colour('read'), width: 1.5, ...averages(), points: { show: false } },
    ],
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, (most ?? 1) * 1.12)] } },
    axes: [timeAxis(false), valueAxis(value => rate(value))],
  };
}

export function taskChart(
  background: () => Background,
  onCursor: (index: number | null) => void,
): ChartOptions {
  const tasks = colour('tasks');
  return {
    ...common(background, onCursor),
    series: [
      {},
      {
        label: 'tasks',
        stroke: tasks,
        width: 2,
        fill: `${tasks}26`,
        ...stepped(),
        points: { show: false },
      },
    ],
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, (most ?? 1) * 1.3)] } },
    axes: [
      timeAxis(true),
      { ...valueAxis(value => String(value)), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] },
    ],
  };
}

/** A value that holds until the next point. */
function stepped(): Pick<uPlot.Series, 'paths'> {
  const paths = uPlot.paths.stepped?.({ align: 1 });
  return paths ? { paths } : {};
}

/** A rate is the average since the previous point. */
function averages(): Pick<uPlot.Series, 'paths'> {
  const paths = uPlot.paths.stepped?.({ align: -1 });
  return paths ? { paths } : {};
}

function common(
  background: () => Background,
  onCursor: (index: number | null) => void,
): Pick<uPlot.Options, 'legend' | 'cursor' | 'hooks' | 'tzDate' | 'padding'> {
  return {
    legend: { show: false },
    // Half of a time label needs room on the right.
    padding: [10, 30, 0, 0],
    cursor: { sync: { key: SYNC }, y: false, points: { show: false } },
    tzDate: t => uPlot.tzDate(new Date(t * 1_000), 'Etc/UTC'),
    hooks: {
      drawClear: [plot => paintVerifying(plot, background())],
      draw: [plot => paintMarks(plot, background())],
      setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)],
    },
  };
}

/** Labels show the date too when the chart covers more than two days. */
const DAYS = 172_800;

/** Seconds between two labels. The steps are small enough that even a phone shows a label for any span. */
const TIME_STEPS = [
  ...[1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800],
  ...[3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000],
];

function timeAxis(labels: boolean): uPlot.Axis {
  return {
    stroke: colour('muted'),
    font: FONT,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    space: (_, __, from, to) => (to - from > DAYS ? 100 : 72),
    incrs: [...TIME_STEPS],
    size: labels ? 26 : 6,
    values: (plot, splits) => (labels ? splits.map(t => timeLabel(plot, t)) : splits.map(() => '')),
  };
}

function timeLabel({ scales }: uPlot, t: number): string {
  const iso = new Date(t * 1_000).toISOString();
  const span = (scales['x']?.max ?? 0) - (scales['x']?.min ?? 0);
  if (span > DAYS) return `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
  return span > 600 ? iso.slice(11, 16) : iso.slice(11, 19);
}

function valueAxis(text: (value: number) => string): uPlot.Axis {
  return {
    stroke: colour('muted'),
    font: FONT,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    size: AXIS_WIDTH,
    values: (_, splits) => splits.map(text),
  };
}

/** Paints a band behind the time of a verification. */
function paintVerifying(plot: uPlot, { history }: Background): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = `${colour('good')}24`;
  for (let index = 1; index < history.length; index++) {
    const point = history[index];
    const before = history[index - 1];
    if (!point?.verifying || !before) continue;
    const [from, to] = [within(plot, before.t), within(plot, point.t)];
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }
  ctx.restore();
}

/** Paints ticks at the top where the table throttled, and lines where something happened. */
function paintMarks(plot: uPlot, { history, marks }: Background): void {
  const { ctx, bbox } = plot;
  const scale = window.devicePixelRatio || 1;
  ctx.save();
  ctx.fillStyle = colour('care-fill');
  for (const { t, throttled } of history) {
    if (throttled > 0) ctx.fillRect(within(plot, t) - scale, bbox.top - 8 * scale, 3 * scale, 8 * scale);
  }
  ctx.lineWidth = scale;
  ctx.setLineDash([2 * scale, 3 * scale]);
  for (const { at, kind } of marks) {
    const name = LINES[kind];
    if (!name) continue;
    const x = within(plot, Date.parse(at) / 1_000);
    ctx.strokeStyle = colour(name);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function within(plot: uPlot, t: number): number {
  const { left, width } = plot.bbox;
  return Math.max(left, Math.min(left + width, plot.valToPos(t, 'x', true)));
}
