import { renewalIntervalMs } from '../../core/control-pace.ts';
import { isInAuthority, type Rates, type TaskRecord } from '../../core/records.ts';

/** A raise below this part of the grant is not worth a write. A lower grant always is: otherwise the sum exceeds. */
const NEGLIGIBLE_RAISE = 0.01;

/** Differences below this part come from the arithmetic of doubles. */
const ROUNDING = 1e-9;

const NOTHING: Rates = { writeUnitsPerSecond: 0, readUnitsPerSecond: 0 };

/** A grant to write, with what the task may use until it has seen it. */
export interface GrantChange {
  readonly task: TaskRecord;
  readonly granted: Rates;
  readonly held: Rates;
  readonly renewal: number;
}

interface Sent {
  readonly granted: Rates;
  readonly renewal: number;
  readonly atMs: number;
}

/**
 * Divides the fleet's budget into equal shares for the tasks in authority.
 *
 * At every moment, the sum of what all tasks may use stays within the budget. A task may use its current grant, an
 * older one until it has seen the replacement, and one that was sent and may still take effect. So the budget lowers
 * one share first. It grants the freed part to others only when a heartbeat echoes the number of the lower grant, or
 * when the task's authority has ended:
 *
 *     budget 100   A 100 ─ grant 50 ─ heartbeat brings 50 ─ heartbeat echoes 50 ─┐
 *                  B 0 ···························································└ grant 50
 */
export class Budget {
  readonly #sent = new Map<string, Sent>();
  readonly #renewalMs: number;

  /** `tasks`: the size of the whole fleet. With many tasks, each grant is renewed less often. */
  constructor(tasks = 1) {
    this.#renewalMs = renewalIntervalMs(tasks);
  }

  /** The share that each new task can get now: an equal share, or less if less is free. */
  shareForNew(budget: Rates, tasks: readonly TaskRecord[], newTasks: number): Rates {
    const live = tasks.filter(task => isInAuthority(task.status));
    return eachRate(rate => {
      const used = sum(live.map(task => this.#usable(task)[rate]));
      return Math.max(0, Math.min(budget[rate] / (live.length + newTasks), (budget[rate] - used) / newTasks));
    });
  }

  /**
   * @returns the grants to write now. Pass records that were just read. Call {@link sending} before each write, and
   * {@link confirm} only if it succeeded. `soon`: tasks that will be launched soon, for each of which a share stays
   * free.
   */
  changes(budget: Rates, tasks: readonly TaskRecord[], nowMs: number, soon = 0): GrantChange[] {
    const live = tasks.filter(task => isInAuthority(task.status));
    const launches = new Set(live.map(({ launchId }) => launchId));
    for (const launch of this.#sent.keys()) if (!launches.has(launch)) this.#sent.delete(launch);
    if (live.length === 0) return [];
    const free = eachRate(rate => budget[rate] - sum(live.map(task => this.#usable(task)[rate])));
    const remaining = { ...free };
    const changes: GrantChange[] = [];
    for (const task of live) {
      const granted = eachRate(rate => {
        const share = budget[rate] / (live.length + soon);
        const usable = this.#usable(task)[rate];
        if (share <= task.granted[rate]) return share;
        // The usable part includes grants with an unknown outcome. Granting that much again needs free budget, like any
        // raise.
        if (share <= usable) return Math.min(share, Math.max(task.granted[rate], usable + free[rate]));
        const raise = Math.max(0, Math.min(share - usable, remaining[rate]));
        remaining[rate] -= raise;
        return usable + raise;
      });
      const sent = this.#sent.get(task.launchId);
      const due = sent === undefined || nowMs - sent.atMs >= this.#renewalMs;
      const unknown = sent !== undefined && sent.renewal > task.renewal;
      if (!due && !unknown && !isWorthWriting(granted, task.granted)) continue;
      const renewal = Math.max(task.renewal, sent?.renewal ?? 0) + 1;
      const usable = this.#usable(task);
      const held = eachRate(rate => Math.max(usable[rate], granted[rate]));
      changes.push({ task, granted, held, renewal });
    }
    return changes;
  }

  /** Call this before a grant is sent: from then on it may take effect. */
  sending({ task, granted, renewal }: GrantChange, nowMs: number): void {
    const before = this.#sent.get(task.launchId);
    const open = before && before.renewal > task.renewal ? before.granted : NOTHING;
    this.#sent.set(task.launchId, {
      granted: eachRate(rate => Math.max(granted[rate], open[rate])),
      renewal,
      atMs: nowMs,
    });
  }

  /** Call this once the grant is in the record: no earlier grant can take effect any longer. */
  confirm({ task, granted, renewal }: GrantChange, nowMs: number): void {
    this.#sent.set(task.launchId, { granted, renewal, atMs: nowMs });
  }

  #usable(task: TaskRecord): Rates {
    const sent = this.#sent.get(task.launchId);
    const mayArrive = sent && sent.renewal > task.renewal ? sent.granted : NOTHING;
    const known = task.seenRenewal === task.renewal ? task.granted : task.held;
    return eachRate(rate => Math.max(known[rate], mayArrive[rate]));
  }
}

function eachRate(value: (rate: keyof Rates) => number): { -readonly [K in keyof Rates]: Rates[K] } {
  return {
    writeUnitsPerSecond: value('writeUnitsPerSecond'),
    readUnitsPerSecond: value('readUnitsPerSecond'),
  };
}

function isWorthWriting(granted: Rates, before: Rates): boolean {
  return (['writeUnitsPerSecond', 'readUnitsPerSecond'] as const).some(
    rate =>
      granted[rate] < before[rate] * (1 - ROUNDING) || granted[rate] * (1 - NEGLIGIBLE_RAISE) > before[rate],
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
