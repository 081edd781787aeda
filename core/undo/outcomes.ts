import { ByteReader, ByteWriter } from './bytes.ts';

/**
 * How the write of an entry ended, ordered by certainty. If one item has several entries, the most certain one decides.
 * `unknown` is never stored: an entry without an outcome is unknown.
 */
export const OUTCOME = { notSet: 0, unknown: 1, set: 2 } as const;

export type LogOutcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** Which entries of one chunk ended how, as indexes from 0. */
export interface ChunkOutcomes {
  /** The number of the chunk, counted by the launch that put it. */
  readonly chunk: number;
  readonly set: readonly number[];
  readonly notSet: readonly number[];
}

/** Writes indexes as runs of neighbours: the distance to the next run, and its length. */
function writePlaces(to: ByteWriter, places: readonly number[]): void {
  const runs: { start: number; length: number }[] = [];
  for (const place of [...places].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.start + last.length === place) last.length += 1;
    else runs.push({ start: place, length: 1 });
  }
  to.number(runs.length);
  let position = 0;
  for (const { start, length } of runs) {
    to.number(start - position);
    to.number(length);
    position = start + length;
  }
}

function readPlaces(from: ByteReader): number[] {
  const places: number[] = [];
  let position = 0;
  for (let runs = from.number(); runs > 0; runs--) {
    position += from.number();
    for (let length = from.number(); length > 0; length--) places.push(position++);
  }
  return places;
}

export function encodeOutcomes(chunks: readonly ChunkOutcomes[]): Uint8Array {
  const to = new ByteWriter();
  to.number(chunks.length);
  for (const { chunk, set, notSet } of chunks) {
    to.number(chunk);
    writePlaces(to, set);
    writePlaces(to, notSet);
  }
  return to.take();
}

/** @throws RangeError when the bytes end too early. */
export function decodeOutcomes(data: Uint8Array): ChunkOutcomes[] {
  const from = new ByteReader(data);
  return Array.from({ length: from.number() }, () => ({
    chunk: from.number(),
    set: readPlaces(from),
    notSet: readPlaces(from),
  }));
}
