import { isDeepStrictEqual } from 'node:util';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributePath } from './attribute-path.ts';
import type { AttributeMap } from './attribute-value.ts';

/** What was read at a path and must still hold when the item is written. */
export type SourceState =
  | { readonly path: AttributePath; readonly is: 'absent' }
  /** A value exists; the expressions need nothing more. */
  | { readonly path: AttributePath; readonly is: 'present' }
  | { readonly path: AttributePath; readonly is: 'equal'; readonly value: AttributeValue };

/**
 * What one write does to one item. Its condition: the item exists, each target is missing, and each source is
 * unchanged.
 */
export interface Assignment {
  /** Every target that the item lacks, with its value. */
  readonly set: AttributeMap;
  /** Sources outside the key, because a key never changes. */
  readonly sources: readonly SourceState[];
}

/** What to do with an item as it was read. */
export type Decision =
  | { readonly kind: 'write'; readonly assignment: Assignment }
  /** It has every target. */
  | { readonly kind: 'has-targets' }
  /** It lacks a target but is out of scope. */
  | { readonly kind: 'out-of-scope' }
  /** It is or may be in scope, but its values cannot be computed. */
  | { readonly kind: 'not-computable'; readonly reason: string };

/** What a run writes into an item. It has no other effect on the user's table. */
export interface WriteRule {
  /** The attributes that it sets if they are missing; at least one. */
  readonly targets: readonly [string, ...string[]];
  /** What its decision reads besides the targets and the key. */
  readonly sources: readonly AttributePath[];
  /**
   * `item` has the key, and those of the targets and sources that exist. The same item always gives the same decision.
   */
  decide(item: AttributeMap): Decision;
}

/** Whether an item counts as missing: it lacks a target and is not known to be out of scope. */
export function isMissing({ kind }: Decision): boolean {
  return kind === 'write' || kind === 'not-computable';
}

const HAS_TARGETS: Decision = { kind: 'has-targets' };

/** The founding case: one attribute, one value, every item. */
export function constantRule(attribute: string, value: AttributeValue): WriteRule {
  const write: Decision = { kind: 'write', assignment: { set: { [attribute]: value }, sources: [] } };
  return {
    targets: [attribute],
    sources: [],
    decide: item => (Object.hasOwn(item, attribute) ? HAS_TARGETS : write),
  };
}

/** Whether two assignments write the same values under the same condition. Sets have no order. */
export function sameAssignment(a: Assignment, b: Assignment): boolean {
  if (a === b) return true;
  return isDeepStrictEqual(comparable(a), comparable(b));
}

function comparable({ set, sources }: Assignment): unknown {
  return [
    Object.entries(set)
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([name, value]) => [name, unordered(value)]),
    sources.map(source => [source.path, source.is, source.is === 'equal' && unordered(source.value)]),
  ];
}

function unordered(value: AttributeValue): unknown {
  if (value.SS) return { SS: [...value.SS].sort() };
  if (value.NS) return { NS: [...value.NS].sort() };
  if (value.BS) return { BS: value.BS.map(bytes => Buffer.from(bytes).toString('base64')).sort() };
  if (value.B) return { B: Buffer.from(value.B).toString('base64') };
  return value;
}

/** An item whose sources have changed before a write more often than this goes to quarantine. */
export const MOST_RECOMPUTATIONS = 20;

/** The reason that is recorded with it. The last change follows one more attempt. */
export const SOURCES_KEEP_CHANGING = `its sources changed before each of ${MOST_RECOMPUTATIONS + 1} attempts to write it`;
