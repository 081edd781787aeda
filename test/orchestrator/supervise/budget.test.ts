import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInAuthority, type Rates, type TaskRecord } from '../../../core/records.ts';
import { Budget, type GrantChange } from '../../../orchestrator/supervise/budget.ts';
import { rates, taskRecord } from '../../support/records.ts';

const WRITE = 'writeUnitsPerSecond';
const READ = 'readUnitsPerSecond';

interface Worker {
  /** What the reply to its last heartbeat brought; nothing before the first. */
  granted: Rates;
  renewal: number;
  heartbeat: number;
  /** A reply that is on its way. */
  reply: TaskRecord | undefined;
}

interface FleetTask {
  record: TaskRecord;
  readonly worker: Worker;
}

interface DelayedGrant {
  readonly task: FleetTask;
  readonly change: GrantChange;
  readonly epoch: number;
}

/** What happens to a request and its reply. */
type Fate = 'arrives' | 'is lost' | 'loses its reply' | 'is delayed';

/**
 * Workers, their records, and a supervisor that divides a budget, over a network that loses and delays messages. The
 * records change as in core/task-store.ts.
 */
class FleetModel {
  readonly tasks: FleetTask[] = [];
  budget: Rates;
  #divider = new Budget();
  #epoch = 1;
  #delayed: DelayedGrant[] = [];
  #nowMs = 0;
  #launches = 0;
  /** The highest budget whose grants may still be in use. */
  #ceiling: Rates;

  constructor(budget: Rates) {
    this.budget = budget;
    this.#ceiling = budget;
  }

  get live(): FleetTask[] {
    return this.tasks.filter(({ record }) => isInAuthority(record.status));
  }

  get #records(): TaskRecord[] {
    return this.tasks.map(({ record }) => ({ ...record }));
  }

  launch(): void {
    const granted = this.#divider.shareForNew(this.budget, this.#records, 1);
    const launch = `launch-${this.#launches++}`;
    this.tasks.push({
      record: taskRecord({
        launchId: launch,
        status: 'launching',
        epoch: this.#epoch,
        granted,
        held: granted,
        renewal: 0,
        seenRenewal: 0,
        heartbeat: 0,
      }),
      worker: { granted: rates(0), renewal: 0, heartbeat: 0, reply: undefined },
    });
  }

  end(task: FleetTask): void {
    task.record = { ...task.record, status: 'stopped' };
    task.worker.granted = rates(0);
    task.worker.reply = undefined;
  }

  setBudget(budget: Rates): void {
    this.budget = budget;
    this.#ceiling = larger(this.#ceiling, budget);
  }

  /** One turn of the supervisor. */
  tick(fateOf: () => Fate): void {
    this.#nowMs += 1_000;
    for (const change of this.#divider.changes(this.budget, this.#records, this.#nowMs)) {
      const task = this.tasks.find(({ record }) => record.launchId === change.task.launchId);
      if (!task) throw new Error('A grant for a task that is not there.');
      this.#divider.sending(change, this.#nowMs);
      const fate = fateOf();
      if (fate === 'is lost') continue;
      if (fate === 'is delayed') {
        this.#delayed.push({ task, change, epoch: this.#epoch });
        continue;
      }
      if (this.#apply(task, change, this.#epoch) && fate === 'arrives') {
        this.#divider.confirm(change, this.#nowMs);
      }
    }
  }

  /** A delayed grant arrives. */
  deliverGrant(index: number): void {
    const [delayed] = this.#delayed.splice(index % Math.max(1, this.#delayed.length), 1);
    if (delayed) this.#apply(delayed.task, delayed.change, delayed.epoch);
  }

  heartbeat(task: FleetTask, fate: Fate): void {
    const { worker } = task;
    // A worker stops waiting for the previous reply when it sends the next heartbeat.
    worker.reply = undefined;
    worker.heartbeat += 1;
    if (fate === 'is lost') return;
    task.record = {
      ...task.record,
      status: 'running',
      heartbeat: worker.heartbeat,
      seenRenewal: worker.renewal,
    };
    if (fate === 'arrives') bring(worker, task.record);
    if (fate === 'is delayed') worker.reply = task.record;
  }

  deliverReply({ worker }: FleetTask): void {
    if (worker.reply) bring(worker, worker.reply);
    worker.reply = undefined;
  }

  /** Another orchestrator takes over. It first adopts each task, and does not know what was sent before. */
  takeOver(): void {
    this.#epoch += 1;
    this.#divider = new Budget();
    for (const task of this.live) task.record = { ...task.record, epoch: this.#epoch };
  }

  passTime(ms: number): void {
    this.#nowMs += ms;
  }

  /** @throws when the workers together may use more than the budget allows. */
  check(): void {
    const settled =
      this.#delayed.length === 0 &&
      this.live.every(
        ({ record, worker }) =>
          worker.reply === undefined &&
          worker.renewal === record.renewal &&
          record.seenRenewal === record.renewal,
      );
    for (const rate of [WRITE, READ] as const) {
      const used = sum(this.live.map(({ worker }) => worker.granted[rate]));
      const granted = sum(this.live.map(({ record }) => record.granted[rate]));
      if (settled && granted <= this.budget[rate] * 1.000_001) {
        this.#ceiling = { ...this.#ceiling, [rate]: this.budget[rate] };
      }
      if (used > this.#ceiling[rate] * 1.000_001) {
        throw new Error(`${used} ${rate} are in use, and the budget is ${this.#ceiling[rate]}`);
      }
    }
  }

  /** Like TaskStore.grant: the task must be in authority, with the same epoch and a lower renewal. */
  #apply(task: FleetTask, { granted, held, renewal }: GrantChange, epoch: number): boolean {
    const { record } = task;
    if (!isInAuthority(record.status) || record.epoch !== epoch || record.renewal >= renewal) return false;
    task.record = { ...record, granted, held, renewal };
    return true;
  }
}

