import type { Clock } from '../../core/clock.ts';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * Time that passes only when the test says so. Sleepers wake in the order in which they are due, each one after
 * everything that the one before it started has come to rest.
 */
export class FakeClock implements Clock {
  #nowMs: number;
  #suspendedMs = 0;
  readonly #sleepers = new Set<Sleeper>();
  /** How late timers fire. A function may draw a new value for each timer. */
  readonly #latenessMs: () => number;

  constructor(options: { startMs?: number; latenessMs?: () => number } = {}) {
    this.#nowMs = options.startMs ?? 0;
    this.#latenessMs = options.latenessMs ?? (() => 0);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  nowIso(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.#nowMs + this.#suspendedMs).toISOString();
  }

  get sleepers(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise(resolve => {
      const sleeper: Sleeper = {
        // Node's timers count whole milliseconds and last at least one.
        dueMs: this.#nowMs + Math.max(1, Math.trunc(ms)) + this.#latenessMs(),
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      signal?.addEventListener('abort', sleeper.wake, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /** Lets `ms` milliseconds pass. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  /** Time passes and nothing runs meanwhile, as in a stopped process. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets the machine sleep: meanwhile only the wall clock advances. */
  suspend(ms: number): void {
    this.#suspendedMs += ms;
  }

  #next(untilMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.dueMs <= untilMs && (first === undefined || sleeper.dueMs < first.dueMs)) first = sleeper;
    }
    return first;
  }
}

/** Resolves when every promise that is ready has continued. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
