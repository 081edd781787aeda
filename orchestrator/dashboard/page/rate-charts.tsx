import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { clockTime, count, rate } from '../../snapshot/format.ts';
import type { HistoryPoint, Snapshot } from '../../snapshot/snapshot.ts';
import { rateChart, taskChart } from './chart-options.ts';
import { useScheme, useWidth } from './use-surroundings.ts';

type Columns = uPlot.AlignedData;

/** The point that each key selects, from the current point and the last one. */
const MOVES: Readonly<Record<string, (index: number, last: number) => number>> = {
  ArrowRight: index => index + 1,
  ArrowLeft: index => index - 1,
  PageUp: (index, last) => index + Math.ceil(last / 10),
  PageDown: (index, last) => index - Math.ceil(last / 10),
  Home: () => 0,
  End: (_, last) => last,
};

/** Charts the rate against the budget, and below it the number of tasks in authority over the same time. */
export function RateCharts({ snapshot }: { snapshot: Snapshot }) {
  const { history, marks } = snapshot;
  const [cursor, setCursor] = useState<number | null>(null);
  const rates = useMemo(() => rateColumns(history), [history]);
  const tasks = useMemo(() => taskColumns(history), [history]);
  const latest = useRef({ history, marks });
  latest.current = { history, marks };
  if (history.length < 2) return <p class="muted">There is nothing to draw yet.</p>;
  const last = history.length - 1;
  const index = Math.min(cursor ?? last, last);
  const now = history[index];
  const move = (event: KeyboardEvent) => {
    if (event.key === 'Escape') return setCursor(null);
    const to = MOVES[event.key]?.(index, last);
    if (to === undefined) return;
    event.preventDefault();
    setCursor(Math.max(0, Math.min(last, to)));
  };
  return (
    <figure>
      <Readout point={now} />
      <div
        role="slider"
        tabIndex={0}
        aria-label="Position on the timeline. Use the arrow keys to move."
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={index}
        aria-valuetext={now && describePoint(now)}
        onKeyDown={move}
        onBlur={() => setCursor(null)}
      >
        <Chart
          data={rates}
          height={230}
          cursor={cursor}
          make={() => rateChart(() => latest.current, setCursor)}
        />
        <Chart
          data={tasks}
          height={92}
          cursor={cursor}
          make={() => taskChart(() => latest.current, setCursor)}
        />
      </div>
      <figcaption class="sr-only">{summaryOf(history)}</figcaption>
    </figure>
  );
}

function Chart({
  data,
  height,
  cursor,
  make,
}: {
  data: Columns;
  height: number;
  /** The point selected with the pointer or a key. */
  cursor: number | null;
  make: () => Omit<uPlot.Options, 'width' | 'height'>;
}) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const width = useWidth(place);
  const scheme = useScheme();
  // Rebuilt when the colour scheme changes, because it sets the colours. Size and data are set below.
  useEffect(() => {
    if (!place.current || width === 0) return;
    const made = new uPlot({ ...make(), width, height }, data, place.current);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = undefined;
    };
  }, [scheme, width > 0]);
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);
  useEffect(() => plot.current?.setData(data), [data]);
  useEffect(() => {
    const made = plot.current;
    if (made && (made.cursor.idx ?? null) !== cursor) moveCursor(made, cursor);
  }, [cursor]);
  return <div ref={place} class="chart" style={{ height: `${height}px` }} aria-hidden="true" />;
}

/** Moves the cursor's line to a point, or hides it. */
function moveCursor(plot: uPlot, index: number | null): void {
  const t = index === null ? undefined : plot.data[0][index];
  const left = t === undefined ? -10 : plot.valToPos(t, 'x');
  plot.setCursor({ left, top: index === null ? -10 : 0 }, false);
}

/** Shows the values under the pointer, or else the newest ones. */
function Readout({ point }: { point: HistoryPoint | undefined }) {
  if (!point) return null;
  const known = (value: number | null) => (value === null ? '–' : rate(value));
  return (
    <ul class="legend readout">
      <li>{clockTime(new Date(point.t * 1_000).toISOString())} UTC</li>
      <li>
        <span class="swatch tone-busy" aria-hidden="true" />
        {known(point.write)} write units/s
      </li>
      <li>
        <span class="swatch line-budget" aria-hidden="true" />
        budget {rate(point.budgetWrite)}
      </li>
      <li>
        <span class="swatch tone-read" aria-hidden="true" />
        {known(point.read)} read units/s
      </li>
      <li>
        <span class="swatch tone-care" aria-hidden="true" />
        {point.throttled > 0 ? `throttled ${count(point.throttled)} times` : 'not throttled'}
      </li>
      <li>
        <span class="swatch tone-tasks" aria-hidden="true" />
        {count(point.tasks)} tasks
      </li>
    </ul>
  );
}

/** One point as a sentence for screen readers. */
function describePoint(point: HistoryPoint): string {
  const known = (value: number | null) => (value === null ? 'not known' : rate(value));
  const throttled = point.throttled > 0 ? `throttled ${count(point.throttled)} times` : 'not throttled';
  return (
    `${clockTime(new Date(point.t * 1_000).toISOString())} UTC: ${known(point.write)} write units a second of ` +
    `${rate(point.budgetWrite)}, ${known(point.read)} read units, ${throttled}, ${count(point.tasks)} tasks`
  );
}

function rateColumns(history: readonly HistoryPoint[]): Columns {
  return [
    history.map(({ t }) => t),
    history.map(({ write }) => write),
    history.map(({ budgetWrite }) => budgetWrite),
    history.map(({ read }) => read),
  ];
}

function taskColumns(history: readonly HistoryPoint[]): Columns {
  return [history.map(({ t }) => t), history.map(({ tasks }) => tasks)];
}

function summaryOf(history: readonly HistoryPoint[]): string {
  const writes = history.flatMap(({ write }) => (write === null ? [] : [write]));
  const throttled = history.reduce((sum, point) => sum + point.throttled, 0);
  const last = history.at(-1);
  return (
    `Write units a second over time: at most ${rate(Math.max(0, ...writes))}, most recently ${rate(writes.at(-1) ?? 0)} ` +
    `of a budget of ${rate(last?.budgetWrite ?? 0)}. Throttled ${count(throttled)} times. Most recently ${count(last?.tasks ?? 0)} tasks.`
  );
}
