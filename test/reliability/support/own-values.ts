import { type AttributeValue, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { compareStates } from '../../../demo/deviation.ts';
import { type Item, keyText } from '../../../demo/item.ts';
import type { Journal } from '../../../demo/journal.ts';
import { foundingHabits, type Habits } from '../../../demo/write-planner.ts';
import { ATTRIBUTE, TABLE } from './arena.ts';

/** What the tool sets in these cases, and what some items already have from the application. */
const VALUE: AttributeValue = { N: '1' };

/** Of fifty items, one has the tool's exact value from the start, one another value, and one NULL. */
export function withOwnValues(item: Item, index: number): Item {
  const own: Record<number, AttributeValue> = { 7: VALUE, 23: { S: 'set by hand' }, 41: { NULL: true } };
  const value = own[index % 50];
  return value ? { ...item, [ATTRIBUTE]: value } : item;
}

/** The founding case's habits. In addition, items whose own value equals the tool's get it again and again. */
export function ownValueHabits(seed: string): Habits {
  const habits = foundingHabits(ATTRIBUTE, seed);
  const again = (item: Item): Item => (item[ATTRIBUTE]?.N === VALUE.N ? { [ATTRIBUTE]: VALUE } : {});
  return {
    ...habits,
    update: (item, number) => ({ ...habits.update(item, number), ...again(item) }),
    set: (item, number) => ({ ...habits.set(item, number), ...again(item) }),
    replace: (item, number) => ({ ...habits.replace(item, number), ...again(item) }),
  };
}

export interface Standing {
  /** Items with a value that the application never set, which is the tool's. */
  readonly tools: ReadonlySet<string>;
  /** What differs from the journal, apart from the tool's values: an example of each kind, and how many. */
  readonly wrong: readonly string[];
}

/** Compares the whole table with the journal. Nothing may write meanwhile. */
export async function standingIn(client: DynamoDBClient, journal: Journal): Promise<Standing> {
  const tools = new Set<string>();
  const wrong: string[] = journal.observed.map(({ kind, detail }) => `${kind}: ${detail}`);
  const seen = new Set<string>();
  for await (const { Items = [] } of paginateScan({ client }, { TableName: TABLE, ConsistentRead: true })) {
    for (const item of Items) {
      const text = keyText(item, journal.key);
      seen.add(text);
      const [expected] = journal.statesOf(text) ?? [];
      const { deviations, filled } = compareStates(expected, item, ATTRIBUTE);
      if (filled !== undefined) tools.add(text);
      for (const { kind, detail } of deviations) {
        // Before a run and after an undo, an item lacks what the application never set.
        if (kind === 'attribute-missing' && expected?.[ATTRIBUTE] === undefined) continue;
        wrong.push(`${kind}: ${detail}`);
      }
    }
  }
  for (const text of journal.keys()) {
    if (!seen.has(text) && journal.mustExist(text)) wrong.push(`item-lost: ${text}`);
  }
  return { tools, wrong };
}

/** How many of the tool's values the application has replaced or deleted so far. */
export function hiddenIn(journal: Journal): number {
  return [...journal.hiddenFills.values()].reduce((sum, count) => sum + count, 0) + journal.hiddenUnseen;
}
