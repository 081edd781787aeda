import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { draw, pickWeighted } from './draw.ts';
import type { Item } from './item.ts';

/** What a live application does to the table while the tool runs, each with its relative weight. */
export interface OperationMix {
  /** A new item, with the attribute as the new code sets it. */
  readonly insert: number;
  /** A deleted item again under its old key, with the attribute. */
  readonly restore: number;
  /** Other attributes of an item. */
  readonly update: number;
  /** The attribute of an item, to a value of the application's own. */
  readonly set: number;
  /** A whole item replaced by a new version of it, with the attribute. */
  readonly replace: number;
  readonly delete: number;
}

export type Operation = keyof OperationMix;

/** More of what can collide with the tool than a real application would have. */
export const DEFAULT_MIX: OperationMix = {
  insert: 25,
  restore: 3,
  update: 35,
  set: 18,
  replace: 7,
  delete: 12,
};

/** What the new code writes into new items, and what it later changes existing ones to. */
export const INSERTED_VALUE: AttributeValue = { N: '3' };
export const SET_VALUE: AttributeValue = { N: '2' };

export function pickOperation(mix: OperationMix, seed: string, operation: number): Operation {
  return pickWeighted(mix, draw(seed, operation, 'kind'));
}

/**
 * Other attributes for an update or a new version: a counter of the record's own, and a nested note whose
 * contents tell one write from the next.
 */
export function changedAttributes(seed: string, operation: number): Item {
  return {
    population: { N: String(Math.floor(draw(seed, operation, 'population') * 1e7)) },
    revision: {
      M: {
        operation: { N: String(operation) },
        tags: { SS: ['reviewed', draw(seed, operation, 'tag') < 0.5 ? 'north' : 'south'] },
      },
    },
  };
}
