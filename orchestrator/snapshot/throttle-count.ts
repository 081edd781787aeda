import type { TaskRecord } from '../../core/records.ts';

/** Counts throttled calls once, although a task's record repeats them until its next heartbeat. */
export class ThrottleCount {
  readonly #counted = new Map<string, number>();

  /** @returns the throttled calls that these records newly report, and the reason of the task with the most. */
  take(tasks: readonly TaskRecord[]): { count: number; reason?: string } {
    let count = 0;
    let worst = 0;
    let reason: string | undefined;
    for (const { launchId: launch, heartbeat, throttled } of tasks) {
      if (!throttled || (this.#counted.get(launch) ?? -1) >= heartbeat) continue;
      this.#counted.set(launch, heartbeat);
      count += throttled.count;
      if (throttled.count > worst) {
        worst = throttled.count;
        reason = throttled.reason;
      }
    }
    return { count, ...(reason !== undefined && { reason }) };
  }
}
