import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type Item, keyText } from '../item.ts';
import { RECIPE_DEVIATIONS, type RecipeDeviation, type RecipeJournal } from './journal.ts';

export interface RecipeReport {
  /** Nothing was wrong, neither at the end nor on the way. */
  readonly clean: boolean;
  readonly scanned: number;
  /** Items that were seen with a target that the tool set. */
  readonly filled: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly examples: readonly RecipeDeviation[];
}

const EXAMPLES = 20;

/**
 * Compares the whole table with the journal by a strongly consistent Scan. Nothing else may write meanwhile.
 * @param named key texts of items that the tool has named as lacking a target
 * @throws Error when the application still has a write in flight; the client's error when a Scan fails.
 */
export async function judgeRecipe(
  client: DynamoDBClient,
  table: string,
  journal: RecipeJournal,
  named?: ReadonlySet<string>,
): Promise<RecipeReport> {
  if (journal.inFlight > 0) throw new Error('The application is still writing; stop it before judging.');
  const seen = new Set<string>();
  let from: Item | undefined;
  do {
    const page = await client.send(
      new ScanCommand({
        TableName: table,
        ConsistentRead: true,
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      }),
    );
    for (const item of page.Items ?? []) {
      const text = keyText(item, journal.key);
      if (seen.has(text)) continue;
      seen.add(text);
      journal.judgeFinal(item, named);
    }
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  journal.judgeLost(seen);
  const counts: Record<string, number> = {};
  for (const { kind } of journal.deviations) counts[kind] = (counts[kind] ?? 0) + 1;
  return {
    clean: journal.deviations.length === 0,
    scanned: seen.size,
    filled: journal.filled,
    counts,
    examples: journal.deviations.slice(0, EXAMPLES),
  };
}

/** The report as text: one line for each kind of deviation, with a few of its keys. */
export function describeRecipeDeviations({ counts, examples }: RecipeReport): string[] {
  return Object.entries(counts).flatMap(([kind, count]) => [
    `${count} × ${kind}: ${RECIPE_DEVIATIONS[kind as keyof typeof RECIPE_DEVIATIONS]}`,
    ...examples
      .filter(example => example.kind === kind)
      .slice(0, 3)
      .map(({ key, detail }) => `    ${key}  ${detail}`),
  ]);
}
