import type { TaskRecord } from '../../core/records.ts';

interface Seen {
  readonly heartbeat: number;
  readonly atMs: number;
}

/**
 * How old each task's last heartbeat is. The time in a record is by the clock of another machine, so it counts only
 * for the first look; from then on the age runs from the moment at which the heartbeat was seen to change.
 */
export class HeartbeatAges {
  readonly #seen = new Map<string, Seen>();

  /**
   * Takes records just read, at this moment of the monotonic clock and of the wall clock, both in milliseconds.
   * @returns milliseconds by launch, for tasks that have sent a heartbeat.
   */
  look(tasks: readonly TaskRecord[], monotonicMs: number, wallMs: number): Map<string, number> {
    const ages = new Map<string, number>();
    for (const { launchId: launch, heartbeat, heartbeatAt } of tasks) {
      if (heartbeat === 0) continue;
      let seen = this.#seen.get(launch);
      if (!seen || seen.heartbeat !== heartbeat) {
        const before = seen || heartbeatAt === undefined ? 0 : Math.max(0, wallMs - Date.parse(heartbeatAt));
        seen = { heartbeat, atMs: monotonicMs - before };
        this.#seen.set(launch, seen);
      }
      ages.set(launch, monotonicMs - seen.atMs);
    }
    return ages;
  }
}
