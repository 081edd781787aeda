import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type ApplicationStats, ApplicationStatsRecorder } from './application-stats.ts';
import { ContendedKeys } from './contended-keys.ts';
import type { Item } from './item.ts';
import type { JournalOfWrites } from './journal.ts';
import { DEFAULT_MIX, type OperationMix } from './operation-mix.ts';
import { sendWrite, type WriteOutcome } from './send-write.ts';
import type { Write } from './write.ts';
import { type Habits, WritePlanner } from './write-planner.ts';

export interface ApplicationOptions {
  /** With `maxAttempts: 1`, see send-write.ts. */
  readonly client: DynamoDBClient;
  readonly table: string;
  /** Knows which items exist, and records every write. */
  readonly journal: JournalOfWrites;
  /** Items to insert, each with a key that was never used before. The application adds the attribute. */
  readonly newItem: (index: number) => Item;
  readonly seed: string;
  readonly operationsPerSecond: number;
  /** Writes in flight, each on a different key. */
  readonly concurrency?: number;
  readonly mix?: OperationMix;
  /** What it writes; by default the habits of the founding case. */
  readonly habits?: Habits;
  /** The tool's number of segments. With it, half of the writes to existing items go where the tool is working. */
  readonly followSegments?: number;
  /** How long a write is repeated before its outcome is left unknown. */
  readonly giveUpAfterMs?: number;
  readonly requestTimeoutMs?: number;
}

/** Writes in flight. They keep the rate even if an engine on a busy machine takes 100 ms for a reply. */
const DEFAULT_CONCURRENCY = 16;

/** Time between two looks at where the tool is working. */
const LOOK_EVERY_MS = 150;

/** How far the application may fall behind its rate and still catch up. */
const LONGEST_LAG_MS = 1000;

/**
 * An application that uses the table while the tool works on it. It inserts, updates, sets its own values for the
 * attribute and deletes, at a steady rate. The journal records everything it does.
 */
export class Application {
  readonly #options: ApplicationOptions;
  readonly #frontier: ContendedKeys | undefined;
  readonly #stats = new ApplicationStatsRecorder();
  readonly #stopped = new AbortController();
  #lanes: Promise<void>[] = [];
  #startedAt = 0;
  #durationMs: number | undefined;
  #nextDueAt = 0;
  #begun = 0;
  #failure: Error | undefined;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    const { client, table, journal, followSegments: segments } = options;
    if (segments !== undefined) {
      this.#frontier = new ContendedKeys({
        client,
        table,
        key: journal.key,
        attribute: journal.attribute,
        segments,
      });
    }
  }

  /** Starts writing; call it once. The application may write to every item that the journal holds now. */
  start(): void {
    if (this.#lanes.length > 0) throw new Error('An application can be started only once.');
    const {
      journal,
      newItem,
      seed,
      mix = DEFAULT_MIX,
      concurrency = DEFAULT_CONCURRENCY,
      habits,
    } = this.#options;
    const planner = new WritePlanner({
      ...{ journal, newItem, seed, mix, frontier: this.#frontier },
      ...(habits && { habits }),
    });
    this.#startedAt = performance.now();
    this.#nextDueAt = this.#startedAt;
    // Each waiting lane adds a listener, and Node reports more than ten as a leak.
    setMaxListeners(concurrency + 1, this.#stopped.signal);
    const lanes = Array.from({ length: concurrency }, () => this.#operate(planner));
    if (this.#frontier !== undefined) lanes.push(this.#follow(this.#frontier));
    this.#lanes = lanes.map(lane => lane.catch(error => this.#fail(error)));
  }

  /**
   * Begins no more writes, waits for those in flight and returns the final figures.
   * @throws an error of the demo itself, never one of DynamoDB.
   */
  async stop(): Promise<ApplicationStats> {
    this.#stopped.abort();
    await Promise.all(this.#lanes);
    if (this.#failure !== undefined) throw this.#failure;
    this.#durationMs ??= performance.now() - this.#startedAt;
    return this.stats();
  }

  stats(): ApplicationStats {
    return this.#stats.summary(this.#durationMs ?? performance.now() - this.#startedAt);
  }

  async #operate(planner: WritePlanner): Promise<void> {
    const { journal, client, table, giveUpAfterMs = 60_000, requestTimeoutMs = 5000 } = this.#options;
    const target = { client, table, key: journal.key };
    while (await this.#nextTurn()) {
      const planned = planner.plan(this.#begun++);
      if (planned === undefined) continue;
      const { operation, write } = planned;
      journal.begin(write);
      const sentAt = performance.now();
      const outcome = await sendWrite(target, write, { giveUpAfterMs, requestTimeoutMs });
      this.#stats.record(operation, outcome, performance.now() - sentAt);
      enter(journal, write, outcome);
      planner.release(write, outcome.unanswered === 0);
    }
  }

  /**
   * Waits until the next operation is due.
   * @returns false if there will be none.
   */
  async #nextTurn(): Promise<boolean> {
    const { signal } = this.#stopped;
    const now = performance.now();
    const dueAt = Math.max(this.#nextDueAt, now - LONGEST_LAG_MS);
    this.#nextDueAt = dueAt + 1000 / this.#options.operationsPerSecond;
    if (dueAt > now) await pause(dueAt - now, signal);
    return !signal.aborted;
  }

  #fail(cause: unknown): void {
    this.#failure ??= cause instanceof Error ? cause : new Error(String(cause));
    this.#stopped.abort();
  }

  async #follow(frontier: ContendedKeys): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // If a look fails, the keys of the last look stay. The application does not depend on it.
      await frontier.look().catch(() => undefined);
      await pause(LOOK_EVERY_MS, signal);
    }
  }
}

function enter(journal: JournalOfWrites, write: Write, outcome: WriteOutcome): void {
  switch (outcome.result) {
    case 'applied':
      journal.applied(write, { old: outcome.old, repeated: outcome.unanswered > 0 });
      break;
    case 'found-nothing':
      journal.foundNothing(write);
      break;
    case 'refused':
      journal.refused(write);
      break;
    case 'unknown':
      journal.leaveUnknown(write);
      break;
  }
}

async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await sleep(durationMs, undefined, { signal }).catch(() => undefined);
}
