import { randomBytes } from 'node:crypto';
import { encodeAttributeMap } from '../../core/attribute-value.ts';
import { createMetricsClient } from '../../core/aws-clients.ts';
import { heartbeatPace } from '../../core/control-pace.ts';
import { ConfigurationError, PreflightError } from '../../core/errors.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import { loadRule } from '../../core/recipe/load.ts';
import type { RunRecord, UndoLogRecord } from '../../core/records.ts';
import { layoutOf } from '../../core/undo/item-removal.ts';
import { identityOf, type LogSource, readLog } from '../../core/undo/log-reader.ts';
import { supervisorLogSegment } from '../../core/undo/log-store.ts';
import { linesOf } from '../checks/finding.ts';
import { settingWriterFindings } from '../checks/setting-writers.ts';
import { describeUserTable, type TableFacts } from '../checks/table.ts';
import { defineCommand, type Handler, RUN_POSITIONAL, type SettingsOf } from '../cli/command.ts';
import { confirm } from '../cli/confirm.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { flag, GROUP, value, wholeNumber } from '../cli/option.ts';
import { RATE_OPTIONS, RUN_OPTIONS } from '../cli/options.ts';
import { tableHeldHere } from '../cli/table-held.ts';
import { operatorName } from '../operator-name.ts';
import { chooseRates } from '../plan/choose-rates.ts';
import { lookAtFleet } from '../plan/prepare.ts';
import { readPrices } from '../plan/prices-file.ts';
import { tableSizeOf } from '../plan/run-sizes.ts';
import { look, openSession, openStores, readRun, type Session } from '../session.ts';
import type { Stores } from '../stores.ts';
import { superviseRun } from '../supervise/supervise-run.ts';
import { readLogStanding } from '../undo/log-standing.ts';
import { summariseLog } from '../undo/log-summary.ts';
import { newUndo } from '../undo/new-undo.ts';
import { requireUndoable } from '../undo/refusals.ts';
import { type UndoPlanInput, undoPlanText } from '../undo/undo-plan.ts';
import { sampleTable } from '../user-table/sample.ts';
import { chargedIndexes } from '../user-table/write-units.ts';
import { describeRun } from './run.ts';

/** The sample only looks for signs of live writers. */
const SAMPLE_SEGMENTS = 8;
const LONGEST_SAMPLE_MS = 10_000;

const { how, output: shown } = GROUP;

export const undo = defineCommand({
  usage: 'undo <run>',
  describe: 'Remove what a run wrote, where nobody has changed it since',
  positionals: RUN_POSITIONAL,
  options: {
    account: RUN_OPTIONS.account,
    tasks: value('Tasks at the same time (default: as many as the run had)', how, () =>
      wholeNumber(1, 10_000).optional(),
    ),
    ...RATE_OPTIONS,
    'unattended-rate': RUN_OPTIONS['unattended-rate'],
    'max-attempts': RUN_OPTIONS['max-attempts'],
    'max-cost': RUN_OPTIONS['max-cost'],
    prices: RUN_OPTIONS.prices,
    spot: RUN_OPTIONS.spot,
    yes: RUN_OPTIONS.yes,
    'dry-run': flag('Read every item and count; write nothing', how),
    list: flag('Print the keys of the items that the run set, as lines of DynamoDB JSON', shown),
    'list-unknown': flag('Print the keys of the items that the run may or may not have set', shown),
  },
  onlyShows: ({ list, listUnknown }) => list || listUnknown,
  examples: [
    ['$0 undo 20261124071218-1a2b3c --dry-run', 'count what would be removed, has changed, or is not known'],
    ['$0 undo 20261124071218-1a2b3c', 'show the plan, ask for confirmation, then undo'],
    ['$0 undo 20261124071218-1a2b3c --list', 'list the items that the run set'],
  ],
  check: ({ list, listUnknown, dryRun }) => {
    if ([list, listUnknown, dryRun].filter(Boolean).length > 1) {
      throw new ConfigurationError('Give only one of --list, --list-unknown and --dry-run.');
    }
  },
});

type UndoSession = Session<SettingsOf<typeof undo>>;

