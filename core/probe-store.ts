import { randomBytes } from 'node:crypto';
import type { ControlTable } from './control-table.ts';
import { describeError } from './errors.ts';
import type { Recipe } from './recipe/recipe.ts';
import { fromItem, toItem } from './record-item.ts';
import { type KeySchema, type Rates, type TaskRecord, taskItem, type WriteApi } from './records.ts';

/** The attribute that holds the expiry time of items in the control table, in epoch seconds. */
export const EXPIRES_AT = 'expiresAt';

const NEW = 'attribute_not_exists(#run)';
const SAME_PROCESS = '#instance = :instance';

const PROBE_ITEM = 'PROBE';
const NOTE_ITEM = 'NOTE';
const SUPERVISOR_ITEM = 'SUPERVISOR';

/** Begins the id of a probe, so that a command can tell it from a run's id before it reads anything. */
const PROBE_PREFIX = 'probe-';

/** Nobody needs the records of a probe after a day. */
const LIFETIME_SECONDS = 86_400;

/** The expiry of a record that is written at this time. */
function expiryFrom(at: string): { [EXPIRES_AT]: number } {
  return { [EXPIRES_AT]: Math.floor(Date.parse(at) / 1_000) + LIFETIME_SECONDS };
}

/** @returns a run id that no run has. */
export function newProbeId(at: string): string {
  return `${PROBE_PREFIX}${at.replace(/\D/g, '').slice(0, 14)}-${randomBytes(3).toString('hex')}`;
}

export function isProbeId(runId: string): boolean {
  return runId.startsWith(PROBE_PREFIX);
}

/**
 * One task on trial. The worker finds it instead of a run's record, and then runs its checks instead of a backfill. It
 * has no lock and no segment records, so nothing can take it for a run.
 */
export interface ProbeRecord {
  /** A run id that no run has. */
  readonly runId: string;
  readonly table: string;
  readonly attribute: string;
  /** JSON; absent with a recipe. */
  readonly value?: string;
  readonly recipe?: Recipe;
  readonly keySchema: KeySchema;
  /** The write APIs to try, on a key that no item has. */
  readonly writeApis: readonly WriteApi[];
  readonly heartbeatMs: number;
  readonly authorityMs: number;
  readonly rates: Rates;
  readonly createdAt: string;
  readonly createdBy: string;
  /** If a supervisor is on trial: the launch of the worker that it starts and stops. */
  readonly launchId?: string;
}

/** One step that the task tried, in order. */
export interface ProbeStep<Name = WorkerStep> {
  readonly step: Name;
  readonly ok: boolean;
  readonly detail: string;
}

type WorkerStep = 'scan' | 'read-back' | 'write-batch' | 'write-single' | 'metric' | 'record';

/** The steps of a supervisor on trial: its work with records, table, fleet and metrics. */
export type SupervisorStep =
  | 'records'
  | 'lock'
  | 'table'
  | 'scan'
  | 'repair'
  | 'launch'
  | 'traffic'
  | 'metric';

/** Tries each step even if an earlier one failed, so that one task shows everything that is missing. */
export class ProbeSteps<Name> {
  readonly taken: ProbeStep<Name>[] = [];

  async take(step: Name, attempt: () => Promise<string>): Promise<void> {
    this.taken.push(
      await attempt().then(
        detail => ({ step, ok: true, detail }),
        error => ({ step, ok: false, detail: describeError(error) }),
      ),
    );
  }
}

/** The task's record, with its results once it has tried everything. */
export type ProbedTask = TaskRecord & { readonly probe?: readonly ProbeStep[] };

/**
 * The records of a probe, all of which expire:
 *
 *     orchestrator ── transaction: PROBE + TASK#<launch>, launching ── RunTask ──►
 *     worker           reads PROBE, heartbeats like any other, puts NOTE, writes its steps into TASK#<launch>, finishes
 *     supervisor       reads PROBE, starts and stops the worker of TASK#<launch>, puts and deletes NOTE, puts its steps
 *                      into SUPERVISOR
 */
export class ProbeStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  /** @returns false if this probe already exists. */
  create(probe: ProbeRecord, launch: string): Promise<boolean> {
    const expires = expiryFrom(probe.createdAt);
    const task: TaskRecord = {
      runId: probe.runId,
      launchId: launch,
      pass: 0,
      segments: [0],
      status: 'launching',
      epoch: 0,
      desired: 'run',
      granted: probe.rates,
      renewal: 0,
      seenRenewal: 0,
      held: probe.rates,
      seen: 'run',
      heartbeat: 0,
      launchedAt: probe.createdAt,
    };
    return this.#table.transact([
      this.#table.conditionalPut(toItem({ ...probe, ...expires }, PROBE_ITEM), [NEW]),
      this.#table.conditionalPut(toItem({ ...task, ...expires }, taskItem(launch)), [NEW]),
    ]);
  }

  async read(run: string): Promise<ProbeRecord | undefined> {
    const item = await this.#table.get({ run, item: PROBE_ITEM });
    return item && fromItem<ProbeRecord>(item);
  }

  /** The task's record, with the report once the task has written it. */
  async readTask(run: string, launch: string): Promise<ProbedTask | undefined> {
    const item = await this.#table.get({ run, item: taskItem(launch) });
    return item && fromItem<ProbedTask>(item);
  }

  /** A worker's only PutItem. Outside a probe, only an item in quarantine needs it. */
  async putNote(run: string, launch: string, at: string): Promise<void> {
    await this.#table.put({ run, item: NOTE_ITEM, launch, at, ...expiryFrom(at) }, []);
  }

  async report(run: string, launch: string, instance: string, steps: readonly ProbeStep[]): Promise<void> {
    await this.#table.update({ run, item: taskItem(launch) }, { set: { probe: steps } }, [SAME_PROCESS], {
      instance,
    });
  }

  /** Uses the control table once in every way in which a supervisor does. */
  async tryRecords(run: string, at: string): Promise<void> {
    const note = { run, item: NOTE_ITEM };
    const probe = { run, item: PROBE_ITEM };
    await this.#table.transact([
      this.#table.conditionCheck(probe, ['attribute_exists(#run)'], {}),
      this.#table.conditionalPut({ ...note, at, ...expiryFrom(at) }, []),
    ]);
    await this.#table.update(note, { set: { at } }, [], {});
    await this.#table.query(run, NOTE_ITEM);
    await this.#table.transact([this.#table.conditionalDelete(note, [])]);
  }

  async reportSupervisor(
    run: string,
    at: string,
    steps: readonly ProbeStep<SupervisorStep>[],
  ): Promise<void> {
    await this.#table.put({ run, item: SUPERVISOR_ITEM, steps, ...expiryFrom(at) }, []);
  }

  /** The report of the supervisor on trial; undefined until it is complete. */
  async readSupervisor(run: string): Promise<readonly ProbeStep<SupervisorStep>[] | undefined> {
    const item = await this.#table.get({ run, item: SUPERVISOR_ITEM });
    return item?.['steps'] as readonly ProbeStep<SupervisorStep>[] | undefined;
  }
}
