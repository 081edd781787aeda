import type { EngineName } from './bench-stage.ts';
import type { Measurement, Row } from './measure-row.ts';

export interface RowResult {
  readonly engine: EngineName;
  readonly row: Row;
  readonly median: Measurement;
}

const ENGINE_TITLES: Readonly<Record<EngineName, string>> = {
  null: 'Null server: what the client costs',
  dynoxide: 'dynoxide: the embedded engine',
  latency: 'dynoxide behind the capacity proxy, every call 5 ms later',
};

/** The median of each figure separately. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  const of = (figure: (measurement: Measurement) => number | undefined): number => {
    const figures = measurements
      .map(figure)
      .filter(value => value !== undefined)
      .sort((a, b) => a - b);
    const middle = figures.length / 2;
    const [low = Number.NaN, high = low] = figures.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1);
    return (low + high) / 2;
  };
  const known = (value: number) => (Number.isNaN(value) ? undefined : value);
  return {
    items: of(({ items }) => items),
    itemsPerSecond: of(({ itemsPerSecond }) => itemsPerSecond),
    cpuMicrosPerItem: of(({ cpuMicrosPerItem }) => cpuMicrosPerItem),
    startCpuMs: of(({ startCpuMs }) => startCpuMs),
    readUnitsPerItem: known(of(({ readUnitsPerItem }) => readUnitsPerItem)),
    writeUnitsPerItem: of(({ writeUnitsPerItem }) => writeUnitsPerItem),
    growthMiB: of(({ growthMiB }) => growthMiB),
    growthFromPage10MiB: known(of(({ growthFromPage10MiB }) => growthFromPage10MiB)),
    growthFromPage30MiB: known(of(({ growthFromPage30MiB }) => growthFromPage30MiB)),
    pages: of(({ pages }) => pages),
  };
}

/** Prints a Markdown table. `×` columns are ratios to the ceiling with the same number of processes. */
export function printTable(engine: EngineName, results: readonly RowResult[]): void {
  console.log(`\n**${ENGINE_TITLES[engine]}**\n`);
  console.log(
    '| | items | items/s | × | CPU µs an item | × | write units an item | read units an item | memory growth |',
  );
  console.log('|---|---:|---:|---:|---:|---:|---:|---:|---:|');
  for (const { row, median } of results) {
    const ceiling = results.find(
      other => other.row.name.startsWith('ceiling') && other.row.processes === row.processes,
    )?.median;
    const cells = [
      row.title,
      whole(median.items),
      whole(median.itemsPerSecond),
      ratio(median.itemsPerSecond, ceiling?.itemsPerSecond),
      median.cpuMicrosPerItem.toFixed(1),
      ratio(median.cpuMicrosPerItem, ceiling?.cpuMicrosPerItem),
      median.writeUnitsPerItem.toFixed(3),
      median.readUnitsPerItem?.toFixed(3) ?? 'not told',
      `${median.growthMiB.toFixed(0)} MiB`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

/** Prints the project's own criteria, as far as this run measured them. */
export function printCriteria(results: readonly RowResult[]): void {
  const find = (engine: EngineName, name: string) =>
    results.find(result => result.engine === engine && result.row.name === name)?.median;
  const lines: string[] = [];
  const demand = (what: string, value: number | undefined, limit: number, atMost: boolean) => {
    if (value === undefined || Number.isNaN(value)) return;
    const met = atMost ? value <= limit : value >= limit;
    lines.push(
      `| ${what} | ${value.toFixed(3)} | ${atMost ? '≤' : '≥'} ${limit} | ${met ? 'met' : 'NOT MET'} |`,
    );
  };
  const of = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? undefined : a / b;
  const batch = find('null', 'batch');
  demand(
    'CPU an item, worker / ceiling',
    of(batch?.cpuMicrosPerItem, find('null', 'ceiling')?.cpuMicrosPerItem),
    1.15,
    true,
  );
  demand(
    'CPU an item, worker / UpdateItem',
    of(batch?.cpuMicrosPerItem, find('null', 'update-item')?.cpuMicrosPerItem),
    0.1,
    true,
  );
  demand(
    'CPU an item, recipe / constant',
    of(find('null', 'recipe')?.cpuMicrosPerItem, batch?.cpuMicrosPerItem),
    1.5,
    true,
  );
  for (const [what, engine, one, other, limit] of [
    ['items a second on dynoxide, worker / ceiling', 'dynoxide', 'batch', 'ceiling', 0.9],
    ['items a second on dynoxide, 4 workers / 4 ceilings', 'dynoxide', 'batch-4', 'ceiling-4', 0.9],
    ['items a second with 5 ms of latency, worker / ceiling', 'latency', 'batch', 'ceiling', 0.95],
  ] as const) {
    demand(what, of(find(engine, one)?.itemsPerSecond, find(engine, other)?.itemsPerSecond), limit, false);
  }
  demand(
    'write units an item',
    find('latency', 'batch')?.writeUnitsPerItem ?? batch?.writeUnitsPerItem,
    1,
    true,
  );
  demand('memory growth, MiB', batch?.growthMiB, 40, true);
  if (lines.length === 0) return;
  console.log('\n| demand | measured | limit | |\n|---|---:|---:|---|');
  for (const line of lines) console.log(line);
}

function ratio(value: number, ceiling: number | undefined): string {
  return ceiling === undefined ? '' : (value / ceiling).toFixed(2);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
