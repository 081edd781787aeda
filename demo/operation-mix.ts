import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { draw, pickWeighted } from './draw.ts';
import type { Item } from './item.ts';

/** What a live application does to the table while the tool runs, as relative weights. */
export interface OperationMix {
  /** Inserts a new item with the attribute, as the new code does. */
  readonly insert: number;
  /** Inserts a deleted item again under its old key, with the attribute. */
  readonly restore: number;
  /** Updates other attributes of an item. */
  readonly update: number;
  /** Sets the attribute of an item to the application's own value. */
  readonly set: number;
  /** Replaces a whole item by a new version with the attribute. */
  readonly replace: number;
  readonly delete: number;
}

export type Operation = keyof OperationMix;

/** More operations that can collide with the tool than a real application has. */
export const DEFAULT_MIX: OperationMix = {
  insert: 25,
  restore: 3,
  update: 35,
  set: 18,
  replace: 7,
  delete: 12,
};

/** The value that the new code writes into new items, and the value that it later sets on existing ones. */
export const INSERTED_VALUE: AttributeValue = { N: '3' };
export const SET_VALUE: AttributeValue = { N: '2' };

export function pickOperation(mix: OperationMix, seed: string, operation: number): Operation {
  return pickWeighted(mix, draw(seed, operation, 'kind'));
}

/** Other attributes for an update or a new version: a counter, and a nested note that tells one write from the next. */
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
