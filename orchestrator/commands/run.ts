import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { parseJsonValue } from '../../core/attribute-value.ts';
import { createMetricsClient } from '../../core/aws-clients.ts';
import {
  ConfigurationError,
  describeError,
  NotConfirmedError,
  PreflightError,
  TableLockedError,
} from '../../core/errors.ts';
import { describeWrite, type ItemWrite, nameUnfitForBatch } from '../../core/item-write.ts';
import { NO_COUNTERS, type RunRecord, type WriteApi } from '../../core/records.ts';
import type { NewRun } from '../../core/run-store.ts';
import { type ChosenRates, chooseRates, provisionedRates } from '../choose-rates.ts';
import { proveEngine } from '../engine-proof.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Settings } from '../options.ts';
import { describeUserTable, indexesWith, preflight, type TableFacts } from '../preflight.ts';
import { tableSizeOf, taskSizeOf } from '../run-sizes.ts';
import { type CommandContext, openSession, operator, type Session } from '../session.ts';
import { superviseRun } from '../supervise-run.ts';

/** Heartbeats of the fleet stay below this many a second, whatever the number of tasks. */
const MAX_HEARTBEATS_PER_SECOND = 100;
const HEARTBEAT_MS = 2_000;
const AUTHORITY_PER_HEARTBEAT = 2.5;

/** `orchestrate run`: from the preflight to the verified end. */
export async function run(context: CommandContext): Promise<ExitCode> {
  const { settings, output } = context;
  const value = parseJsonValue(settings.value);
  if ((settings.tasks ?? 0) > settings.segments) {
    throw new ConfigurationError(
      `--tasks ${settings.tasks} is more than --segments ${settings.segments}: a task needs a segment.`,
    );
  }
  const session = await openSession(context);
  const facts = await describeUserTable(session.client, settings.table);
  const taskSize = await checkTable(session, facts, value);
  const chosen = await chooseRates(settings, facts.description, createMetricsClient());
  const write: ItemWrite = {
    table: settings.table,
    keySchema: facts.keySchema,
    attribute: settings.attribute,
    value,
  };
  const region = await session.client.config.region();
  showPlan(session, facts, chosen, write, region);
  await confirm(settings, `${settings.table}@${facts.account.slice(-4)}/${region}`, context.detach);
  const api = await chooseWriteApi(session, write);
  output.say(`Writes: ${api.writeApi}, ${api.writeApiReason}.`);
  const record = await session.stores.runs.create(newRun(session, facts, region, chosen, api, taskSize));
  output.setRun(record.run);
  output.say(`Run ${record.run} has begun.`);
  output.event('run.started', { resumed: false, ...describeRun(record, chosen.reason) });
  return superviseRun(session, record);
}

/** @returns the size of a task, for what it costs. */
async function checkTable(
  session: Session,
  facts: TableFacts,
  value: AttributeValue,
): Promise<RunRecord['taskSize'] | undefined> {
  const { settings, output, client, surroundings, stores, fleet } = session;
  const findings = await preflight(
    {
      client,
      table: settings.table,
      attribute: settings.attribute,
      value: { ...value },
      controlTable: surroundings.controlTable,
      account: settings.account,
      allowNoPitr: settings.allowNoPitr,
      singleWriterRegion: settings.singleWriterRegion,
    },
    facts,
  );
  for (const { level, message } of findings) if (level === 'warning') output.say(`Warning: ${message}`);
  const refusals = findings.filter(({ level }) => level === 'refusal');
  if (refusals.length > 0) throw new PreflightError(refusals.map(({ message }) => message).join('\n'));
  const taskSize = await checkFleet(fleet, surroundings.taskDefinition, surroundings.container);
  const holder = await stores.runs.holderOf(facts.arn);
  if (holder !== undefined) {
    throw new TableLockedError(
      holder,
      `The unfinished run ${holder} holds the table ${settings.table}.\n` +
        `Look at it: orchestrate status ${holder}\nGo on with it: orchestrate resume ${holder}\nEnd it: orchestrate cancel ${holder}`,
    );
  }
  return taskSize;
}

/** @returns the size of a task, where the definition says it. */
async function checkFleet(
  fleet: Session['fleet'],
  taskDefinition: string,
  container: string,
): Promise<RunRecord['taskSize'] | undefined> {
  try {
    const definition = await fleet.describeTaskDefinition();
    const names = definition?.containerDefinitions?.map(({ name }) => name) ?? [];
    if (!names.includes(container)) {
      throw new PreflightError(
        `The task definition ${taskDefinition} has no container ${container}; it has ${names.join(', ')}.`,
      );
    }
    return taskSizeOf(definition);
  } catch (cause) {
    if (cause instanceof PreflightError) throw cause;
    throw new PreflightError(
      `The task definition ${taskDefinition} cannot be used: ${describeError(cause)}`,
      { cause },
    );
  }
}

function showPlan(
  { settings, output, surroundings }: Session,
  facts: TableFacts,
  { rates, reason }: ChosenRates,
  write: ItemWrite,
  region: string,
): void {
  const api: WriteApi = settings.writeApi === 'single' || nameUnfitForBatch(write) ? 'single' : 'batch';
  const tasks = settings.tasks ?? settings.segments;
  output.say(
    [
      `Table      ${settings.table}, account ${facts.account}, ${region}, ${facts.arn}`,
      `Write      ${describeWrite(write, api)}`,
      `           with ${settings.attribute} = ${settings.value}; nothing else is ever written to this table`,
      `Fleet      ${settings.segments} segments, ${tasks} tasks of ${surroundings.taskDefinition} in ${surroundings.cluster}`,
      `Budget     ${rates.writeUnitsPerSecond} write and ${rates.readUnitsPerSecond} read units a second for the whole fleet: ${reason}`,
    ].join('\n'),
  );
}

