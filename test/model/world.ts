import type { Clock } from '../../core/clock.ts';

/** Draws the next choice: a whole number below `below`. */
export type Choose = (below: number) => number;

type Effect = () => unknown;

interface Message {
  readonly actor: Actor;
  readonly effect: Effect;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Timer {
  readonly actor: Actor;
  dueMs: number;
  readonly fire: () => void;
}

/**
 * A process of the model. Once it is dead, nothing of it runs again: its timers do not fire and replies do not reach
 * it. Its clock has its own rate and zero.
 */
export class Actor {
  readonly name: string;
  readonly clockRate: number;
  readonly clockOffsetMs: number;
  dead = false;
  /** Stopped in the middle. It continues as if nothing had happened when this is false again. */
  frozen = false;
  /** How long its machine slept. Its monotonic clock stood still meanwhile. */
  suspendedMs = 0;

  constructor(name: string, clockRate = 1, clockOffsetMs = 0) {
    this.name = name;
    this.clockRate = clockRate;
    this.clockOffsetMs = clockOffsetMs;
  }
}

/**
 * Time, network and processes of the model. Nothing happens by itself. Each step picks one thing that may happen next,
 * among all messages on their way and the next timer, and lets it happen.
 */
export class World {
  readonly #choose: Choose;
  #messages: Message[] = [];
  readonly #ghosts: { readonly effect: Effect }[] = [];
  #timers: Timer[] = [];
  #nowMs = 0;
  readonly #suspendedSinceMs = new Map<Actor, number>();
  /** The percentage of messages with a fault. */
  readonly #faultsPerHundred: number;

  constructor(choose: Choose, faultsPerHundred: number) {
    this.#choose = choose;
    this.#faultsPerHundred = faultsPerHundred;
  }

  clockOf(actor: Actor): Clock {
    return {
      monotonicMs: () => actor.clockOffsetMs + (this.#nowMs - actor.suspendedMs) * actor.clockRate,
      nowIso: () => new Date(this.#nowMs).toISOString(),
      sleep: (ms, signal) =>
        new Promise(resolve => {
          if (signal?.aborted) return resolve();
          const timer: Timer = {
            actor,
            dueMs: this.#nowMs + Math.max(0, ms) / actor.clockRate,
            fire: () => {
              signal?.removeEventListener('abort', abandon);
              resolve();
            },
          };
          const abandon = () => {
            this.#timers = this.#timers.filter(other => other !== timer);
            resolve();
          };
          signal?.addEventListener('abort', abandon, { once: true });
          this.#timers.push(timer);
        }),
    };
  }

  /** Sends a request. The world decides whether and when it takes effect, and whether its reply arrives. */
  request(actor: Actor, effect: Effect): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!actor.dead) this.#messages.push({ actor, effect, resolve, reject });
    });
  }

  /** Stops a process in the middle. With its machine, its monotonic clock and its timers stop too. */
  freeze(actor: Actor, machine: boolean): void {
    if (actor.frozen) return;
    actor.frozen = true;
    if (machine) this.#suspendedSinceMs.set(actor, this.#nowMs);
  }

  thaw(actor: Actor): void {
    actor.frozen = false;
    const sinceMs = this.#suspendedSinceMs.get(actor);
    if (sinceMs === undefined) return;
    this.#suspendedSinceMs.delete(actor);
    const sleptMs = this.#nowMs - sinceMs;
    actor.suspendedMs += sleptMs;
    for (const timer of this.#timers) if (timer.actor === actor) timer.dueMs += sleptMs;
  }

  /** Lets one thing happen: a message arrives, a late or repeated request takes effect, or time passes. */
  async step(): Promise<void> {
    this.#timers = this.#timers.filter(({ actor }) => !actor.dead);
    this.#messages = this.#messages.filter(({ actor }) => !actor.dead);
    const awake = this.#messages.filter(({ actor }) => !actor.frozen);
    const things = awake.length + this.#ghosts.length;
    // Time passes if nothing else is chosen. The more messages are on their way, the more rarely it does.
    const chosen = this.#choose(things + 1);
    const message = awake[chosen];
    if (message) this.#deliver(message);
    else if (chosen < things) this.#haunt(chosen - awake.length);
    else this.#tick();
    await new Promise<void>(resolve => setImmediate(resolve));
  }

  /** Usually a late request stays late, because it then meets a changed world. */
  #haunt(index: number): void {
    if (this.#choose(6) === 0) this.#ghosts.splice(index, 1)[0]?.effect();
  }

  #tick(): void {
    const next = this.#timers
      .filter(({ actor }) => !actor.frozen)
      .reduce<Timer | undefined>(
        (first, timer) => (first && first.dueMs <= timer.dueMs ? first : timer),
        undefined,
      );
    if (!next) {
      // Everyone who could act is frozen, but time passes anyway.
      this.#nowMs += 1_000;
      return;
    }
    this.#timers = this.#timers.filter(timer => timer !== next);
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    next.fire();
  }

  #deliver(message: Message): void {
    this.#messages = this.#messages.filter(other => other !== message);
    const effect = () => quietly(message.effect);
    const fault = this.#choose(100) < this.#faultsPerHundred ? this.#choose(5) : undefined;
    switch (fault) {
      case undefined:
        this.#reply(message, message.effect);
        break;
      case 0:
        this.#reject(message);
        break;
      case 1:
        effect();
        this.#reject(message);
        break;
      case 2:
        this.#ghosts.push({ effect });
        this.#reject(message);
        break;
      case 3:
        this.#ghosts.push({ effect });
        this.#reply(message, message.effect);
        break;
      default:
        this.#replyLate(message, this.#choose(10_000));
    }
  }

  #reply({ actor, resolve, reject }: Message, effect: Effect): void {
    const reply = this.#outcomeOf(effect, resolve, reject);
    if (!actor.dead) reply();
  }

  /** The effect happens now, and the reply comes this much later. */
  #replyLate({ actor, effect, resolve, reject }: Message, ms: number): void {
    const reply = this.#outcomeOf(effect, resolve, reject);
    this.#timers.push({ actor, dueMs: this.#nowMs + ms, fire: reply });
  }

  #outcomeOf(effect: Effect, resolve: Message['resolve'], reject: Message['reject']): () => void {
    try {
      const value = effect();
      return () => resolve(value);
    } catch (error) {
      return () => reject(error);
    }
  }

  #reject({ actor, reject }: Message): void {
    if (!actor.dead) reject(Object.assign(new Error('no reply came'), { name: 'TimeoutError' }));
  }
}

function quietly(effect: Effect): void {
  try {
    effect();
  } catch {
    // Nobody waits for the reply of a request that was lost, delayed or repeated.
  }
}
