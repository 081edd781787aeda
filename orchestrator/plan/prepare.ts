import { parseJsonValue } from '../../core/attribute-value.ts';
import { createMetricsClient } from '../../core/aws-clients.ts';
import { describeError } from '../../core/errors.ts';
import type { ItemWrite } from '../../core/item-write.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { loadRule } from '../../core/recipe/load.ts';
import type { TaskSize } from '../../core/records.ts';
import { verificationSegments } from '../../core/verification-segments.ts';
import { amplifyFindings, computedValueFindings } from '../checks/computed-values.ts';
import { type Finding, failure, ok, warning } from '../checks/finding.ts';
import { limitFindings } from '../checks/limits.ts';
import { liveWriterFindings, sizeFindings } from '../checks/live-writers.ts';
import { checkClock, checkCredentials } from '../checks/operator-place.ts';
import { checkQuotaOnAws } from '../checks/quota.ts';
import { sourceAttributeFindings } from '../checks/source-attributes.ts';
import { describeUserTable, examine, type TableFacts } from '../checks/table.ts';
import { ttlAttributeAt } from '../checks/table-integrations.ts';
import { accepting, indexKeyFindings, sampleFindings, valueFindings } from '../checks/written-values.ts';
import type { PlanningSession } from '../session.ts';
import { sampleFailure, sampleTable, type TableSample } from '../user-table/sample.ts';
import { chargedIndexes } from '../user-table/write-units.ts';
import { writtenOf } from '../written-settings.ts';
import { type ChosenRates, chooseRates } from './choose-rates.ts';
import { composePlan, type Plan } from './plan.ts';
import { readPrices } from './prices-file.ts';
import { tableSizeOf, taskSizeOf } from './run-sizes.ts';

/** A placeholder as long as a real run id. */
const RUN_ID_LIKE = '20260101000000000-000000';

/** The sample must end within this time, even if the budget for its reads is small. */
const LONGEST_SAMPLE_MS = 15_000;

/** Everything that `plan` shows and that `run` starts from. */
export interface Prepared {
  readonly facts: TableFacts;
  readonly region: string;
  readonly write: ItemWrite;
  readonly chosen: ChosenRates;
  readonly taskSize: TaskSize | undefined;
  readonly plan: Plan;
}

/**
 * Looks at everything that a run depends on and changes nothing. The plan lists every finding that would refuse the
 * run. A table in another account than the intended one is not sampled.
 * @throws PreflightError when a table does not exist; ConfigurationError when `--prices` names no price list.
 */
export async function prepare(session: PlanningSession): Promise<Prepared> {
  const { settings, client, surroundings } = session;
  const prices = await readPrices(settings.prices);
  const written = writtenOf(settings);
  const value = written.value === undefined ? undefined : parseJsonValue(written.value);
  const facts = await describeUserTable(client, settings.table);
  const chosen = await chooseRates(settings, facts.description, createMetricsClient());
  const region = await client.config.region();
  const write: ItemWrite = {
    table: settings.table,
    keySchema: facts.keySchema,
    rule: await loadRule(written, facts.keySchema),
  };
  const constants = value ? [{ name: settings.attribute, values: [value] }] : [];
  const fleet = await lookAtFleet(session);
  const findings: Finding[] = [
    ...(await examine(
      {
        client,
        table: settings.table,
        targets: write.rule.targets,
        value,
        controlTable: surroundings.controlTable,
        account: settings.account,
        allowNoPitr: settings.allowNoPitr,
        allowExpiry: settings.allowExpiry,
        singleWriterRegion: settings.singleWriterRegion,
        budget: chosen.rates,
      },
      facts,
    )),
    ...valueFindings(constants),
    ...sourceAttributeFindings(write.rule, facts.keySchema, surroundings.stack),
    fleet.finding,
    ...limitFindings({
      segments: settings.segments,
      tasks: settings.tasks,
      container: surroundings.container,
      launch: {
        runId: RUN_ID_LIKE,
        totalSegments: settings.segments,
        table: settings.table,
        attribute: settings.attribute,
        value: settings.value,
        controlTable: surroundings.controlTable,
        namespace: surroundings.namespace,
      },
    }),
    ...(await checkQuotaOnAws({
      tasks: settings.tasks ?? settings.segments,
      cpuUnits: fleet.taskSize?.cpuUnits,
      spot: settings.spot,
    })),
  ];
  const refusals = findings.filter(({ level }) => level === 'failure');
  const sampled = refusals.some(({ check }) => check === 'account')
    ? { because: 'it is of another account' }
    : await takeSample(session, write, chosen, facts);
  const sample = 'sample' in sampled ? sampled.sample : undefined;
  if (sample) {
    const { table, deployedAt, createdKey } = settings;
    const question = {
      table,
      attribute: write.rule.targets.join('" or "'),
      deployedAt,
      createdKey,
      keySchema: facts.keySchema,
      nowMs: Date.now(),
    };
    const { attributes, computed } = sample.tally;
    const targets = value
      ? constants
      : write.rule.targets.map(name => ({ name, values: computed.valuesOf(name) }));
    findings.push(
      ...liveWriterFindings(question, sample),
      ...sizeFindings(sample),
      ...sampleFindings(targets, attributes),
      ...indexKeyFindings(targets, facts.description, attributes),
      ...amplifyFindings(attributes),
    );
    if (written.recipe) {
      findings.push(
        ...computedValueFindings(targets, computed, {
          description: facts.description,
          ttlAttribute: await ttlAttributeAt(client, table),
          allowExpiry: settings.allowExpiry,
          nowMs: Date.now(),
        }),
      );
    }
  } else if (settings.sample > 0 && 'because' in sampled && refusals.length === 0) {
    findings.push(
      warning('sample', {
        message: `${sampled.because}.`,
        means:
          'So the plan does not know how many items lack the attribute, how large they are, or whether live code sets it.',
      }),
    );
  }
  const plan = composePlan({
    facts,
    region,
    write,
    written,
    writeApi: settings.writeApi,
    segments: settings.segments,
    verificationSegments: verificationSegments(settings.segments),
    tasks: settings.tasks ?? settings.segments,
    limit: settings.limit,
    dryRun: settings.dryRun,
    taskDefinition: surroundings.taskDefinition,
    cluster: surroundings.cluster,
    taskSize: fleet.taskSize,
    rates: chosen.rates,
    ratesReason: chosen.reason,
    maxCost: settings.maxCost,
    maxQuarantine: settings.maxQuarantine,
    prices,
    indexes: chargedIndexes(write.rule.targets, facts.description),
    sample,
    sampleMissing: 'because' in sampled ? sampled.because : undefined,
    findings: accepting(findings, settings.accept),
    undoDays: settings.dryRun || settings.noUndoLog ? null : settings.undoDays,
  });
  const ofPlace = await operatorFindings(session, plan);
  return {
    ...{ facts, region, write, chosen, taskSize: fleet.taskSize },
    plan: { ...plan, findings: [...plan.findings, ...ofPlace] },
  };
}

