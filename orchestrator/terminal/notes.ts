import { count, duration, rate } from '../snapshot/format.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

/** The shortest time before the same warning is printed again. */
const REPEAT_WARNING_MS = 30_000;

/** Throttling comes and goes with each heartbeat. It has ended when none was seen for this long. */
const THROTTLING_ENDED_MS = 10_000;

/**
 * Words for ends of tasks that need no reason. A systemic end stops the run, and the end of the run gives its reason.
 */
const ENDS: Readonly<Record<string, string>> = {
  done: 'nothing left to do',
  desired: 'as asked',
  systemic: 'an error that affects every item, so the run stops',
};

type Fields = Readonly<Record<string, unknown>>;

/** Finds the changes of a run that are worth a line, in the supervisor's events and between snapshots. */
export class Notes {
  readonly #lines: string[] = [];
  readonly #ended = new Map<string, number>();
  readonly #warned = new Map<string, number>();
  #launched = 0;
  #budget: Snapshot['run']['budget'] | undefined;
  #quarantined = 0;
  #quarantineToldAtMs = Number.NEGATIVE_INFINITY;
  #throttledSinceMs: number | undefined;
  #throttledAtMs = 0;
  #pass: number | undefined;
  #status: string | undefined;

  /**
   * Takes an event of the supervisor at this moment, in milliseconds. It ignores events for which the supervisor itself
   * prints a line.
   */
  event(name: string, fields: Fields, nowMs: number): void {
    if (name === 'task.launched') this.#launched += 1;
    else if (name === 'task.ended') this.#countEnd(fields);
    else if (name === 'warning') this.#warn(String(fields['message']), nowMs);
    else if (name === 'repair.started')
      this.#lines.push(`Repairing the ${number(fields['items'])} items that lack the attribute.`);
    else if (name === 'verification.started')
      this.#lines.push(`Verification of pass ${fields['pass']} begins.`);
    else if (name === 'verification.finished') {
      const missing = number(fields['missing']);
      this.#lines.push(
        `Verification: ${missing === '0' ? 'none' : missing} of ${number(fields['scanned'])} items ${Number(fields['missing']) < 2 ? 'lacks' : 'lack'} the attribute.`,
      );
    }
  }

  /** Takes the next snapshot, at this moment in milliseconds. */
  snapshot(snapshot: Snapshot, nowMs: number): void {
    const { run, throttling } = snapshot;
    if (this.#pass !== undefined && run.pass !== this.#pass)
      this.#lines.push(`Pass ${this.#pass} has ended; pass ${run.pass} begins.`);
    this.#pass = run.pass;
    if (this.#status !== undefined && run.desired !== 'run' && this.#status === 'run') {
      this.#lines.push(`Somebody asked the run to ${run.desired}. Tasks finish their current pages and end.`);
    }
    this.#status = run.desired;
    this.#followBudget(run.budget);
    this.#followQuarantine(snapshot, nowMs);
    if (throttling) {
      if (this.#throttledSinceMs === undefined) {
        this.#throttledSinceMs = nowMs;
        this.#lines.push(`The table throttles, so the fleet slows down: ${throttling.reason}`);
      }
      this.#throttledAtMs = nowMs;
    } else if (this.#throttledSinceMs !== undefined && nowMs - this.#throttledAtMs >= THROTTLING_ENDED_MS) {
      const lasted = this.#throttledAtMs - this.#throttledSinceMs;
      this.#lines.push(`The table has stopped throttling after ${duration(lasted)}.`);
      this.#throttledSinceMs = undefined;
    }
  }

  /** @returns the lines since the last call. */
  take(): string[] {
    for (const [what, tasks] of this.#ended) this.#lines.push(`${tasksIn(tasks)} ended: ${what}`);
    if (this.#launched > 0) this.#lines.push(`${tasksIn(this.#launched)} launched.`);
    this.#launched = 0;
    this.#ended.clear();
    return this.#lines.splice(0);
  }

  #followBudget(budget: Snapshot['run']['budget']): void {
    const before = this.#budget;
    this.#budget = budget;
    const [now, old] = [describeBudget(budget), before && describeBudget(before)];
    if (old !== undefined && now !== old) this.#lines.push(`The budget is now ${now}. It was ${old}.`);
  }

  /** Reports a growing number from time to time, not for each item. */
  #followQuarantine({ run, counters: { quarantined } }: Snapshot, nowMs: number): void {
    if (quarantined <= this.#quarantined || nowMs - this.#quarantineToldAtMs < REPEAT_WARNING_MS) return;
    this.#quarantined = quarantined;
    this.#quarantineToldAtMs = nowMs;
    const items = quarantined === 1 ? '1 item is' : `${count(quarantined)} items are`;
    this.#lines.push(`${items} in quarantine: orchestrate failures ${run.runId}`);
  }

  #countEnd({ kind, reason }: Fields): void {
    const what = ENDS[String(kind)] ?? String(reason);
    this.#ended.set(what, (this.#ended.get(what) ?? 0) + 1);
  }

  #warn(message: string, nowMs: number): void {
    if (nowMs - (this.#warned.get(message) ?? Number.NEGATIVE_INFINITY) < REPEAT_WARNING_MS) return;
    this.#warned.set(message, nowMs);
    this.#lines.push(`Warning: ${message}`);
  }
}

function tasksIn(tasks: number): string {
  return tasks === 1 ? '1 task' : `${count(tasks)} tasks`;
}

function describeBudget({ writeUnitsPerSecond, readUnitsPerSecond }: Snapshot['run']['budget']): string {
  return `${rate(writeUnitsPerSecond)} write and ${rate(readUnitsPerSecond)} read units a second`;
}

function number(value: unknown): string {
  return count(Number(value));
}
