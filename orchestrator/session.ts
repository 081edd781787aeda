import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createControlTableClient, createDataPlaneClient, createMetricsClient } from '../core/aws-clients.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { ControlTable, type ControlTableClient } from '../core/control-table.ts';
import {
  ConfigurationError,
  CredentialsError,
  describeError,
  FleetfillError,
  PreflightError,
  UnreachableError,
} from '../core/errors.ts';
import { LOCK_TABLE, LockStore } from '../core/lock-store.ts';
import { MetricsPublisher } from '../core/metrics-publisher.ts';
import type { RunRecord } from '../core/records.ts';
import type { CommandContext } from './cli/command.ts';
import type { FleetSettings, RunSettings } from './cli/options.ts';
import { Fleet } from './fleet/fleet.ts';
import {
  currentTaskDefinition,
  locateControlTable,
  locateFleet,
  type Surroundings,
  type TableMeant,
} from './fleet/location.ts';
import { createStores, type Stores } from './stores.ts';

/** The clients and stores of a command that works with the fleet. */
export interface Session<Settings extends FleetSettings = FleetSettings>
  extends CommandContext<Settings & { readonly given: ReadonlySet<string> }> {
  readonly clock: Clock;
  readonly client: DynamoDBClient;
  readonly stores: Stores;
  readonly surroundings: Surroundings;
  readonly fleet: Fleet;
}

/** The session of a command that has the options of a run. */
export type PlanningSession = Session<FleetSettings & RunSettings>;

export async function openSession<Settings extends FleetSettings & { readonly given: ReadonlySet<string> }>(
  context: CommandContext<Settings>,
  meant?: TableMeant,
): Promise<Session<Settings>> {
  const surroundings = await locateFleet(context.settings, meant);
  return {
    ...context,
    clock: systemClock,
    client: createDataPlaneClient(),
    stores: openStoresOf(surroundings.controlTable, context),
    surroundings,
    fleet: new Fleet(surroundings, undefined, () => currentTaskDefinition(context.settings)),
  };
}

/** Opens only the control table's stores, for commands that read or change records. */
export async function openStores(context: CommandContext): Promise<Stores> {
  return openStoresOf(await locateControlTable(context.settings), context);
}

function openStoresOf(controlTable: string, { output }: CommandContext): Stores {
  const locks = new LockStore({
    client: createControlTableClient(),
    clock: systemClock,
    onUnavailable: reason => {
      const message = `The table ${LOCK_TABLE} cannot be used, so this command cannot see runs that have another control table: ${reason}`;
      output.event('warning', { message });
      output.say(`Warning: ${message}`);
    },
  });
  return createStores(openControlTable(controlTable), locks);
}

/** Every command that reads records reports clearly that the table does not exist. */
function openControlTable(name: string): ControlTable {
  const client = createControlTableClient();
  const send = async (command: Parameters<typeof client.send>[0]) => {
    try {
      return await client.send(command);
    } catch (cause) {
      if (!(cause instanceof Error) || cause.name !== 'ResourceNotFoundException') throw cause;
      const region = await client.config.region();
      throw new PreflightError(`The control table ${name} does not exist in ${region}.`, { cause });
    }
  };
  return new ControlTable({ send } as ControlTableClient, name);
}

/**
 * Reads the control table before there is anything to lose. An operator can fix a missing connection, credentials or
 * permission.
 * @throws PreflightError that explains whatever prevented an answer.
 */
export async function look<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const toldHere = cause instanceof UnreachableError || cause instanceof CredentialsError;
    if (cause instanceof FleetfillError && !toldHere) throw cause;
    throw new PreflightError(`The control table cannot be read: ${describeError(cause)}`, { cause });
  }
}

/** @throws ConfigurationError when the run does not exist; PreflightError when the control table cannot answer. */
export async function readRun(stores: Stores, run: string): Promise<RunRecord> {
  // DynamoDB refuses an empty key, which a script gets from an empty variable.
  const record = run === '' ? undefined : await look(() => stores.runs.read(run));
  if (record) return record;
  const others = (await look(() => stores.runs.list()))
    .slice(0, 5)
    .map(other => `  ${other.runId}  ${other.status}  ${other.table}`);
  const known = others.length > 0 ? `The newest are:\n${others.join('\n')}` : 'There is no run yet.';
  throw new ConfigurationError(`There is no run ${run === '' ? '""' : run}. ${known}`);
}

export function createMetrics(run: RunRecord, { clock, output }: Session): MetricsPublisher {
  return new MetricsPublisher({
    client: createMetricsClient(),
    clock,
    namespace: run.namespace,
    table: run.table,
    onFailure: error => output.event('warning', { message: `CloudWatch: ${describeError(error)}` }),
  });
}
