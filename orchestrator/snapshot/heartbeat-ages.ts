import type { TaskRecord } from '../../core/records.ts';

interface Seen {
  readonly heartbeat: number;
  readonly atMs: number;
}

/**
 * Tracks the age of each task's last heartbeat. The timestamp in a record comes from another machine's clock, so it is
 * used only at the first look. After that, the age counts from the moment when this reader saw the heartbeat change.
 */
export class HeartbeatAges {
  readonly #seen = new Map<string, Seen>();

  /**
   * Takes records that were read at this moment of the monotonic clock and of the wall clock, both in milliseconds.
   * @returns ages in milliseconds by launch, for tasks that have sent a heartbeat.
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
