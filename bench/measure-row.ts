import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../core/recipe/recipe.ts';
import type { BenchStage, EngineName } from './bench-stage.ts';
import { FleetfillRecords } from './fleetfill-launch.ts';
import { measureProcesses } from './measured-process.ts';
import { encodeRowSettings, type RowCounts } from './row-settings.ts';
import type { Usage } from './usage-hook.ts';

interface FleetfillProgram {
  readonly writeApi: 'batch' | 'single';
  readonly recipe?: Recipe;
  /** True by default. */
  readonly undoLog?: boolean;
}

/** One way to do the work. */
export interface Row {
  readonly name: string;
  readonly title: string;
  /** Fleetfill's worker with a write API, or a program of bench/rows. */
  readonly program: FleetfillProgram | { readonly row: string };
  readonly processes: number;
  /** The part of the run's items that this row gets. Slow rows get fewer. */
  readonly part: number;
  /** The engines on which the row runs; all by default. */
  readonly engines?: readonly EngineName[];
}

/** Two sources and two targets, as for the key of a new index. */
const INDEX_KEY: Recipe = {
  set: [
    { name: 'gsi1pk', expression: '"COUNTRY#" + country' },
    { name: 'gsi1sk', expression: 'population * 1000 + created / 86400000' },
  ],
};

export const ROWS: readonly Row[] = [
  {
    name: 'naive',
    title: 'naive script, one UpdateItem at a time',
    program: { row: 'naive' },
    processes: 1,
    part: 0.02,
  },
  {
    name: 'update-item',
    title: 'UpdateItem, DocumentClient, 64 in flight',
    program: { row: 'update-item' },
    processes: 1,
    part: 0.1,
  },
  {
    name: 'parallel-scan',
    title: '@shelf/dynamodb-parallel-scan, UpdateItem',
    program: { row: 'parallel-scan' },
    processes: 1,
    part: 0.1,
  },
  { name: 'single', title: 'Fleetfill `single`', program: { writeApi: 'single' }, processes: 1, part: 0.1 },
  { name: 'batch', title: 'Fleetfill `batch`', program: { writeApi: 'batch' }, processes: 1, part: 1 },
  {
    name: 'no-undo-log',
    title: 'Fleetfill `batch`, without an undo log',
    program: { writeApi: 'batch', undoLog: false },
    processes: 1,
    part: 1,
    engines: ['null'],
  },
  {
    name: 'recipe',
    title: 'Fleetfill `batch`, a recipe of two sources and two targets',
    program: { writeApi: 'batch', recipe: INDEX_KEY },
    processes: 1,
    part: 1,
  },
  {
    name: 'ceiling',
    title: 'ceiling: a bare loop of batches',
    program: { row: 'ceiling' },
    processes: 1,
    part: 1,
  },
  {
    name: 'batch-4',
    title: 'Fleetfill `batch`, 4 workers',
    program: { writeApi: 'batch' },
    processes: 4,
    part: 1,
    engines: ['dynoxide'],
  },
  {
    name: 'ceiling-4',
    title: 'ceiling, 4 loops',
    program: { row: 'ceiling' },
    processes: 4,
    part: 1,
    engines: ['dynoxide'],
  },
];

export interface Measurement {
  readonly items: number;
  readonly itemsPerSecond: number;
  readonly cpuMicrosPerItem: number;
  /** CPU time of each process before its first request. */
  readonly startCpuMs: number;
  /** Undefined if the program does not know. */
  readonly readUnitsPerItem: number | undefined;
  readonly writeUnitsPerItem: number;
  /** The growth of resident memory since the first request, for the process that grew most. */
  readonly growthMiB: number;
  /** The growth since the tenth page and since the thirtieth. */
  readonly growthFromPage10MiB: number | undefined;
  readonly growthFromPage30MiB: number | undefined;
  readonly pages: number;
}

const ATTRIBUTE = 'test';

/**
 * Runs one row over a whole table of its own.
 * @throws Error when it fails or leaves an item without the attribute
 */
