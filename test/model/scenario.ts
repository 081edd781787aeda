import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  type DynamoDBClient,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { pino } from 'pino';
import { type ControlItem, ControlTable, type ControlTableClient } from '../../core/control-table.ts';
import { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { fromItem } from '../../core/record-item.ts';
import {
  isFinished,
  NO_COUNTERS,
  type OperatorChange,
  type RunRecord,
  type TaskRecord,
} from '../../core/records.ts';
import type { NewRun, OperatorEdit, RunStore } from '../../core/run-store.ts';
import type { TaskEnvironment } from '../../core/task-environment.ts';
import { constantRule } from '../../core/write-rule.ts';
import { readAssignment } from '../../job/assignment.ts';
import type { TaskContext } from '../../job/task-context.ts';
import { runWorker } from '../../job/worker.ts';
import type { Fleet, TaskObservation } from '../../orchestrator/fleet/fleet.ts';
import { createStores } from '../../orchestrator/stores.ts';
import { untilNobodyWrites } from '../../orchestrator/supervise/await-end.ts';
import { Supervisor } from '../../orchestrator/supervise/supervisor.ts';
import { retryQuarantined } from '../../orchestrator/verify/retry.ts';
import { FakeUserTable } from './fake-user-table.ts';
import { Invariants } from './invariants.ts';
import { MemoryTable } from './memory-table.ts';
import { Actor, type Choose, World } from './world.ts';

const SEGMENTS = 4;
const TASKS = 2;
const INVALID_ITEMS = 6;

const recordOf = <T extends RunRecord | TaskRecord>(item: ControlItem | undefined): T | undefined =>
  item && fromItem<T>(item);

interface EcsTask {
  readonly arn: string;
  readonly actor: Actor;
  observation: TaskObservation;
}

/** How often each kind of disturbance happened over all scenarios. A model without disturbances proves nothing. */
export interface ModelCounts {
  steps: number;
  verified: number;
  completions: number;
  kills: number;
  orchestratorKills: number;
  takeOvers: number;
  handOvers: number;
  pauses: number;
  cancels: number;
  /** Verifications that a later supervisor continued. */
  continued: number;
  /** Items that lost the attribute again and had to be repaired. */
  lost: number;
  freezes: number;
  /** Freezes of a whole machine, whose monotonic clock stood still. */
  suspensions: number;
  /** Items that a retry took out of quarantine, and retries that were killed. */
  retried: number;
  retryKills: number;
  checks: number;
}

export function noModelCounts(): ModelCounts {
  return {
    steps: 0,
    verified: 0,
    completions: 0,
    kills: 0,
    orchestratorKills: 0,
    takeOvers: 0,
    handOvers: 0,
    pauses: 0,
    cancels: 0,
    continued: 0,
    lost: 0,
    freezes: 0,
    suspensions: 0,
    retried: 0,
    retryKills: 0,
    checks: 0,
  };
}

export interface ScenarioOptions {
  readonly table: MemoryTable;
  readonly users: FakeUserTable;
  readonly newRun: NewRun;
  /** The application writes the whole time. */
  readonly application: boolean;
}

function defaults(): ScenarioOptions {
  return {
    table: new MemoryTable(),
    users: new FakeUserTable(SEGMENTS, 6, 2),
    newRun: modelRun(),
    application: false,
  };
}

/**
 * One run from its creation to its end, with the real worker, supervisor and stores. In its world requests get lost,
 * delayed and repeated, processes die and freeze, machines sleep, clocks differ, and operators pause and resume. A
 * second orchestrator takes over from a living one, or replaces it at the epoch that it was started for.
 */
export class Scenario {
  readonly #choose: Choose;
  readonly #world: World;
  readonly #table: MemoryTable;
  readonly #users: FakeUserTable;
  readonly #newRun: NewRun;
  readonly #application: boolean;
  readonly #hasInvalid: boolean;
  readonly #invariants: Invariants;
  readonly #tasks = new Map<string, EcsTask>();
  readonly #orchestrators = new Set<Actor>();
  readonly #retries = new Set<Actor>();
  readonly #frozen = new Set<Actor>();
  #broken: unknown;
  #continued = 0;
  #actors = 0;

  constructor(choose: Choose, given: Partial<ScenarioOptions> = {}) {
    const { table, users, newRun, application } = { ...defaults(), ...given };
    this.#choose = choose;
    this.#world = new World(choose, choose(3) === 0 ? 0 : 12);
    this.#table = table;
    this.#users = users;
    this.#newRun = newRun;
    this.#application = application;
    this.#invariants = new Invariants(table, users, newRun.runId);
    this.#hasInvalid = !application && choose(2) === 0;
    if (this.#hasInvalid) {
      for (let invalid = 0; invalid < INVALID_ITEMS; invalid++) users.makeInvalid(choose(1_000));
    }
  }

  get run(): RunRecord | undefined {
    return recordOf<RunRecord>(this.#table.item(this.#newRun.runId, 'RUN') as ControlItem | undefined);
  }

  /** @throws the first broken invariant. */
  async play(maxSteps: number, tally: ModelCounts): Promise<void> {
    this.#startOrchestrator();
    for (let step = 0; step < maxSteps; step++) {
      tally.steps += 1;
      if (this.#broken !== undefined) throw this.#broken;
      const run = this.run;
      if (run && isFinished(run.status)) break;
      if (this.#choose(this.#application ? 60 : 150) === 0) this.#disturb(tally);
      if (this.#hasInvalid && this.#choose(60) === 0) this.#disturbRetries(tally);
      // The table at the end is compared with what the verification saw.
      const quiet = run?.undoes !== undefined && run.verification !== undefined;
      if (this.#application && !quiet && this.#choose(60) === 0) this.#users.applicationActs(this.#choose);
      if (this.#orchestrators.size === 0) this.#startOrchestrator();
      await this.#world.step();
    }
    if (this.#broken !== undefined) throw this.#broken;
    if (this.run?.status === 'verified') tally.verified += 1;
    tally.completions += this.#invariants.completions;
    tally.checks += this.#invariants.checks;
    tally.continued += this.#continued;
    const workers = [...this.#tasks.values()].map(task => task.actor);
    for (const actor of [...this.#orchestrators, ...this.#retries, ...workers]) actor.dead = true;
  }

  #disturb(tally: ModelCounts): void {
    const workers = [...this.#tasks.values()].filter(task => task.observation.state === 'alive');
    const worker = workers[this.#choose(Math.max(1, workers.length))];
    switch (this.#choose(this.#application ? 11 : 9)) {
      // If the application writes too, the workers' deaths matter most.
      case 9:
      case 10:
      case 0:
        if (worker) {
          tally.kills += 1;
          this.#end(worker, 137);
        }
        return;
      case 1:
        for (const actor of this.#orchestrators) actor.dead = true;
        this.#orchestrators.clear();
        tally.orchestratorKills += 1;
        return;
      case 2:
        if (this.run) {
          const handsOver = this.#choose(2) === 0;
          tally[handsOver ? 'handOvers' : 'takeOvers'] += 1;
          this.#startOrchestrator(handsOver ? this.run.epoch : undefined);
        }
        return;
      case 3:
        tally.pauses += 1;
        this.#operate('pause', ({ stopReason }) => (stopReason ? {} : { desired: 'pause' }));
        return;
      case 4:
        {
          const rates = { writeUnitsPerSecond: 20 + this.#choose(100), readUnitsPerSecond: 50 };
          this.#operate('rate', () => ({ rates }));
        }
        return;
      case 5: {
        const actor = worker?.actor ?? [...this.#orchestrators][0];
        if (actor) {
          tally.freezes += 1;
          const machine = this.#choose(2) === 0;
          if (machine) tally.suspensions += 1;
          this.#world.freeze(actor, machine);
          this.#frozen.add(actor);
        }
        return;
      }
      case 6:
        // Rarely, because it ends the scenario.
        if (this.#application || this.#choose(5) !== 0) return;
        tally.cancels += 1;
        this.#operate('cancel', () => ({
          desired: 'stop',
          stopReason: { kind: 'cancelled', message: '' },
        }));
        return;
      case 7: {
        const run = this.run;
        // Old code is live during the first sweep, and gone before a verification reads its first page.
        if (this.#application || run?.status !== 'running' || run.pass > 1 || run.verification) return;
        if (this.#users.takeAway(this.#choose(1_000))) tally.lost += 1;
        return;
      }
      default:
        for (const actor of this.#frozen) this.#world.thaw(actor);
        this.#frozen.clear();
    }
  }

  #controlTable(actor: Actor, launch?: string): ControlTable {
    const request = (command: unknown) =>
      this.#world.request(actor, () => {
        const reply = this.#table.execute(command);
        this.#checked(() => this.#invariants.check());
        return reply;
      });
    const send = async (command: unknown) => {
      try {
        const reply = (await request(command)) as { Attributes?: TaskRecord };
        if (launch !== undefined && reply.Attributes?.granted)
          this.#invariants.brought(launch, reply.Attributes);
        return reply;
      } catch (error) {
        const { Item } = error as { Item?: Record<string, AttributeValue> };
        const record = recordOf<TaskRecord>(Item && (unmarshall(Item) as ControlItem));
        if (launch !== undefined && record?.granted) this.#invariants.brought(launch, record);
        throw error;
      }
    };
    return new ControlTable({ send } as unknown as ControlTableClient, 'control');
  }

  /** One process's client of the user's table. A worker must have authority at the moment of sending. */
  #dataPlane(actor: Actor, launch?: string): DynamoDBClient {
    return {
      send: async (command: unknown) => {
        if (launch !== undefined) this.#checked(() => this.#assertAuthority(launch));
        const writes =
          command instanceof BatchExecuteStatementCommand || command instanceof UpdateItemCommand;
        // A person may start a retry although the run is paused.
        if (writes && !this.#retries.has(actor)) {
          this.#checked(() => this.#invariants.writeSent(actor.name));
        }
        return this.#world.request(actor, () => this.#users.execute(command));
      },
    } as unknown as DynamoDBClient;
  }

  #assertAuthority(launch: string): void {
    const status = this.#table.item(this.#newRun.runId, `TASK#${launch}`)?.['status'];
    if (status !== 'running') throw new Error(`launch ${launch} sends to the user's table and is ${status}`);
  }

  /** `expectedEpoch`: the process is started for a hand-over, and takes over only at this epoch. */
  #startOrchestrator(expectedEpoch?: number): void {
    const first = this.run === undefined;
    const actor = this.#actor('orchestrator');
    this.#orchestrators.add(actor);
    const stores = createStores(this.#controlTable(actor));
    const clock = this.#world.clockOf(actor);
    const supervise = async () => {
      const run = first
        ? await stores.runs.create(this.#newRun)
        : await this.#takeOver(stores.runs, expectedEpoch);
      if (!run || isFinished(run.status)) return;
      const metrics = this.#metrics(actor);
      const event = (name: string, fields: Record<string, unknown> = {}) => {
        if (name === 'verification.started' && fields['resumed'] === true) this.#continued += 1;
      };
      const output = { event, say: () => {}, print: () => {} };
      await new Supervisor(
        {
          stores,
          fleet: this.#fleet(actor),
          client: this.#dataPlane(actor),
          clock,
          supervision: run,
          by: 'model',
          output,
          metrics,
          detach: new AbortController().signal,
          continues: expectedEpoch !== undefined,
        },
        run,
      ).supervise();
    };
    supervise()
      .catch(error => this.#expectedEnd(error))
      .finally(() => this.#orchestrators.delete(actor));
  }

  /** A process may end because of its network, or because it was superseded. Any other end is a finding. */
  #expectedEnd(error: unknown): void {
    const expected = [
      'TimeoutError',
      'SupersededError',
      'RunCancelledError',
      'AuthorityLostError',
      'TableLockedError',
      'ConfigurationError',
      // A pause or a cancel ends a retry.
      'FleetfillError',
    ];
    const name = error instanceof Error ? error.name : '';
    if (!expected.includes(name) && !(error instanceof Error && error.message.includes('is gone'))) {
      this.#broken ??= error;
    }
  }

  async #takeOver(runs: RunStore, expectedEpoch?: number): Promise<RunRecord | undefined> {
    if (expectedEpoch !== undefined) return runs.takeOverAt(this.#newRun.runId, expectedEpoch);
    const id = `take-over ${this.#actors}`;
    return runs.takeOver(this.#newRun.runId, change(id, 'resume'), { desired: 'run' });
  }

  #operate(what: 'pause' | 'cancel' | 'rate', edit: (record: RunRecord) => OperatorEdit): void {
    const actor = this.#actor('operator');
    const id = `${what} ${this.#actors}`;
    const stores = createStores(this.#controlTable(actor));
    const clock = this.#world.clockOf(actor);
    const act = async () => {
      // A person repeats a failed command. The change keeps its id.
      for (let tries = 0; tries < 20; tries++) {
        try {
          const told = await stores.runs.operate(this.#newRun.runId, change(id, what), edit);
          if (told && !isFinished(told.status)) this.#invariants.acknowledged(id);
          if (!told || what === 'rate' || told.desired === 'run') return;
          await untilNobodyWrites(stores, told, clock);
          const after = await stores.runs.conclude(this.#newRun.runId, clock.nowIso());
          if (after && after.desired !== 'run') this.#invariants.nobodyWrites(after.epoch);
          return;
        } catch (error) {
          this.#expectedEnd(error);
        }
      }
    };
    void act();
  }

  /** Fixes what made items invalid and starts a retry, or kills one. */
  #disturbRetries(tally: ModelCounts): void {
    if (!this.#table.items().some(({ item }) => String(item).startsWith('QUARANTINE#'))) return;
    if (this.#retries.size === 0 || this.#choose(3) !== 0) {
      this.#users.fixInvalid();
      this.#retry(tally);
      return;
    }
    tally.retryKills += this.#retries.size;
    for (const actor of this.#retries) actor.dead = true;
    this.#retries.clear();
  }

  /** `failures RUN --retry` of a run that has not ended. */
  #retry(tally: ModelCounts): void {
    const actor = this.#actor('retry');
    const stores = createStores(this.#controlTable(actor));
    const { runId, table, keySchema } = this.#newRun;
    let changes = 0;
    const act = async () => {
      const run = await stores.runs.read(runId);
      const items = (await stores.quarantine.list(runId)).filter(({ resolved }) => !resolved);
      if (!run || isFinished(run.status) || items.length === 0) return;
      this.#retries.add(actor);
      await retryQuarantined({
        ...{ stores, run, items },
        write: { table, keySchema, rule: constantRule('test', { N: '1' }) },
        clock: this.#world.clockOf(actor),
        change: () => {
          changes += 1;
          return change(`${actor.name}, ${changes}`, 'retry');
        },
        detach: new AbortController().signal,
        dataPlane: assertMaySend => this.#retryDataPlane(actor, assertMaySend),
        onSettled: (_, outcome) => {
          if (outcome !== 'quarantined') tally.retried += 1;
        },
      });
    };
    act()
      .catch(error => this.#expectedEnd(error))
      .finally(() => this.#retries.delete(actor));
  }

  #retryDataPlane(actor: Actor, assertMaySend: () => void): DynamoDBClient {
    const client = this.#dataPlane(actor);
    const send = async (command: never) => {
      assertMaySend();
      this.#checked(() => this.#invariants.retrySends());
      return client.send(command);
    };
    return { send, destroy: () => {} } as unknown as DynamoDBClient;
  }

  #fleet(orchestrator: Actor): Fleet {
    const fleet: Pick<Fleet, 'start' | 'describe' | 'stop'> = {
      start: async environment =>
        (await this.#world.request(orchestrator, () => this.#runTask(environment))) as string,
      describe: async arns =>
        (await this.#world.request(orchestrator, () => this.#describe(arns))) as Map<string, TaskObservation>,
      stop: async arn => {
        await this.#world.request(orchestrator, () => {
          const task = [...this.#tasks.values()].find(other => other.arn === arn);
          if (task?.observation.state === 'alive') this.#end(task, 137);
        });
      },
    };
    return fleet as Fleet;
  }

  #describe(arns: readonly string[]): Map<string, TaskObservation> {
    const all = [...this.#tasks.values()].filter(({ arn }) => arns.includes(arn));
    return new Map(all.map(({ arn, observation }) => [arn, observation]));
  }

  /** Idempotent by its client token, which is the launch id. */
  #runTask(environment: TaskEnvironment): string {
    const known = this.#tasks.get(environment.launchId);
    if (known) return known.arn;
    const actor = this.#actor('worker');
    const task: EcsTask = {
      arn: `arn/${environment.launchId}`,
      actor,
      observation: { state: 'alive', lastStatus: 'RUNNING' },
    };
    this.#tasks.set(environment.launchId, task);
    const context: TaskContext = {
      task: environment,
      dataPlane: () => this.#dataPlane(actor, environment.launchId),
      controlTable: this.#controlTable(actor, environment.launchId),
      cloudWatch: { send: async () => ({}) } as unknown as CloudWatchClient,
      clock: this.#world.clockOf(actor),
      log: pino({ level: 'silent' }),
      stop: new AbortController(),
    };
    readAssignment(context)
      .then(({ run }) => (run ? runWorker(context, run) : 1))
      .catch(error => {
        this.#expectedEnd(error);
        return 1;
      })
      .then(exitCode => this.#end(task, exitCode));
    return task.arn;
  }

  #end(task: EcsTask, exitCode: number): void {
    task.actor.dead = true;
    task.observation = { state: 'stopped', stopCode: 'EssentialContainerExited', reason: '', exitCode };
  }

  #metrics(actor: Actor): MetricsPublisher {
    return new MetricsPublisher({
      client: { send: async () => ({}) } as unknown as CloudWatchClient,
      clock: this.#world.clockOf(actor),
      namespace: 'Fleetfill',
      table: 'stuff',
      onFailure: () => {},
    });
  }

  #actor(kind: string): Actor {
    this.#actors += 1;
    // Monotonic clocks of two machines differ in their zero and slightly in their speed.
    return new Actor(`${kind} ${this.#actors}`, 0.97 + this.#choose(7) / 100, this.#choose(1_000_000));
  }

  #checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#broken ??= error;
    }
  }
}

function change(id: string, what: OperatorChange['what']): OperatorChange {
  return { id, at: '', by: 'model', what, detail: '' };
}

export function modelRun(): NewRun {
  return {
    runId: 'model',
    status: 'running',
    desired: 'run',
    table: 'stuff',
    tableArn: 'arn:stuff',
    account: '',
    region: '',
    attribute: 'test',
    value: '1',
    keySchema: [{ name: 'id', type: 'S' }],
    totalSegments: SEGMENTS,
    tasks: TASKS,
    writeApi: 'batch',
    writeApiReason: '',
    undoLog: { targets: [{ name: 'test', value: '{"N":"1"}' }], expiresAt: 4_000_000_000 },
    indexes: 0,
    dryRun: false,
    spot: false,
    rates: { writeUnitsPerSecond: 100, readUnitsPerSecond: 100 },
    unattendedRate: 25,
    passes: 3,
    maxAttempts: 1_000,
    heartbeatMs: 2_000,
    authorityMs: 5_000,
    namespace: 'Fleetfill',
    controlTable: 'control',
    pass: 1,
    sweep: 1,
    createdAt: '',
    createdBy: 'model',
    activeMs: 0,
    changes: [],
    supervisorCounters: NO_COUNTERS,
  };
}
