import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { draw, pickWeighted } from './draw.ts';
import type { Item } from './item.ts';

/** What a live application does to the table while the tool runs. */
export const OPERATIONS = {
  insert: 'a new item, with the attribute as the new code sets it',
  restore: 'a deleted item again under its old key, with the attribute',
  update: 'other attributes of an item',
  set: 'the attribute of an item, to the application’s own value',
  replace: 'a whole item by a new version of it, with the attribute',
  delete: 'an item',
} as const;

export type Operation = keyof typeof OPERATIONS;
export type OperationMix = Readonly<Record<Operation, number>>;

/** Relative weights. More of what can collide with the tool than a real application would have. */
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