/** `orchestrate undo RUN`: starts a separate run, whose items come from the undo log of RUN. */
export const handler: Handler<typeof undo> = async context => {
  const { settings, output, detach } = context;
  if (settings.list || settings.listUnknown) {
    const stores = await openStores(context);
    const run = await readRun(stores, settings.run ?? '');
    const undoLog = await undoable(stores, run);
    return listKeys(sourceOf(stores, run, undoLog), settings.listUnknown ? 'unknown' : 'set', output);
  }
  const session = await openSession(context, 'of-a-run');
  const { stores } = session;
  const original = await readRun(stores, settings.run ?? '');
  const undoLog = await undoable(stores, original);
  const facts = await requireSameTable(session, original);
  const source = sourceOf(stores, original, undoLog);
  const fleet = await lookAtFleet(session);
  const plan = await planUndo(session, original, facts, source);
  output.say(undoPlanText(plan));
  if (settings.dryRun) return countOnly(session, original, source, plan);
  const failures = linesOf([fleet.finding], 'failure');
  if (failures.length > 0) {
    throw new PreflightError(
      `The undo is refused. Nothing was written.\n${failures.map(line => `- ${line}`).join('\n')}`,
    );
  }
  if (!settings.yes) {
    await confirm(
      original.table,
      `${original.table}@${original.account.slice(-4)}/${original.region}`,
      detach,
    );
  }
  const record = await stores.runs.create(
    newUndo({
      ...{ original, undoLog, runId: plan.runId, by: operatorName(), taskSize: fleet.taskSize },
      at: session.clock.nowIso(),
      tasks: plan.tasks,
      rates: plan.rates,
      ratesReason: plan.ratesReason,
      unattendedRate: settings.unattendedRate,
      maxAttempts: settings.maxAttempts,
      maxCostUsd: settings.maxCost,
      spot: settings.spot,
      namespace: session.surroundings.namespace,
      controlTable: session.surroundings.controlTable,
      heartbeat: heartbeatPace(plan.tasks),
    }),
  );
  output.setRun(record.runId);
  output.say(`Run ${record.runId} has begun. It removes what run ${original.runId} wrote.`);
  output.event('run.started', {
    resumed: false,
    undoes: original.runId,
    ...describeRun(record, plan.ratesReason),
  });
  return superviseRun(session, record);
};

/** @throws as requireUndoable */
async function undoable(stores: Stores, run: RunRecord): Promise<UndoLogRecord> {
  return requireUndoable(run, await look(() => stores.runs.list()), Date.now());
}

function sourceOf({ undoLog: store }: Stores, run: RunRecord, undoLog: UndoLogRecord): LogSource {
  const { runId, keySchema, totalSegments } = run;
  return { store, layout: layoutOf(keySchema, undoLog), runId, totalSegments };
}

/** @throws PreflightError when this is no longer the same table; TableLockedError when an unfinished run holds it. */
async function requireSameTable(
  { client, stores, settings }: UndoSession,
  run: RunRecord,
): Promise<TableFacts> {
  const facts = await describeUserTable(client, run.table);
  const { account } = settings;
  if (facts.arn !== run.tableArn || (account !== undefined && account !== facts.account)) {
    throw new PreflightError(
      `The table here is ${facts.arn}. Run ${run.runId} wrote to ${run.tableArn}${account === undefined ? '' : `, and --account is ${account}`}. Nothing was written.`,
    );
  }
  const made = facts.description.CreationDateTime;
  if (made && made.getTime() > Date.parse(run.createdAt)) {
    throw new PreflightError(
      `The table ${run.table} was created at ${made.toISOString()}, after run ${run.runId} had begun. It is another table of the same name. Nothing was written.`,
    );
  }
  const holder = await look(() => stores.runs.holderOf(facts.arn));
  if (holder !== undefined) throw tableHeldHere(run.table, holder);
  return facts;
}

