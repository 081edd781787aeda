import type { Counters } from '../../core/records.ts';
import { count } from './format.ts';

/** The outcomes of the items that a run has processed, without quarantine. For an undo, the outcomes of the values. */
export function outcomesOf(
  { updated, alreadySet, deleted, outOfScope, recomputed }: Counters,
  isUndo: boolean,
): readonly string[] {
  if (isUndo) {
    return [
      `${count(updated)} removed`,
      `${count(alreadySet)} had another value or none`,
      `${count(deleted)} deleted`,
    ];
  }
  return [
    `${count(updated)} set`,
    `${count(alreadySet)} set by others`,
    `${count(deleted)} deleted`,
    // Only a recipe produces these.
    ...(outOfScope > 0 ? [`${count(outOfScope)} out of scope`] : []),
    ...(recomputed > 0 ? [`${count(recomputed)} computed again`] : []),
  ];
}
