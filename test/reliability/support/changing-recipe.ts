import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { draw } from '../../../demo/draw.ts';
import type { Item } from '../../../demo/item.ts';
import type { Backfill } from '../../../demo/recipe/backfill.ts';
import type { Habits } from '../../../demo/write-planner.ts';

/** The recipe for the tool. It fails if `country` is absent, and if `population` is text. */
export const RECIPE = [
  ...['--set', 'placeKey=country + "#" + string(population / 1000)'],
  ...['--set', 'expiresAt=created / 1000 + 20 * 365 * 24 * 3600'],
  ...['--where', 'kind == "PLACE" && !("closed" in tags)'],
];

const TWENTY_YEARS_SECONDS = 20n * 365n * 24n * 3_600n;
const IN_SCOPE: Item = { kind: { S: 'PLACE' }, tags: { SS: ['open', 'checked'] } };

/** What {@link RECIPE} means, written again without the tool's language, conversions or rules. */
export const BACKFILL: Backfill = {
  targets: ['placeKey', 'expiresAt'],
  isInScope: ({ kind, tags }) => kind?.S === 'PLACE' && tags?.SS !== undefined && !tags.SS.includes('closed'),
  valuesOf(item) {
    const [country, population] = [item['country']?.S, item['population']?.N];
    const values: Item = {
      expiresAt: { N: String(BigInt(item['created']?.N ?? 0) / 1_000n + TWENTY_YEARS_SECONDS) },
    };
    if (country !== undefined && population !== undefined) {
      values['placeKey'] = { S: `${country}#${BigInt(population) / 1_000n}` };
    }
    return values;
  },
};

/** Whether every target of an item can be computed. */
/** Values that the application gave to a target and that the recipe never gives. */
const OWN_VALUES = ['set by hand', 'set by the application'];

export const isOwnValue = (value: AttributeValue | undefined): boolean =>
  value?.NULL === true || OWN_VALUES.some(own => own === value?.S);

const isComputable = (item: Item): boolean =>
  BACKFILL.targets.every(target => BACKFILL.valuesOf(item)[target] !== undefined);

/**
 * Of forty items, twenty-nine are in scope, one of them without a country. The others are of another kind, closed,
 * without tags, or without a kind. Two of forty have a target from the start.
 */
export function withScopes(place: Item, index: number): Item {
  const item: Item = { ...place, ...IN_SCOPE };
  const of = index % 40;
  if (of < 4) item['kind'] = { S: 'REGION' };
  else if (of < 8) item['tags'] = { SS: ['closed', 'checked'] };
  else if (of < 10) delete item['tags'];
  else if (of === 10) delete item['kind'];
  if (of === 15) delete item['country'];
  if (of === 20) item['placeKey'] = { S: 'set by hand' };
  if (of === 30) item['expiresAt'] = { NULL: true };
  return item;
}

/**
 * The application keeps changing sources, some to values that cannot be computed with, and moves items out of the scope
 * and into it. The new code sets both targets of items that come into scope.
 */
export function changingHabits(seed: string): Habits {
  const sources = (number: number): Item => ({
    population: { N: String(Math.floor(draw(seed, number, 'population') * 1e7)) },
    ...(draw(seed, number, 'country') < 0.5 && {
      country: { S: `C${Math.floor(draw(seed, number, 'which') * 200)}` },
    }),
  });
  const complete = (item: Item): Item => ({ ...item, ...BACKFILL.valuesOf(item) });
  const intoScope = (item: Item, number: number): Item =>
    complete({ ...item, country: { S: 'C0' }, ...sources(number), ...IN_SCOPE });
  return {
    nearTheTool: 0.7,
    insert: item =>
      BACKFILL.isInScope(item) && isComputable(item) ? complete(item) : { ...item, kind: { S: 'REGION' } },
    update: (_, number) =>
      draw(seed, number, 'breaks') < 0.03 ? { population: { S: 'not counted' } } : sources(number),
    set(item, number) {
      if (BACKFILL.isInScope(item)) {
        const which = draw(seed, number, 'leaves');
        if (which < 0.4) return { tags: { SS: ['closed', 'checked'] } };
        return which < 0.8 ? { kind: { S: 'REGION' } } : { placeKey: { S: 'set by the application' } };
      }
      const next = intoScope(item, number);
      return Object.fromEntries(
        ['kind', 'tags', 'country', 'population', ...BACKFILL.targets].map(name => [
          name,
          next[name] ?? { NULL: true },
        ]),
      );
    },
    replace: (item, number) => intoScope(item, number),
  };
}
