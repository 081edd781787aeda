import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type AttributePath, valueAt } from '../../core/attribute-path.ts';
import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, keyOf } from '../../core/item-write.ts';
import type { Decision } from '../../core/write-rule.ts';

/** A plan shows at most this many items, and this many reasons why values cannot be computed. */
const MOST_EXAMPLES = 10;
const MOST_REASONS = 3;

/** Keeps at most this many values of a target, for the checks and the size of the undo log. */
const MOST_VALUES = 20_000;

/** A sampled item with what the recipe reads of it and would write. */
export interface ComputedExample {
  readonly key: AttributeMap;
  /** The value at each source; undefined if there is none. */
  readonly sources: readonly { readonly path: AttributePath; readonly value: AttributeValue | undefined }[];
  /** The missing targets with the values that the recipe would write. */
  readonly set: AttributeMap;
}

/** What a recipe would do to the sampled items. */
export class ComputedSample {
  /** Items in scope that lack a target, including those whose values cannot be computed. */
  inScope = 0;
  outOfScope = 0;
  notComputable = 0;
  readonly examples: ComputedExample[] = [];
  /** Keys as DynamoDB JSON, each with its reason. */
  readonly reasons: { readonly key: string; readonly reason: string }[] = [];
  readonly #write: Pick<ItemWrite, 'keySchema' | 'rule'>;
  readonly #values = new Map<string, AttributeValue[]>();

  constructor(write: Pick<ItemWrite, 'keySchema' | 'rule'>) {
    this.#write = write;
  }

  add(item: AttributeMap, decision: Decision): void {
    const { keySchema, rule } = this.#write;
    switch (decision.kind) {
      case 'has-targets':
        return;
      case 'out-of-scope':
        this.outOfScope += 1;
        return;
      case 'not-computable': {
        this.inScope += 1;
        this.notComputable += 1;
        const { reason } = decision;
        if (this.reasons.length < MOST_REASONS && !this.reasons.some(known => known.reason === reason)) {
          this.reasons.push({ key: encodeAttributeMap(keyOf(keySchema, item)), reason });
        }
        return;
      }
      case 'write': {
        this.inScope += 1;
        const { set } = decision.assignment;
        for (const [name, value] of Object.entries(set)) this.#keep(name, value);
        if (this.examples.length < MOST_EXAMPLES) {
          const sources = rule.sources.map(path => ({ path, value: valueAt(item, path) }));
          this.examples.push({ key: keyOf(keySchema, item), sources, set });
        }
      }
    }
  }

  /** The values that the recipe would write to a target, up to a limit. */
  valuesOf(target: string): readonly AttributeValue[] {
    return this.#values.get(target) ?? [];
  }

  #keep(name: string, value: AttributeValue): void {
    const values = this.#values.get(name) ?? [];
    if (values.length < MOST_VALUES) values.push(value);
    this.#values.set(name, values);
  }
}