function bring(worker: Worker, record: TaskRecord): void {
  worker.granted = record.granted;
  worker.renewal = record.renewal;
}

function larger(a: Rates, b: Rates): Rates {
  return { [WRITE]: Math.max(a[WRITE], b[WRITE]), [READ]: Math.max(a[READ], b[READ]) };
}

const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0);

/** Runs turns and heartbeats without faults until nothing changes. */
function comeToRest(model: FleetModel): void {
  for (let turn = 0; turn < 40; turn++) {
    model.tick(() => 'arrives');
    for (const task of model.live) model.heartbeat(task, 'arrives');
    model.check();
  }
}

const fate = fc.constantFrom<Fate>('arrives', 'arrives', 'is lost', 'loses its reply', 'is delayed');
const anyTask = fc.nat({ max: 50 });
const anyBudget = fc
  .tuple(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 1_000 }))
  .map(([write, read]) => rates(write, read));

type Event = (model: FleetModel) => void;

const taskOf = (model: FleetModel, number: number) => model.live[number % Math.max(1, model.live.length)];

/** Each event has words, so that a counterexample is readable. */
function event(words: string, happen: Event): Event {
  return Object.assign(happen, { toString: () => words });
}

const events: fc.Arbitrary<Event>[] = [
  fc.array(fate, { minLength: 8, maxLength: 8 }).map(fates => {
    return event(`tick: grant ${fates.join(', ')}`, model => {
      let next = 0;
      model.tick(() => fates[next++ % fates.length] ?? 'arrives');
    });
  }),
  fc.tuple(anyTask, fate).map(([number, how]) => {
    return event(`heartbeat of ${number} ${how}`, model => {
      const task = taskOf(model, number);
      if (task) model.heartbeat(task, how);
    });
  }),
  anyTask.map(number => {
    return event(`late reply to ${number}`, model => {
      const task = taskOf(model, number);
      if (task) model.deliverReply(task);
    });
  }),
  anyTask.map(number => event(`late grant ${number}`, model => model.deliverGrant(number))),
  fc.constant(event('launch', model => model.launch())),
  anyTask.map(number => {
    return event(`end of ${number}`, model => {
      const task = taskOf(model, number);
      if (task) model.end(task);
    });
  }),
  anyBudget.map(budget => event(`budget ${JSON.stringify(budget)}`, model => model.setBudget(budget))),
  fc.constant(event('take-over', model => model.takeOver())),
  fc.nat({ max: 60_000 }).map(ms => event(`${ms} ms`, model => model.passTime(ms))),
];