async function confirm(settings: Settings, answer: string, signal: AbortSignal): Promise<void> {
  if (settings.yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    const command = ['orchestrate', ...process.argv.slice(2).map(quoteForShell), '--yes'].join(' ');
    throw new NotConfirmedError(
      `This run writes to ${settings.table}, and there is no terminal to confirm it. If that is meant:\n  ${command}`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const given = await terminal.question(`To begin, type ${answer}: `, { signal });
    if (given.trim() !== answer)
      throw new NotConfirmedError(`Not confirmed: "${given.trim()}" is not ${answer}. Nothing was written.`);
  } finally {
    terminal.close();
  }
}

function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

interface ChosenWriteApi {
  readonly writeApi: WriteApi;
  readonly writeApiReason: string;
}

/** @throws PreflightError when the engine does not do what the write must mean. */
async function chooseWriteApi(session: Session, write: ItemWrite): Promise<ChosenWriteApi> {
  const asked = session.settings.writeApi;
  const unfit = nameUnfitForBatch(write);
  if (asked === 'batch' && unfit !== undefined) {
    throw new PreflightError(
      `The name "${unfit}" is not made of letters, digits, - and _ alone; in a batch it might mean something else. Use --write-api single.`,
    );
  }
  if (asked !== 'single' && unfit === undefined) {
    const findings = await findingsOf(session, write, 'batch');
    if (findings.length === 0)
      return { writeApi: 'batch', writeApiReason: 'proved on items in the control table' };
    if (asked === 'batch') throw unproved('BatchExecuteStatement', findings);
    await requireSingle(session, write);
    return { writeApi: 'single', writeApiReason: `since batches failed the proof: ${findings.join('; ')}` };
  }
  await requireSingle(session, write);
  return {
    writeApi: 'single',
    writeApiReason:
      asked === 'single' ? 'as asked for, and proved' : `since the name "${unfit}" is not plain, and proved`,
  };
}

async function requireSingle(session: Session, write: ItemWrite): Promise<void> {
  const findings = await findingsOf(session, write, 'single');
  if (findings.length > 0) throw unproved('UpdateItem', findings);
}

async function findingsOf(
  { client, surroundings }: Session,
  write: ItemWrite,
  api: WriteApi,
): Promise<readonly string[]> {
  try {
    return (await proveEngine(client, surroundings.controlTable, write, api)).findings;
  } catch (error) {
    return [describeError(error)];
  }
}

function unproved(operation: string, findings: readonly string[]): PreflightError {
  return new PreflightError(
    `${operation} does not do here what it must: ${findings.join('; ')}. Nothing was written to your table.`,
  );
}

function newRun(
  { settings, clock, surroundings }: Session,
  facts: TableFacts,
  region: string,
  { rates, reason }: ChosenRates,
  api: ChosenWriteApi,
  taskSize: RunRecord['taskSize'] | undefined,
): NewRun {
  const tableSize = tableSizeOf(facts.description);
  const tasks = settings.tasks ?? settings.segments;
  const heartbeatMs = Math.max(HEARTBEAT_MS, (tasks / MAX_HEARTBEATS_PER_SECOND) * 1_000);
  const at = clock.nowIso();
  return {
    run: `${at.replace(/\D/g, '').slice(0, 14)}-${randomBytes(3).toString('hex')}`,
    status: 'running',
    desired: 'run',
    table: settings.table,
    tableArn: facts.arn,
    account: facts.account,
    region,
    attribute: settings.attribute,
    value: settings.value,
    keySchema: facts.keySchema,
    totalSegments: settings.segments,
    tasks,
    ...api,
    ...provisionedUnits(facts),
    indexes: indexesWith(settings.attribute, facts.description).length,
    dryRun: false,
    spot: settings.spot,
    rates,
    unattendedRate: settings.unattendedRate ?? rates.writeUnitsPerSecond / 4,
    passes: settings.passes,
    maxAttempts: settings.maxAttempts,
    ...(settings.maxQuarantine !== undefined && { maxQuarantine: settings.maxQuarantine }),
    heartbeatMs,
    authorityMs: heartbeatMs * AUTHORITY_PER_HEARTBEAT,
    namespace: surroundings.namespace,
    controlTable: surroundings.controlTable,
    pass: 1,
    sweep: 1,
    createdAt: at,
    createdBy: operator(),
    ...(tableSize && { tableSize }),
    ...(taskSize && { taskSize }),
    activeMs: 0,
    changes: [
      { id: randomBytes(8).toString('hex'), at, by: operator(), what: 'start', detail: `budget: ${reason}` },
    ],
    supervisorCounters: NO_COUNTERS,
  };
}

function provisionedUnits({ description }: TableFacts): Pick<RunRecord, 'provisionedWriteUnits'> {
  const provisioned = provisionedRates(description);
  return provisioned ? { provisionedWriteUnits: provisioned.writeUnitsPerSecond } : {};
}

/** The fields of `run.started`: who, where and the options in force. */
export function describeRun(run: RunRecord, budgetReason?: string) {
  return {
    account: run.account,
    region: run.region,
    tableArn: run.tableArn,
    options: {
      table: run.table,
      attribute: run.attribute,
      value: JSON.parse(run.value) as unknown,
      segments: run.totalSegments,
      tasks: run.tasks,
      maxWriteRate: run.rates.writeUnitsPerSecond,
      maxReadRate: run.rates.readUnitsPerSecond,
      unattendedRate: run.unattendedRate,
      writeApi: run.writeApi,
      writeApiReason: run.writeApiReason,
      passes: run.passes,
      maxAttempts: run.maxAttempts,
      ...(budgetReason && { budgetReason }),
    },
    by: run.createdBy,
  };
}
