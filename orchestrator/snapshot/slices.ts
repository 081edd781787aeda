/**
 * Work over very many segments, in slices: it yields after each of them, so that whoever supervises a run meanwhile can
 * let heartbeats and grants through. With few segments it never yields.
 */
export type Slices<T> = Generator<undefined, T, undefined>;

/** Looked at between two yields: some milliseconds at the most. */
const SEGMENTS_A_SLICE = 2_000;

/** The elements in slices of an array, and a yield between two of them. */
export function* sliceBySlice<T>(elements: readonly T[], each: (element: T) => void): Slices<void> {
  for (let from = 0; from < elements.length; from += SEGMENTS_A_SLICE) {
    if (from > 0) yield;
    const end = Math.min(elements.length, from + SEGMENTS_A_SLICE);
    for (let index = from; index < end; index++) each(elements[index] as T);
  }
}

/** All of it in one go, for a process that has nothing else to do. */
export function atOnce<T>(slices: Slices<T>): T {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}

/** Other work of this process comes between two slices. Little work is done before this returns. */
export function betweenOthers<T>(slices: Slices<T>, then: (result: T) => void): void {
  const { done, value } = slices.next();
  if (done) then(value);
  else setImmediate(() => betweenOthers(slices, then));
}
