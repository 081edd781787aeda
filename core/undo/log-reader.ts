import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type AttributeMap, encodeAttributeMap } from '../attribute-value.ts';
import { decodeChunk, type LogLayout } from './chunk.ts';
import { type LogStore, supervisorLogSegment, type UndoneMark } from './log-store.ts';
import { decodeOutcomes, type LogOutcome, OUTCOME } from './outcomes.ts';

/** The value that a run was about to write to one target of one item. */
export interface LoggedValue {
  readonly key: AttributeMap;
  /** The index among the targets of the layout. */
  readonly target: number;
  readonly value: AttributeValue;
}

export interface LoggedChunk {
  readonly name: string;
  /** What the run certainly set. Each value of each item appears once in the whole log. */
  readonly set: readonly LoggedValue[];
  /** What the run may have set. Another chunk may hold the same entry. */
  readonly unknown: readonly LoggedValue[];
  /** What an undo has recorded for this chunk. */
  readonly undone: UndoneMark | undefined;
}

/** The log to read. */
export interface LogSource {
  readonly store: LogStore;
  readonly layout: LogLayout;
  readonly runId: string;
  readonly totalSegments: number;
}

/** The first sweep has most of the log and is read last. */
const FIRST_PASS = 1;

/** The same text for the same value of the same target of the same item. */
export function identityOf({ key, target, value }: LoggedValue): string {
  return `${target} ${encodeAttributeMap(key)} ${encodeAttributeMap({ value })}`;
}

/**
 * The chunks of one segment with what is known of them, latest pass first. If a run set the same value of an item more
 * than once, because somebody had removed it in between, it is reported once. What the supervisor wrote after a
 * verification takes precedence over any sweep, and a later sweep over an earlier one. Only the keys of those few items
 * are kept in memory.
 */
export async function* readLog(source: LogSource, segment: number): AsyncGenerator<LoggedChunk> {
  const { store, runId } = source;
  const last = supervisorLogSegment(source);
  const later = new Set<string>();
  if (segment !== last) {
    for await (const { set } of readLog(source, last)) for (const value of set) later.add(identityOf(value));
  }
  const outcomes = await readOutcomes(store, runId, segment);
  const undone = await store.undone(runId, segment);
  for await (const chunk of store.chunks(runId, segment)) {
    const of = outcomes.get(`${chunk.launchId}#${chunk.number}`);
    const set: LoggedValue[] = [];
    const unknown: LoggedValue[] = [];
    for (const [place, { key, values }] of decodeChunk(source.layout, chunk.data).entries()) {
      const outcome = of?.get(place) ?? OUTCOME.unknown;
      if (outcome === OUTCOME.notSet) continue;
      for (const [target, value] of values.entries()) {
        if (value !== undefined) (outcome === OUTCOME.set ? set : unknown).push({ key, target, value });
      }
    }
    const first = later.size === 0 ? set : set.filter(value => !later.has(identityOf(value)));
    if (chunk.pass > FIRST_PASS) for (const value of set) later.add(identityOf(value));
    yield { name: chunk.name, set: first, unknown, undone: undone.get(chunk.name) };
  }
}

/** Counts a segment's log by the state of its entries, without reading the keys. */
export interface LogCount {
  readonly chunks: number;
  readonly entries: number;
  readonly set: number;
  /** Entries without an outcome. */
  readonly unknown: number;
  /** Entries of `set` in chunks that an undo has finished. */
  readonly undone: number;
  readonly undoneBy: ReadonlySet<string>;
}

export async function countLog(
  { store, runId }: Pick<LogSource, 'store' | 'runId'>,
  segment: number,
): Promise<LogCount> {
  const outcomes = await readOutcomes(store, runId, segment);
  const marks = await store.undone(runId, segment);
  const count = {
    chunks: 0,
    entries: 0,
    set: 0,
    unknown: 0,
    undone: 0,
    undoneBy: new Set([...marks.values()].map(({ by }) => by)),
  };
  for await (const { name, launchId, number, entries } of store.chunks(runId, segment)) {
    const of = outcomes.get(`${launchId}#${number}`);
    const set = of?.count(OUTCOME.set) ?? 0;
    count.chunks += 1;
    count.entries += entries;
    count.set += set;
    count.unknown += entries - set - (of?.count(OUTCOME.notSet) ?? 0);
    if (marks.has(name)) count.undone += set;
  }
  return count;
}

/** The outcomes of one chunk's entries by index, one byte each, because a segment may have millions. */
class OutcomesOfChunk {
  #bytes = new Uint8Array(64);

  add(place: number, outcome: LogOutcome): void {
    if (place >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, place + 1));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    // 0 means no outcome, so each outcome is stored one higher. `set` is the highest and is never replaced.
    this.#bytes[place] = Math.max(this.#bytes[place] ?? 0, outcome + 1);
  }

  get(place: number): LogOutcome {
    const stored = this.#bytes[place] ?? 0;
    return stored === 0 ? OUTCOME.unknown : ((stored - 1) as LogOutcome);
  }

  count(outcome: LogOutcome): number {
    return this.#bytes.reduce((sum, stored) => sum + (stored === outcome + 1 ? 1 : 0), 0);
  }
}

/** Outcomes by the launch and number of a chunk. */
async function readOutcomes(
  store: LogStore,
  runId: string,
  segment: number,
): Promise<Map<string, OutcomesOfChunk>> {
  const outcomes = new Map<string, OutcomesOfChunk>();
  for await (const { launchId, data } of store.outcomes(runId, segment)) {
    for (const { chunk, set, notSet } of decodeOutcomes(data)) {
      const name = `${launchId}#${chunk}`;
      const of = outcomes.get(name) ?? new OutcomesOfChunk();
      outcomes.set(name, of);
      for (const place of notSet) of.add(place, OUTCOME.notSet);
      for (const place of set) of.add(place, OUTCOME.set);
    }
  }
  return outcomes;
}
