import type { Counters } from '../../core/records.ts';
import { count } from './format.ts';

/** What became of the items that a run has dealt with, apart from quarantine; of an undo, of its values. */
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
    // Only a recipe has these.
    ...(outOfScope > 0 ? [`${count(outOfScope)} out of scope`] : []),
    ...(recomputed > 0 ? [`${count(recomputed)} computed again`] : []),
  ];
}
