import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type Item, type KeySchema, keyAttributes, keyText } from './item.ts';

export interface ContendedKeysOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly key: KeySchema;
  readonly attribute: string;
  /** The tool's number of segments, because only the same number gives the same order of items. */
  readonly segments: number;
}

/** Looks at this many segments in turn. The tool's tasks work on the lowest unfinished ones. */
const SEGMENTS_IN_VIEW = 4;

/**
 * A look evaluates this many items and keeps this many keys: the first that lack the attribute, which the tool will
 * write next.
 */
const ITEMS_PER_LOOK = 2000;
const KEYS_PER_LOOK = 100;

/**
 * Finds the items that the tool is about to write, so that the application's writes collide with the tool's. It knows
 * only the tool's number of segments. An item that lacks the attribute comes next if the earlier items of its segment
 * have it.
 */
export class ContendedKeys {
  readonly #options: ContendedKeysOptions;
  readonly #done = new Set<number>();
  #looks = 0;
  #next: string[] = [];

  constructor(options: ContendedKeysOptions) {
    this.#options = options;
  }

  /** Takes a key near the tool, each one once; undefined if the last look is used up. */
  take(): string | undefined {
    return this.#next.shift();
  }

  /** Reads, with one Scan call, the start of a segment that still has items without the attribute. */
  async look(): Promise<void> {
    const { client, table, key, attribute, segments } = this.#options;
    const open = Array.from({ length: segments }, (_, segment) => segment).filter(s => !this.#done.has(s));
    const segment = open[this.#looks % Math.min(SEGMENTS_IN_VIEW, open.length)];
    this.#looks += 1;
    if (segment === undefined) return;
    const names = new Map(keyAttributes(key).map(({ name }, index) => [`#k${index}`, name]));
    const page = await client.send(
      new ScanCommand({
        TableName: table,
        Segment: segment,
        TotalSegments: segments,
        Limit: ITEMS_PER_LOOK,
        FilterExpression: 'attribute_not_exists(#attribute)',
        ProjectionExpression: [...names.keys()].join(', '),
        ExpressionAttributeNames: { ...Object.fromEntries(names), '#attribute': attribute },
      }),
    );
    const missing: Item[] = page.Items ?? [];
    if (missing.length === 0 && page.LastEvaluatedKey === undefined) this.#done.add(segment);
    this.#next = missing.slice(0, KEYS_PER_LOOK).map(item => keyText(item, key));
  }
}
