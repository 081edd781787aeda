/**
 * Work over very many segments, done in slices. The generator yields between slices, so that a supervising process can
 * handle heartbeats and grants. With few segments it never yields.
 */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Elements between two yields: a few milliseconds of work at most. */
export const SEGMENTS_A_SLICE = 2_000;

/** Calls `each` for every element and yields between slices of the array. */
export function* sliceBySlice<T>(elements: readonly T[], each: (element: T) => void): Slices<void> {
  for (let from = 0; from < elements.length; from += SEGMENTS_A_SLICE) {
    if (from > 0) yield;
    const end = Math.min(elements.length, from + SEGMENTS_A_SLICE);
    for (let index = from; index < end; index++) each(elements[index] as T);
  }
}

/** Runs all slices at once, for a process that has nothing else to do. */
export function atOnce<T>(slices: Slices<T>): T {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}

/**
 * Runs the slices with other work of this process in between. If one slice is enough, `then` runs before this returns.
 */
export function betweenOthers<T>(slices: Slices<T>, then: (result: T) => void): void {
  const { done, value } = slices.next();
  if (done) then(value);
  else setImmediate(() => betweenOthers(slices, then));
}
