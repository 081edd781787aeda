import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { BenchStage, type EngineName } from './bench-stage.ts';
import { type Measurement, measureRow, ROWS, type Row } from './measure-row.ts';
import {
  measureVerification,
  PAGE_LATENCIES_MS,
  printVerification,
  type VerificationMeasurement,
} from './measure-verification.ts';
import { medianOf, printCriteria, printTable, type RowResult } from './report.ts';

/**
 * `npm run bench`: the same work done in different ways, side by side, on engines of different speed. Every row is a
 * separate process, rows alternate within a round, and the figures are medians over the rounds.
 */
const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    engines: { type: 'string', default: 'null,dynoxide,latency' },
    rows: { type: 'string', default: [...ROWS.map(row => row.name), 'verification'].join() },
    /** Measures another build of the worker than dist/'s. */
    job: { type: 'string', default: 'dist/job.mjs' },
    json: { type: 'boolean', default: false },
  },
});
// The SDK's notice about the Node version is not about the rows.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const items = Number(values.items);
const rounds = Number(values.rounds);
const wanted = values.rows.split(',');
const results: RowResult[] = [];
for (const engine of values.engines.split(',') as EngineName[]) {
  const rows = ROWS.filter(row => wanted.includes(row.name) && (row.engines ?? [engine]).includes(engine));
  if (rows.length === 0) continue;
  const measured = await measureEngine(engine, rows);
  results.push(...measured);
  if (!values.json) printTable(engine, measured);
}
if (!values.json) printCriteria(results);
if (wanted.includes('verification')) await measureVerifications();

async function measureEngine(engine: EngineName, rows: readonly Row[]): Promise<RowResult[]> {
  const stage = await BenchStage.open(engine, values.job);
  const measurements = new Map<Row, Measurement[]>(rows.map(row => [row, []]));
  try {
    for (let round = 1; round <= rounds; round++) {
      // Every other round runs backwards, so that a machine that becomes slower or faster favours no row.
      for (const row of round % 2 === 0 ? rows.toReversed() : rows) {
        const measurement = await measureRow(stage, row, items, stop.signal);
        measurements.get(row)?.push(measurement);
        const line = { engine, row: row.name, round, load: loadavg()[0], ...measurement };
        if (values.json) console.log(JSON.stringify(line));
        else if (process.stderr.isTTY) process.stderr.write(`${engine} ${row.name} ${round}\r`);
      }
    }
  } finally {
    await stage.close();
  }
  return rows.map(row => ({ engine, row, median: medianOf(measurements.get(row) ?? []) }));
}

/** Measures `orchestrate verify` against a table that answers each page after 0, 20 and 150 ms. */
async function measureVerifications(): Promise<void> {
  const stage = await BenchStage.open('null', values.job);
  const measured: VerificationMeasurement[] = [];
  try {
    const where = { hook: stage.bundles.hook, directory: stage.directory };
    for (const latencyMs of PAGE_LATENCIES_MS) {
      measured.push(await measureVerification(latencyMs, where, stop.signal));
    }
  } finally {
    await stage.close();
  }
  if (!values.json) printVerification(measured);
  else
    for (const measurement of measured) console.log(JSON.stringify({ row: 'verification', ...measurement }));
}
