import type { Clock } from '../../core/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly actor: Actor;
  readonly fire: () => void;
}

/**
 * A process of the simulation. Once it is dead, nothing of it runs again: its timers do not fire and no reply reaches
 * it.
 */
export class Actor {
  dead = false;
}

/**
 * Simulated time, without real waiting. The next timer fires as soon as everything before it has come to rest. Timers
 * for the same moment fire in the order in which they were set, so a run is the same each time.
 */
export class SimWorld {
  #nowMs = 0;
  #orders = 0;
  readonly #heap: Timer[] = [];
  #stopped = false;
  /** Called after each round of the event loop. */
  onRound: (() => void) | undefined;

  get nowMs(): number {
    return this.#nowMs;
  }

  clockOf(actor: Actor): Clock {
    return {
      monotonicMs: () => this.#nowMs,
      nowIso: () => new Date(Date.UTC(2026, 0, 1) + this.#nowMs).toISOString(),
      sleep: (ms, signal) => this.sleep(actor, ms, signal),
    };
  }

  sleep(actor: Actor, ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise(resolve => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      // Node's timers count whole milliseconds and last at least one.
      this.#push({
        dueMs: this.#nowMs + Math.max(1, Math.trunc(ms)),
        order: this.#orders++,
        actor,
        fire: wake,
      });
    });
  }

  at(atMs: number, fire: () => void): void {
    this.#push({ dueMs: atMs, order: this.#orders++, actor: new Actor(), fire });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Advances the time to this moment, or until {@link stop}. */
  async run(untilMs: number): Promise<void> {
    await settled();
    while (!this.#stopped) {
      const next = this.#heap[0];
      if (!next || next.dueMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      for (let due = this.#heap[0]; due && due.dueMs <= this.#nowMs; due = this.#heap[0]) {
        this.#pop();
        if (!due.actor.dead) due.fire();
      }
      await settled();
      this.onRound?.();
    }
    if (!this.#stopped) this.#nowMs = untilMs;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(timer, heap[parent] as Timer)) break;
      heap[at] = heap[parent] as Timer;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (!before(heap[child] as Timer, last)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