const WEIGHTS = [6, 12, 3, 3, 3, 1, 1, 1, 1];
const anyEvent = fc.oneof(...events.map((arbitrary, kind) => ({ arbitrary, weight: WEIGHTS[kind] ?? 1 })));

test('what the workers may use together never exceeds the budget, whatever is lost, late, ended or changed', () => {
  fc.assert(
    fc.property(anyBudget, fc.array(anyEvent, { minLength: 20, maxLength: 150 }), (first, course) => {
      const model = new FleetModel(first);
      for (const happen of course) {
        happen(model);
        model.check();
      }
    }),
    { numRuns: Number(process.env['FLEETFILL_BUDGET_RUNS'] ?? 1_000) },
  );
});

test('and once nothing is lost any more, each has its equal share, and together they have all of it', () => {
  fc.assert(
    fc.property(anyBudget, fc.array(anyEvent, { maxLength: 60 }), (first, course) => {
      const model = new FleetModel(first);
      for (const happen of course) happen(model);
      for (let delayed = 0; delayed < 60; delayed++) model.deliverGrant(0);
      comeToRest(model);
      const { live } = model;
      for (const { worker } of live) {
        for (const rate of [WRITE, READ] as const) {
          const share = model.budget[rate] / live.length;
          expect(Math.abs(worker.granted[rate] - share)).toBeLessThanOrEqual(share * 0.03 + 1e-6);
        }
      }
    }),
    { numRuns: 200 },
  );
});

describe('a division', () => {
  test('of one budget among eight that start together is equal from the first second', () => {
    expect(new Budget().shareForNew(rates(800, 80), [], 8)).toEqual(rates(100, 10));
  });

  test('gives a newcomer nothing while the whole budget is in use, and its share once the others have released it', () => {
    const model = new FleetModel(rates(100));
    model.launch();
    comeToRest(model);
    model.launch();
    const [, newcomer] = model.tasks;
    expect(newcomer?.record.granted[WRITE]).toBe(0);
    comeToRest(model);
    expect(model.live.map(({ worker }) => worker.granted[WRITE])).toEqual([50, 50]);
  });

  test('gives the share of one that ended to the others', () => {
    const model = new FleetModel(rates(90));
    for (let launch = 0; launch < 3; launch++) model.launch();
    comeToRest(model);
    const [first] = model.tasks;
    if (first) model.end(first);
    comeToRest(model);
    expect(model.live.map(({ worker }) => worker.granted[WRITE])).toEqual([45, 45]);
  });

  test('of a lowered budget takes effect at the next heartbeats', () => {
    const model = new FleetModel(rates(100));
    for (let launch = 0; launch < 4; launch++) model.launch();
    comeToRest(model);
    model.setBudget(rates(40));
    model.tick(() => 'arrives');
    for (const task of model.live) model.heartbeat(task, 'arrives');
    expect(model.live.map(({ worker }) => worker.granted[WRITE])).toEqual([10, 10, 10, 10]);
  });
});

