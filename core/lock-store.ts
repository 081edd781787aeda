import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import type { Clock } from './clock.ts';
import type { ControlTableClient, TransactItem } from './control-table.ts';
import { FleetfillError } from './errors.ts';
import { isFinished, isInAuthority, RUN_ITEM, type RunStatus, type TaskRecord, taskItem } from './records.ts';

/** One table for all control tables of an account and Region. Through it, each of them sees the runs of the others. */
export const LOCK_TABLE = 'fleetfill-locks';

/** A new table is active within seconds. */
const CREATION_PATIENCE_MS = 60_000;
const CREATION_LOOK_MS = 500;

/** Who holds a user's table. */
export interface TableLock {
  /** The table's ARN from DynamoDB, so that a table's name and its ARN give the same lock. */
  readonly table: string;
  readonly runId: string;
  /** The launch id of a retry of that run's quarantine. The run has then ended, and the retry holds the table. */
  readonly retry?: string;
  /** The control table with that run's record. */
  readonly controlTable: string;
  /** Who started it, and when. */
  readonly holder: string;
  readonly at: string;
}

/** Errors that mean that these credentials or this endpoint cannot use a lock table. */
const UNAVAILABLE = ['AccessDeniedException', 'UnknownOperationException'];

export interface LockStoreOptions {
  readonly client: ControlTableClient;
  readonly clock: Clock;
  /**
   * Called once with why the lock table cannot be used. From then on, only the control table's own lock protects the
   * table.
   */
  readonly onUnavailable: (reason: string) => void;
}

/**
 * Locks of the users' tables, over all control tables of an account and Region. Without them, two fleets with different
 * control tables could each use a whole budget on one table, and the control table's own lock would not notice.
 *
 *     fleet A (control table a)   transaction: LOCK in a + RUN in a + lock of the table, if free ──► held
 *     fleet B (control table b)   transaction: LOCK in b + RUN in b + lock of the table ✗ ──► reads it, names A, leaves
 *
 * The lock is taken and freed in the transactions that begin and end the run, so no crash leaves a lock without a run.
 * It becomes an orphan only if someone deletes the record of an unfinished run, or the control table that holds it.
 */
export class LockStore {
  readonly #options: LockStoreOptions;
  #told = false;

  constructor(options: LockStoreOptions) {
    this.#options = options;
  }

  /** Reads the lock of a table; undefined if it is free, `unavailable` if it cannot be read. It creates nothing. */
  async read(table: string): Promise<TableLock | undefined | 'unavailable'> {
    try {
      return await this.#get(table);
    } catch (error) {
      if (isNamed(error, 'ResourceNotFoundException')) return undefined;
      return this.unavailable(error);
    }
  }

  /** Like {@link read}, but creates the lock table if there is none. */
  async readOrCreate(table: string): Promise<TableLock | undefined | 'unavailable'> {
    try {
      return await this.#get(table);
    } catch (error) {
      if (!isNamed(error, 'ResourceNotFoundException')) return this.unavailable(error);
    }
    try {
      return await this.#create(table);
    } catch (error) {
      return this.unavailable(error);
    }
  }

  /**
   * The part of a transaction that takes the lock if it is free, or if `released`, whose holder has ended, still has
   * it.
   */
  take({ runId, ...rest }: TableLock, released: TableLock | undefined): TransactItem {
    const held = released && heldBy(released);
    return {
      Put: {
        TableName: LOCK_TABLE,
        Item: { ...rest, run: runId },
        ConditionExpression: held ? `${FREE} OR (${held.condition})` : FREE,
        ExpressionAttributeNames: { '#table': 'table', ...held?.names },
        ...(held && { ExpressionAttributeValues: held.values }),
      },
    };
  }

  /** The part of a transaction that frees this lock. */
  free(lock: TableLock): TransactItem {
    const { condition, names, values } = heldBy(lock);
    return {
      Delete: {
        TableName: LOCK_TABLE,
        Key: { table: lock.table },
        ConditionExpression: condition,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
      },
    };
  }

  /**
   * Whether the record of the run or retry that holds the lock says that it has ended. A control table that is gone or
   * may not be read proves nothing.
   */
  async hasEnded({ runId, retry, controlTable }: TableLock): Promise<boolean> {
    try {
      const { Item } = await this.#options.client.send(
        new GetCommand({
          TableName: controlTable,
          Key: { run: runId, item: retry === undefined ? RUN_ITEM : taskItem(retry) },
          ConsistentRead: true,
        }),
      );
      if (Item === undefined) return false;
      return retry === undefined
        ? isFinished(Item['status'] as RunStatus)
        : !isInAuthority(Item['status'] as TaskRecord['status']);
    } catch (error) {
      if (isNamed(error, 'ResourceNotFoundException') || isNamed(error, 'AccessDeniedException'))
        return false;
      throw error;
    }
  }

  /** @throws every error that does not mean that the lock table is unusable */
  unavailable(error: unknown): 'unavailable' {
    if (!(error instanceof Error) || !UNAVAILABLE.includes(error.name)) throw error;
    if (!this.#told) this.#options.onUnavailable(error.message || error.name);
    this.#told = true;
    return 'unavailable';
  }

  async #get(table: string): Promise<TableLock | undefined> {
    const { Item } = await this.#options.client.send(
      new GetCommand({ TableName: LOCK_TABLE, Key: { table }, ConsistentRead: true }),
    );
    if (!Item) return undefined;
    const { run, ...rest } = Item;
    return { ...rest, runId: run } as TableLock;
  }

  /** If several processes create the table at once, one succeeds and the others wait with it. */
  async #create(table: string): Promise<TableLock | undefined> {
    const { client, clock } = this.#options;
    try {
      await (client as unknown as { send(command: CreateTableCommand): Promise<unknown> }).send(
        new CreateTableCommand({
          TableName: LOCK_TABLE,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'table', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'table', KeyType: 'HASH' }],
        }),
      );
    } catch (error) {
      if (!isNamed(error, 'ResourceInUseException')) throw error;
    }
    const giveUpAtMs = clock.monotonicMs() + CREATION_PATIENCE_MS;
    for (;;) {
      try {
        return await this.#get(table);
      } catch (error) {
        if (!isNamed(error, 'ResourceNotFoundException')) throw error;
        if (clock.monotonicMs() > giveUpAtMs) {
          throw new FleetfillError(
            'LockTable',
            `The table ${LOCK_TABLE} was created but has not become ACTIVE yet. Try again in a minute.`,
            {
              cause: error,
            },
          );
        }
      }
      await clock.sleep(CREATION_LOOK_MS);
    }
  }
}

const FREE = 'attribute_not_exists(#table)';

/** A run and a retry of its quarantine are different holders. */
function heldBy({ runId, retry }: TableLock) {
  return {
    condition:
      retry === undefined
        ? '#run = :run AND attribute_not_exists(#retry)'
        : '#run = :run AND #retry = :retry',
    names: { '#run': 'run', '#retry': 'retry' },
    values: { ':run': runId, ...(retry !== undefined && { ':retry': retry }) },
  };
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
