import { randomBytes } from 'node:crypto';
import { parseJsonValue } from '../../core/attribute-value.ts';
import { heartbeatPace } from '../../core/control-pace.ts';
import { targetsOf } from '../../core/recipe/recipe.ts';
import { NO_COUNTERS, type RunForecast, type RunRecord, type UndoLogRecord } from '../../core/records.ts';
import type { NewRun } from '../../core/run-store.ts';
import { constantTarget } from '../../core/undo/item-removal.ts';
import { VERSION } from '../../core/version.ts';
import type { WriteRule } from '../../core/write-rule.ts';
import { indexesWith, type TableFacts } from '../checks/table.ts';
import { operatorName } from '../operator-name.ts';
import type { PlanningSession } from '../session.ts';
import { indexKeysOf } from '../user-table/index-keys.ts';
import { provisionedRates } from '../user-table/provisioned-rates.ts';
import { writtenOf } from '../written-settings.ts';
import type { Forecast } from './forecast.ts';
import type { Prepared } from './prepare.ts';
import { tableSizeOf } from './run-sizes.ts';
import type { ChosenWriteApi } from './write-api-choice.ts';

/** The record of a run at its start. */
export function newRun(
  { settings, clock, surroundings }: PlanningSession,
  { facts, region, write, chosen: { rates, reason }, taskSize, plan }: Prepared,
  api: ChosenWriteApi,
): NewRun {
  const written = writtenOf(settings);
  const tableSize = tableSizeOf(facts.description);
  const tasks = settings.tasks ?? settings.segments;
  const { heartbeatMs, authorityMs } = heartbeatPace(tasks, Math.ceil(settings.segments / tasks));
  const at = clock.nowIso();
  return {
    runId: `${at.replace(/\D/g, '').slice(0, 14)}-${randomBytes(3).toString('hex')}`,
    status: 'running',
    desired: 'run',
    table: settings.table,
    tableArn: facts.arn,
    account: facts.account,
    region,
    ...written,
    keySchema: facts.keySchema,
    totalSegments: settings.segments,
    tasks,
    ...api,
    ...provisionedUnits(facts),
    indexes: indexesWith(targetsOf(written), facts.description).length,
    ...indexKeysAmong(targetsOf(written), facts),
    dryRun: settings.dryRun,
    ...(!settings.dryRun &&
      !settings.noUndoLog && {
        undoLog: undoLogOf(write.rule, { ...written, undoDays: settings.undoDays }, at),
      }),
    ...(settings.limit !== undefined && { limit: settings.limit }),
    spot: settings.spot,
    rates,
    unattendedRate: settings.unattendedRate ?? rates.writeUnitsPerSecond / 4,
    passes: settings.passes,
    maxAttempts: settings.maxAttempts,
    ...(settings.maxQuarantine !== undefined && { maxQuarantine: settings.maxQuarantine }),
    ...(settings.maxCost !== undefined && { maxCostUsd: settings.maxCost }),
    ...(settings.prices !== undefined && { prices: plan.prices }),
    ...(plan.replicas > 0 && { replicas: plan.replicas }),
    ...(settings.deployedAt !== undefined && { deployedAt: settings.deployedAt }),
    ...(settings.createdKey !== undefined && { createdKey: settings.createdKey }),
    heartbeatMs,
    authorityMs,
    namespace: surroundings.namespace,
    controlTable: surroundings.controlTable,
    pass: 1,
    sweep: 1,
    createdAt: at,
    createdBy: operatorName(),
    supervisor: { by: operatorName(), seenAt: at },
    toolVersion: VERSION,
    ...(tableSize && { tableSize }),
    ...itemSizeOf(plan.forecast),
    ...forecastOf(plan.forecast),
    ...(taskSize && { taskSize }),
    activeMs: 0,
    changes: [
      {
        id: randomBytes(8).toString('hex'),
        at,
        by: operatorName(),
        what: 'start',
        detail: `budget: ${reason}`,
      },
    ],
    supervisorCounters: NO_COUNTERS,
  };
}

/**
 * The item size that every task and the verification assume at first, so that their first requests reserve about as
 * many units as they consume.
 */
function itemSizeOf({ itemBytes, writeUnitsPerItem }: Forecast): Pick<RunRecord, 'itemSize'> {
  if (!(itemBytes > 0) || !Number.isFinite(itemBytes)) return {};
  return { itemSize: { bytes: Math.ceil(itemBytes), writeUnits: writeUnitsPerItem.total } };
}

/**
 * What an undo needs besides the keys. A constant value is stored only here.
 * `value` is JSON; it is undefined if the value is computed for each item.
 */
function undoLogOf(
  { targets }: WriteRule,
  { value, undoDays }: { readonly value?: string; readonly undoDays: number },
  at: string,
): UndoLogRecord {
  return {
    targets: targets.map(name =>
      value === undefined ? { name } : constantTarget(name, parseJsonValue(value)),
    ),
    expiresAt: Math.floor(Date.parse(at) / 1_000) + undoDays * 86_400,
  };
}

/** Leaves out an unbounded estimate, because a record cannot hold infinity. */
function forecastOf(plan: Forecast): { forecast?: RunForecast } {
  const { items, itemsBasis, missing, writeUnits, scanReadUnits, verificationReadUnits, seconds, cost } =
    plan;
  const { writes, reads, fargate } = cost;
  const readUnits = scanReadUnits + verificationReadUnits;
  const figures = [items, missing.value, writeUnits.value, readUnits, seconds, writes, reads, fargate ?? 0];
  if (!figures.every(Number.isFinite)) return {};
  return {
    forecast: {
      items,
      itemsBasis,
      missing: missing.value,
      writeUnits: writeUnits.value,
      readUnits,
      seconds,
      cost: { writes, reads, fargate },
    },
  };
}

function indexKeysAmong(
  targets: readonly string[],
  { description }: TableFacts,
): Pick<RunRecord, 'indexKeys'> {
  const indexKeys = targets.flatMap(target => indexKeysOf(description, target));
  return indexKeys.length > 0 ? { indexKeys } : {};
}

function provisionedUnits({ description }: TableFacts): Pick<RunRecord, 'provisionedWriteUnits'> {
  const provisioned = provisionedRates(description);
  return provisioned ? { provisionedWriteUnits: provisioned.writeUnitsPerSecond } : {};
}
