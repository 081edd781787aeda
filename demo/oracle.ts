import { type AttributeValue, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { canonicalItemText, canonicalText, sameValue } from './attribute-value.ts';
import {
  type Comparison,
  compareStates,
  DEVIATION_KINDS,
  type Deviation,
  type DeviationKind,
} from './deviation.ts';
import { type Item, keyOf, keyText } from './item.ts';
import type { Journal } from './journal.ts';

export interface CompareOptions {
  /** The attribute that the tool fills. */
  readonly attribute: string;
  /** The value that the tool sets; several if there were several runs with different values. */
  readonly value: AttributeValue | readonly AttributeValue[];
  /** Segments of the parallel Scan. */
  readonly segments?: number;
}

export interface JournalReport {
  /** There was no deviation, neither at the end nor on the way. */
  readonly clean: boolean;
  /** Items in the table. */
  readonly scanned: number;
  /** Items that must exist by the journal, without those with an unknown outcome. */
  readonly live: number;
  /** The number of deviations by kind. Kinds that did not occur are absent. */
  readonly counts: Readonly<Partial<Record<DeviationKind, number>>>;
  /** The first {@link EXAMPLES_PER_KIND} of each kind. */
  readonly examples: readonly Deviation[];
  /**
   * Items that the tool set: those that have its value now, and those whose value the application has hidden since. The
   * bounds differ only by writes whose replies do not tell what they hid.
   */
  readonly filled: { readonly atLeast: number; readonly atMost: number };
  /** Items whose attribute the application or the fill set. */
  readonly applicationSet: number;
  /** Writes of the application with an unknown outcome. Either state was accepted. */
  readonly unknown: number;
}

const EXAMPLES_PER_KIND = 20;

/** More segments do not speed up the embedded engine. */
const DEFAULT_SEGMENTS = 4;

/**
 * Compares the whole table, item by item and attribute by attribute, with the journal, by a strongly consistent Scan.
 * Nothing else may write meanwhile.
 * @throws Error when the application still has a write in flight; the client's error when a Scan fails.
 */
export async function compare(
  client: DynamoDBClient,
  table: string,
  journal: Journal,
  { attribute, value, segments = DEFAULT_SEGMENTS }: CompareOptions,
): Promise<JournalReport> {
  if (journal.inFlight > 0) throw new Error('The application is still writing; stop it before comparing.');
  if (journal.attribute !== attribute)
    throw new Error(`The journal follows the attribute "${journal.attribute}".`);
  const toolValues: readonly AttributeValue[] = Array.isArray(value) ? value : [value];
  const tally = new JournalCounts();
  const seen = new Set<string>();
  let filledNow = 0;
  let applicationSet = 0;

  for (const deviation of journal.observed) tally.add(deviation);
  const keyOfItem = (item: Item) => canonicalItemText(keyOf(item, journal.key));

  function judge(item: Item): void {
    const text = keyText(item, journal.key);
    if (seen.has(text)) return;
    seen.add(text);
    const states = journal.statesOf(text);
    if (states === undefined) {
      tally.add({ kind: 'unknown-item', key: keyOfItem(item), detail: canonicalItemText(item) });
      return;
    }
    const { deviations, filled } = bestOf(states.map(state => withValueJudged(state, item)));
    for (const deviation of deviations) tally.add({ ...deviation, key: keyOfItem(item) });
    if (filled !== undefined) filledNow += 1;
    else if (item[attribute] !== undefined) applicationSet += 1;
  }

  function withValueJudged(expected: Item | undefined, item: Item): Comparison {
    const comparison = compareStates(expected, item, attribute);
    const { deviations, filled } = comparison;
    if (filled === undefined || toolValues.some(one => sameValue(one, filled))) return comparison;
    return {
      deviations: [...deviations, { kind: 'not-the-tools-value', detail: canonicalText(filled) }],
      filled,
    };
  }

  await scanAll(client, table, segments, judge);

  let live = 0;
  for (const text of journal.keys()) {
    if (!journal.mustExist(text)) continue;
    live += 1;
    const [expected] = seen.has(text) ? [] : (journal.statesOf(text) ?? []);
    if (expected === undefined) continue;
    tally.add({ kind: 'item-lost', key: keyOfItem(expected), detail: canonicalItemText(expected) });
  }

  let hidden = 0;
  const acceptable = new Set(toolValues.map(canonicalText));
  for (const [text, count] of journal.hiddenFills) {
    hidden += count;
    if (acceptable.has(text)) continue;
    const detail = `${text}, which was overwritten or deleted later`;
    tally.add({ kind: 'not-the-tools-value', key: 'the journal does not keep these keys', detail }, count);
  }
  return {
    clean: tally.total === 0,
    scanned: seen.size,
    live,
    counts: tally.counts,
    examples: tally.examples,
    filled: { atLeast: filledNow + hidden, atMost: filledNow + hidden + journal.hiddenUnseen },
    applicationSet,
    unknown: journal.unknown,
  };
}

/** The report as text: one line for each kind of deviation, with up to `examples` of its keys. */
export function describeDeviations(report: JournalReport, examples = 3): string[] {
  return Object.entries(report.counts).flatMap(([kind, count]) => [
    `${count} × ${kind}: ${DEVIATION_KINDS[kind as DeviationKind]}`,
    ...report.examples
      .filter(example => example.kind === kind)
      .slice(0, examples)
      .map(({ key, detail }) => `    ${key}  ${detail}`),
  ]);
}

class JournalCounts {
  readonly counts: Partial<Record<DeviationKind, number>> = {};
  readonly examples: Deviation[] = [];
  total = 0;

  add(deviation: Deviation, count = 1): void {
    const { kind } = deviation;
    if (this.examples.filter(example => example.kind === kind).length < EXAMPLES_PER_KIND) {
      this.examples.push(deviation);
    }
    this.counts[kind] = (this.counts[kind] ?? 0) + count;
    this.total += count;
  }
}

/** If two states are possible, the one that fits the table better. */
function bestOf(comparisons: readonly Comparison[]): Comparison {
  return comparisons.reduce((best, next) => (next.deviations.length < best.deviations.length ? next : best));
}

async function scanAll(
  client: DynamoDBClient,
  table: string,
  segments: number,
  onItem: (item: Item) => void,
): Promise<void> {
  async function scanSegment(segment: number): Promise<void> {
    let from: Item | undefined;
    do {
      const page = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          Segment: segment,
          TotalSegments: segments,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      for (const item of page.Items ?? []) onItem(item);
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }
  await Promise.all(Array.from({ length: segments }, (_, segment) => scanSegment(segment)));
}
