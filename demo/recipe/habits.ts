import { draw } from '../draw.ts';
import type { Item } from '../item.ts';
import type { Habits } from '../write-planner.ts';
import { isInScope, KIND, OTHER, PLACE, TARGETS, valuesOf } from './backfill.ts';

/** An index key that the application set itself. */
const OWN_KEY = { S: 'set by the application' };

/**
 * What the application writes during a recipe's run. It changes the sources of items that the tool has yet to fill,
 * moves items out of the scope and, with both targets set, into it, and inserts items as the new code does.
 */
export function recipeHabits(seed: string): Habits {
  const newSources = (number: number): Item => ({
    population: { N: String(Math.floor(draw(seed, number, 'population') * 1e7)) },
    ...(draw(seed, number, 'country') < 0.5 && {
      country: { S: `C${Math.floor(draw(seed, number, 'which') * 200)}` },
    }),
  });
  return {
    nearTheTool: 0.7,
    insert: item => (isInScope(item) ? { ...item, ...valuesOf(item) } : item),
    update: (_, number) => newSources(number),
    set(item, number) {
      if (!isInScope(item)) return { [KIND]: PLACE, ...valuesOf(item) };
      return draw(seed, number, 'leaves') < 0.7 ? { [KIND]: OTHER } : { [TARGETS[0]]: OWN_KEY };
    },
    replace(item, number) {
      const next = { ...item, ...newSources(number), [KIND]: PLACE };
      return { ...next, ...valuesOf(next) };
    },
  };
}