describe('writing grants', () => {
  const running = taskRecord({ granted: rates(50), held: rates(50) });
  const other = { ...running, launchId: 'launch-2' };

  /** The grants that a turn writes at this moment, all of them confirmed. */
  function turn(budget: Budget, of: Rates, tasks: TaskRecord[], nowMs: number): GrantChange[] {
    const changes = budget.changes(of, tasks, nowMs);
    for (const change of changes) {
      budget.sending(change, nowMs);
      budget.confirm(change, nowMs);
    }
    return changes;
  }

  const withGrants = (tasks: TaskRecord[], changes: GrantChange[]): TaskRecord[] =>
    tasks.map(task => {
      const change = changes.find(each => each.task.launchId === task.launchId);
      if (!change) return task;
      const { granted, held, renewal } = change;
      return { ...task, granted, held, renewal, seenRenewal: renewal };
    });

  test('of a lowered budget gives no more to one whose raise was lost than the other leaves', () => {
    const model = new FleetModel(rates(3));
    model.launch();
    model.launch();
    model.tick(() => 'arrives');
    const [first, second] = model.live;
    if (!first || !second) throw new Error('Two tasks were launched.');
    for (const task of [first, second, first, second]) model.heartbeat(task, 'arrives');
    model.tick(() => 'is lost');
    model.setBudget(rates(2));
    model.check();
    model.tick(() => 'arrives');
    model.heartbeat(second, 'arrives');
    expect(first.worker.granted[WRITE]).toBe(1.5);
    expect(second.worker.granted[WRITE]).toBe(0.5);
    model.check();
    comeToRest(model);
    expect(model.live.map(({ worker }) => worker.granted[WRITE])).toEqual([1, 1]);
  });

  test('is done once at the start, and then only when something changed or a renewal is due', () => {
    const budget = new Budget();
    let tasks = [running, other];
    const writes = [0, 1_000, 10_000, 19_000, 20_000, 21_000, 39_000, 40_000].map(nowMs => {
      const changes = turn(budget, rates(100), tasks, nowMs);
      tasks = withGrants(tasks, changes);
      return changes.length;
    });
    expect(writes).toEqual([2, 0, 0, 0, 2, 0, 0, 2]);
  });

  test('numbers the grants upwards, including a renewal without a change', () => {
    const budget = new Budget();
    let tasks = [running, other];
    const numbers = [0, 20_000, 40_000].map(nowMs => {
      const changes = turn(budget, rates(100), tasks, nowMs);
      tasks = withGrants(tasks, changes);
      return changes.map(({ renewal }) => renewal);
    });
    expect(numbers).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test('repeats a grant whose outcome is unknown, under a new number', () => {
    const budget = new Budget();
    const [first] = budget.changes(rates(40), [running], 0);
    if (!first) throw new Error('Nothing was to be written.');
    budget.sending(first, 0);
    const [second] = budget.changes(rates(40), [running], 1_000);
    expect(second?.renewal).toBe(first.renewal + 1);
  });

  test('counts a grant that may still take effect until a later one is confirmed', () => {
    const budget = new Budget();
    const send = (of: Rates, nowMs: number) => {
      const [change] = budget.changes(of, [running], nowMs);
      if (!change) throw new Error('Nothing was to be written.');
      budget.sending(change, nowMs);
      return change;
    };
    // For neither grant is it known whether it took effect.
    send(rates(80), 0);
    const lower = send(rates(40), 1_000);
    const newcomer = { ...other, granted: rates(0), held: rates(0) };
    const grantedTo = (task: TaskRecord, tasks: TaskRecord[]) =>
      budget.changes(rates(100), tasks, 2_000).find(change => change.task.launchId === task.launchId)
        ?.granted;
    expect(grantedTo(newcomer, [running, newcomer])).toEqual(rates(20));
    budget.confirm(lower, 2_000);
    const seen = { ...running, granted: rates(40), held: rates(50), renewal: 2, seenRenewal: 2 };
    expect(grantedTo(newcomer, [seen, newcomer])).toEqual(rates(50));
  });

  test('spares the write for a raise of less than one in a hundred, and for nothing that is lower', () => {
    const budget = new Budget();
    const tasks = withGrants([running], turn(budget, rates(50), [running], 0));
    expect(turn(budget, rates(50.4), tasks, 1_000)).toEqual([]);
    expect(turn(budget, rates(51), tasks, 1_000)).toHaveLength(1);
    expect(turn(budget, rates(49.99), tasks, 2_000)).toMatchObject([{ granted: rates(49.99) }]);
  });

  test('keeps the sum within a budget that was lowered by less than one in a hundred', () => {
    const model = new FleetModel(rates(1_000));
    for (let launch = 0; launch < 4; launch++) model.launch();
    comeToRest(model);
    model.setBudget(rates(995));
    for (let turn = 0; turn < 2; turn++) {
      model.tick(() => 'arrives');
      for (const task of model.live) model.heartbeat(task, 'arrives');
    }
    expect(model.live.map(({ worker }) => worker.granted[WRITE])).toEqual([248.75, 248.75, 248.75, 248.75]);
  });

  test('leaves a share for each task that follows within a moment', () => {
    const [change] = new Budget().changes(rates(100), [{ ...running, granted: rates(25) }], 0, 3);
    expect(change?.granted).toEqual(rates(25));
  });

  test('has nothing to write when no task is left', () => {
    expect(new Budget().changes(rates(100), [taskRecord({ status: 'lapsed' })], 0)).toEqual([]);
  });
});