async function planUndo(
  { client, clock, stores, settings, detach }: UndoSession,
  original: RunRecord,
  facts: TableFacts,
  source: LogSource,
): Promise<UndoPlanInput> {
  const chosen = await chooseRates(settings, facts.description, createMetricsClient());
  const segments = await stores.segments.list(original.runId);
  const rule = await loadRule(original, original.keySchema);
  // The sample shows what argues against the undo. Without a sample, the plan says so.
  const sample = await sampleTable({
    client,
    write: { table: original.table, keySchema: original.keySchema, rule },
    indexes: chargedIndexes(rule.targets, facts.description),
    createdKey: original.createdKey,
    segments: SAMPLE_SEGMENTS,
    tableSize: tableSizeOf(facts.description),
    limiter: new CapacityLimiter(clock, chosen.rates.readUnitsPerSecond),
    clock,
    random: Math.random,
    longestMs: LONGEST_SAMPLE_MS,
    signal: detach,
  }).catch(() => {
    detach.throwIfAborted();
    return undefined;
  });
  return {
    original,
    runId: `${clock.nowIso().replace(/\D/g, '').slice(0, 14)}-${randomBytes(3).toString('hex')}`,
    log: await summariseLog(source, original, segments),
    rates: chosen.rates,
    ratesReason: chosen.reason,
    tasks: Math.min(settings.tasks ?? original.tasks, supervisorLogSegment(original) + 1),
    writeUnitsPerItem: original.itemSize?.writeUnits ?? 1,
    prices: await readPrices(settings.prices),
    warnings: sample ? linesOf(settingWriterFindings(original, sample), 'warning') : [],
    dryRun: settings.dryRun,
  };
}

/** `--dry-run`: reads every item of the log and writes nothing. */
async function countOnly(
  { client, clock, detach, output }: UndoSession,
  original: RunRecord,
  source: LogSource,
  { rates }: UndoPlanInput,
): Promise<ExitCode> {
  const startedAtMs = clock.monotonicMs();
  const rate = new RateControl({ clock, paces: 'reads', seed: original.itemSize });
  rate.grant(rates, 0);
  const done = new AbortController();
  const adjusting = rate.adjustUntil(done.signal);
  const found = await readLogStanding({
    ...{ client, source, rate, clock, signal: detach, table: original.table, undoRun: '' },
  }).finally(() => done.abort());
  await adjusting;
  const { runId, table, attribute } = original;
  const { ours, changed, removed, deleted, unknown, read, readUnits } = found;
  output.say(
    `Nothing was written. An undo of run ${runId} would remove ${ours} values; ${changed + removed} have changed or are gone, ` +
      `${deleted} items were deleted, and ${unknown} values remain that the run may or may not have written.\n` +
      `To undo it: ${nextCommand('undo', runId)}`,
  );
  output.event('run.finished', {
    ...{ status: 'dry-run', undoes: runId, table, attribute, segments: original.totalSegments, tasks: 0 },
    ...{
      scanned: read,
      matched: ours + changed + removed + deleted,
      updated: 0,
      alreadySet: changed + removed,
    },
    ...{
      removed: ours,
      changed: changed + removed,
      deleted,
      unknown,
      quarantined: 0,
      missing: ours,
      passes: 0,
    },
    durationMs: Math.round(clock.monotonicMs() - startedAtMs),
    consumed: { readCapacityUnits: readUnits, writeCapacityUnits: 0 },
  });
  return EXIT.ok;
}

/** Prints one line for each key that the run set and nobody has undone, or that the run may have set. */
async function listKeys(
  source: LogSource,
  state: 'set' | 'unknown',
  output: UndoSession['output'],
): Promise<ExitCode> {
  for (let segment = 0; segment <= supervisorLogSegment(source); segment++) {
    const known = new Set<string>();
    const unknown = new Map<string, string>();
    for await (const chunk of readLog(source, segment)) {
      if (state === 'set') {
        if (chunk.undone !== undefined) continue;
        for (const key of new Set(chunk.set.map(entry => encodeAttributeMap(entry.key)))) {
          tell(key, state, output);
        }
        continue;
      }
      // An undo leaves unknown entries alone, so they are listed even after it.
      for (const entry of chunk.set) known.add(identityOf(entry));
      for (const entry of chunk.unknown) unknown.set(identityOf(entry), encodeAttributeMap(entry.key));
    }
    const open = [...unknown].filter(([identity]) => !known.has(identity)).map(([, key]) => key);
    for (const key of new Set(open)) tell(key, state, output);
  }
  return EXIT.ok;
}

function tell(key: string, state: 'set' | 'unknown', output: UndoSession['output']): void {
  output.print(key);
  output.event('undo.key', { state, key: JSON.parse(key) as unknown });
}
