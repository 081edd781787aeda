/**
 * The difference between two JSON objects: the properties that changed, and for arrays the elements that changed. So a
 * second's update of a run with a thousand segments carries only a few of them.
 */
export interface Delta {
  readonly set?: Readonly<Record<string, unknown>>;
  readonly arrays?: Readonly<Record<string, ArrayDelta>>;
}

export interface ArrayDelta {
  readonly length: number;
  readonly changed: readonly (readonly [index: number, value: unknown])[];
}

type JsonObject = Readonly<Record<string, unknown>>;

/** @returns the delta that turns `before` into `after`. Both are plain JSON with the same properties. */
export function difference(before: JsonObject, after: JsonObject): Delta {
  const set: Record<string, unknown> = {};
  const arrays: Record<string, ArrayDelta> = {};
  for (const [name, value] of Object.entries(after)) {
    const old = before[name];
    if (Array.isArray(value) && Array.isArray(old)) {
      const changed = value.flatMap((element, index): [number, unknown][] =>
        index < old.length && isSame(element, old[index]) ? [] : [[index, element]],
      );
      if (changed.length > 0 || value.length !== old.length) arrays[name] = { length: value.length, changed };
    } else if (!isSame(value, old)) set[name] = value;
  }
  return { set, arrays };
}

/** Applies a delta. The result shares the unchanged parts with `before`. */
export function applied<T extends object>(before: T, { set = {}, arrays = {} }: Delta): T {
  const after: Record<string, unknown> = { ...before, ...set };
  for (const [name, { length, changed }] of Object.entries(arrays)) {
    const copy = [...(after[name] as unknown[])];
    copy.length = Math.min(copy.length, length);
    for (const [index, value] of changed) copy[index] = value;
    after[name] = copy;
  }
  return after as T;
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