export async function measureRow(
  stage: BenchStage,
  row: Row,
  items: number,
  signal: AbortSignal,
): Promise<Measurement> {
  const count = Math.max(1, Math.round(items * row.part));
  const table = await stage.createTable(count);
  const directory = await stage.rowDirectory(`${row.name}-${table}`);
  const { usages, counts } =
    'row' in row.program
      ? await runProgram(stage, row.program.row, { table, row, directory }, signal)
      : await runFleetfill(stage, row.program, { table, row, directory }, signal);
  const missing = await stage.missing(table, targetOf(row));
  await stage.deleteTable(table);
  const done = sum(counts.map(counted => counted.items));
  if (missing > 0 || done !== count) {
    throw new Error(`${row.title} set ${done} of ${count} items and left ${missing} without the attribute.`);
  }
  const seconds =
    (Math.max(...usages.map(usage => usage.endedAtMs)) -
      Math.min(...usages.map(usage => usage.startedAtMs))) /
    1_000;
  const readUnits = sum(counts.map(counted => counted.readUnits ?? Number.NaN));
  return {
    items: done,
    itemsPerSecond: done / seconds,
    cpuMicrosPerItem: (sum(usages.map(usage => usage.cpuMs)) * 1_000) / done,
    startCpuMs: sum(usages.map(usage => usage.startCpuMs)) / usages.length,
    readUnitsPerItem: Number.isNaN(readUnits) ? undefined : readUnits / done,
    writeUnitsPerItem: sum(counts.map(counted => counted.writeUnits)) / done,
    growthMiB: Math.max(...usages.map(usage => mib(usage.maxRssBytes - usage.idleRssBytes))),
    growthFromPage10MiB: growthFromPage(usages, 10),
    growthFromPage30MiB: growthFromPage(usages, 30),
    pages: sum(usages.map(usage => usage.rssByPage.length)),
  };
}

/** The attribute that no item may lack at the end; with a recipe, its first target. */
function targetOf({ program }: Row): string {
  return ('recipe' in program && program.recipe?.set[0]?.name) || ATTRIBUTE;
}

interface RowRun {
  readonly table: string;
  readonly row: Row;
  readonly directory: string;
}

interface Outcome {
  readonly usages: readonly Usage[];
  readonly counts: readonly RowCounts[];
}

async function runProgram(
  stage: BenchStage,
  program: string,
  { table, row, directory }: RowRun,
  signal: AbortSignal,
): Promise<Outcome> {
  const countsPath = (segment: number) => join(directory, `counts-${segment}.json`);
  const segments = Array.from({ length: row.processes }, (_, segment) => segment);
  const usages = await measureProcesses(
    segments.map(segment => ({
      bundle: stage.bundles.row(program),
      environment: {
        ...stage.environment,
        ...encodeRowSettings(
          { table, attribute: ATTRIBUTE, segment, totalSegments: row.processes },
          countsPath(segment),
        ),
      },
    })),
    stage.bundles.hook,
    directory,
    signal,
  );
  return {
    usages,
    counts: segments.map(segment => JSON.parse(readFileSync(countsPath(segment), 'utf8')) as RowCounts),
  };
}

async function runFleetfill(
  stage: BenchStage,
  { writeApi, recipe, undoLog = true }: FleetfillProgram,
  { table, row, directory }: RowRun,
  signal: AbortSignal,
): Promise<Outcome> {
  const controlTable = stage.environment['FLEETFILL_CONTROL_TABLE'] ?? '';
  const run = `bench-${table}`;
  const records = new FleetfillRecords(controlTable, stage.stack.controlEngine.endpoint);
  const environments = await records.create({
    runId: run,
    table,
    attribute: targetOf(row),
    ...(recipe && { recipe }),
    undoLog,
    writeApi,
    totalSegments: row.processes,
    controlTable,
  });
  const usages = await measureProcesses(
    environments.map(environment => ({
      bundle: stage.bundles.job,
      environment: { ...stage.environment, ...environment },
    })),
    stage.bundles.hook,
    directory,
    signal,
  );
  return { usages, counts: await records.counts(run) };
}

function growthFromPage(usages: readonly Usage[], page: number): number | undefined {
  const growths = usages.flatMap(({ rssByPage }) => {
    const then = rssByPage[page - 1];
    return then === undefined ? [] : [mib(Math.max(...rssByPage.slice(page - 1)) - then)];
  });
  return growths.length > 0 ? Math.max(...growths) : undefined;
}

function mib(bytes: number): number {
  return bytes / 1_024 / 1_024;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
