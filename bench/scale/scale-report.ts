import { PRICES } from '../../orchestrator/plan/prices.ts';
import type { ProcessCost } from './measure-process.ts';
import type { ScaleResult } from './measure-scale.ts';
import type { SupervisorCost } from './measure-supervisor.ts';

export interface ScaleRow {
  readonly name: string;
  readonly result: ScaleResult;
  readonly supervisor: SupervisorCost;
  readonly process: ProcessCost;
}

/** The size of a task: a quarter vCPU and half a GB. */
const TASK = { vcpu: 0.25, gb: 0.5 };

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line), ''].join('\n');
}

/** Extrapolates the hours and dollars of the whole run from the measured rates. */
function wholeRun({
  size,
  written,
  simulatedSeconds,
  startedAfterSeconds = 0,
  budgetUsed,
  ...rest
}: ScaleResult) {
  const rate = budgetUsed * size.budget;
  const seconds = rest.ended ? simulatedSeconds : startedAfterSeconds + size.items / Math.max(1, rate);
  const perMillion = (units: number, price: number) => (units / 1e6) * price;
  const scale = rest.ended ? 1 : size.items / Math.max(1, written);
  const control =
    perMillion(rest.writeUnits.total * scale, PRICES.perMillionWriteUnits) +
    perMillion(rest.readUnits.total * scale, PRICES.perMillionReadUnits);
  const writes = perMillion(size.items, PRICES.perMillionWriteUnits);
  const fargate =
    size.tasks *
    (seconds / 3_600) *
    (TASK.vcpu * PRICES.fargate.ARM64.perVcpuHour + TASK.gb * PRICES.fargate.ARM64.perGbHour);
  return { hours: seconds / 3_600, control, writes, fargate, part: control / writes };
}

export function scaleTable(rows: readonly ScaleRow[]): string {
  return table(
    [
      'size',
      'items',
      'segments',
      'tasks',
      'units a second',
      'all tasks run after',
      'budget used',
      'control writes a second',
      'peak',
      'control reads a second',
      'peak',
      'RunTask a second, peak',
      'DescribeTasks a second, peak',
      'tasks that died',
      'the whole run',
      'writes',
      'control table',
      'part',
      'Fargate',
    ],
    rows.map(({ name, result }) => {
      const { size } = result;
      const { hours, control, writes, fargate, part } = wholeRun(result);
      return [
        `${name}${result.ended ? '' : `, ${number(result.simulatedSeconds)} s of it`}`,
        number(size.items),
        number(size.segments),
        number(size.tasks),
        number(size.budget),
        result.startedAfterSeconds === undefined ? 'later' : `${number(result.startedAfterSeconds)} s`,
        result.startedAfterSeconds === undefined ? '' : `${number(result.budgetUsed * 100, 1)} %`,
        number(result.writeUnits.perSecond),
        `${number(result.writeUnits.peak)} (second ${result.writeUnits.peakAt})`,
        number(result.readUnits.perSecond),
        `${number(result.readUnits.peak)} (second ${result.readUnits.peakAt})`,
        number(result.runTaskPeak),
        number(result.describeTasksPeak),
        number(result.deaths),
        result.startedAfterSeconds === undefined ? '' : `${number(hours, 1)} h`,
        `$${number(writes, 2)}`,
        // The start of a run, with its launches and assignments, is not typical for the rest.
        result.ended ? `$${number(control, 2)}` : '',
        result.ended ? `${number(part * 100, 2)} %` : '',
        result.startedAfterSeconds === undefined ? '' : `$${number(fargate, 2)}`,
      ];
    }),
  );
}

export function supervisorTable(rows: readonly ScaleRow[]): string {
  return table(
    [
      'size',
      'segments',
      'tasks',
      'CPU of a turn',
      'longest block of the event loop',
      'longest pause for garbage',
      'heap',
    ],
    rows.map(({ name, result: { size }, supervisor }) => [
      name,
      number(size.segments),
      number(size.tasks),
      `${number(supervisor.cpuMsPerTurn, 1)} ms`,
      `${number(supervisor.longestBlockMs, 1)} ms`,
      `${number(supervisor.longestGcMs, 1)} ms`,
      `${number(supervisor.heapMb)} MB`,
    ]),
  );
}

/** The same supervisor as a process, from its first request on: with the SDK, over HTTP, and with Node's start. */
export function processTable(rows: readonly ScaleRow[]): string {
  return table(
    [
      'size',
      'segments',
      'tasks',
      'watched for',
      'requests',
      'CPU',
      'longest rounds of the event loop',
      'rounds over 50 ms',
      'longest pause for garbage',
      'heap',
    ],
    rows.map(({ name, result: { size }, process }) => [
      name,
      number(size.segments),
      number(size.tasks),
      `${number(process.lastedMs / 1_000)} s`,
      number(process.requests),
      `${number(process.cpuMs / 1_000, 1)} s`,
      `${process.longest
        .slice(0, 3)
        .map(({ ms }) => number(ms, 1))
        .join(', ')} ms`,
      number(process.roundsOver50Ms),
      `${number(process.longestGcMs, 1)} ms`,
      `${number(process.heapMb)} MB`,
    ]),
  );
}

/** Shows what grew from each size to the next, beside the growth of the size itself. */
export function growthTable(rows: readonly ScaleRow[]): string {
  const ratio = (after: number, before: number) =>
    before > 0 ? `× ${number(after / before, after / before < 10 ? 1 : 0)}` : '';
  return table(
    ['from, to', 'items', 'segments', 'tasks', 'control writes', 'control reads', 'CPU of a turn', 'heap'],
    rows.slice(1).map((row, index) => {
      const before = rows[index] as ScaleRow;
      const [a, b] = [before.result, row.result];
      return [
        `${before.name}, ${row.name}`,
        ratio(b.size.items, a.size.items),
        ratio(b.size.segments, a.size.segments),
        ratio(b.size.tasks, a.size.tasks),
        ratio(b.writeUnits.perSecond, a.writeUnits.perSecond),
        ratio(b.readUnits.perSecond, a.readUnits.perSecond),
        ratio(row.supervisor.cpuMsPerTurn, before.supervisor.cpuMsPerTurn),
        ratio(row.supervisor.heapMb, before.supervisor.heapMb),
      ];
    }),
  );
}