/** Findings about the place where the operator runs the command; empty if nothing argues against the run. */
async function operatorFindings(
  { client, surroundings }: PlanningSession,
  { forecast: { times } }: Plan,
): Promise<Finding[]> {
  const seconds = times.find(({ chosen }) => chosen)?.seconds ?? 0;
  const found = [
    await checkClock(client, surroundings.controlTable, Date.now),
    await checkCredentials(client, Date.now(), seconds * 1_000),
  ];
  return found.filter(({ level }) => level !== 'ok');
}

/** The task size if the task definition states it, and findings about whether the fleet can be used. */
export async function lookAtFleet({
  fleet,
  surroundings: { taskDefinition, container, assignPublicIp },
}: Pick<PlanningSession, 'fleet' | 'surroundings'>): Promise<{
  readonly finding: Finding;
  readonly taskSize: TaskSize | undefined;
}> {
  try {
    const definition = await fleet.describeTaskDefinition();
    const names = definition?.containerDefinitions?.map(({ name }) => name) ?? [];
    const taskSize = taskSizeOf(definition, assignPublicIp);
    if (names.includes(container))
      return {
        taskSize,
        finding: ok('task-definition', `${taskDefinition} has the container ${container}.`),
      };
    return {
      taskSize,
      finding: failure('task-definition', {
        message: `The task definition ${taskDefinition} has no container ${container}; it has ${names.join(', ')}.`,
        advice: 'Name the container that runs the worker with --container.',
      }),
    };
  } catch (error) {
    return {
      taskSize: undefined,
      finding: failure('task-definition', {
        message: `The task definition ${taskDefinition} cannot be used: ${describeError(error)}.`,
        advice: 'infra/fleet.yaml creates one. --task-definition names another.',
      }),
    };
  }
}

async function takeSample(
  { settings, client, clock, detach }: PlanningSession,
  write: ItemWrite,
  { rates }: ChosenRates,
  { description }: TableFacts,
): Promise<{ readonly sample: TableSample } | { readonly because: string }> {
  if (settings.sample === 0) return { because: '--sample 0' };
  try {
    const sample = await sampleTable({
      client,
      write,
      indexes: chargedIndexes(write.rule.targets, description),
      createdKey: settings.createdKey,
      segments: settings.sample,
      tableSize: tableSizeOf(description),
      limiter: new CapacityLimiter(clock, rates.readUnitsPerSecond),
      clock,
      random: Math.random,
      longestMs: LONGEST_SAMPLE_MS,
      signal: detach,
    });
    return { sample };
  } catch (error) {
    detach.throwIfAborted();
    return { because: sampleFailure(error) };
  }
}
