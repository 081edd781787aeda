import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';

export type AttributeType = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'SS' | 'NS' | 'BS' | 'L' | 'M';

/** Counts at most this many different names. In a table with more, the names are data. */
const MOST_NAMES = 2_000;

/** What the sampled items hold under one attribute name. */
export interface SeenAttribute {
  /** The number of items by the attribute's type. */
  readonly types: ReadonlyMap<AttributeType, number>;
  /** How many of these are empty strings or binaries. */
  readonly empty: number;
}

/** Collects which attributes the sampled items have, and their types. */
export class AttributesSeen {
  readonly #seen = new Map<string, { types: Map<AttributeType, number>; empty: number }>();

  add(item: AttributeMap): void {
    for (const [name, value] of Object.entries(item)) {
      const seen = this.#seen.get(name) ?? this.#begin(name);
      if (!seen) continue;
      const type = typeOf(value);
      seen.types.set(type, (seen.types.get(type) ?? 0) + 1);
      if (value.S === '' || value.B?.length === 0) seen.empty += 1;
    }
  }

  has(name: string): boolean {
    return this.#seen.has(name);
  }

  of(name: string): SeenAttribute {
    return this.#seen.get(name) ?? { types: new Map(), empty: 0 };
  }

  #begin(name: string) {
    if (this.#seen.size >= MOST_NAMES) return undefined;
    const seen = { types: new Map<AttributeType, number>(), empty: 0 };
    this.#seen.set(name, seen);
    return seen;
  }
}

export function typeOf(value: AttributeValue): AttributeType {
  return Object.keys(value)[0] as AttributeType;
}
