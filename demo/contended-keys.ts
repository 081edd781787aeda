import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type Item, type KeySchema, keyAttributes, keyText } from './item.ts';

export interface ContendedKeysOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly key: KeySchema;
  readonly attribute: string;
  /** The tool's number of segments: only the same number gives the same order of items. */
  readonly segments: number;
}

/** Segments looked at in turn: the tool's tasks work at the lowest that are not done. */
const SEGMENTS_IN_VIEW = 4;

/** Items a look evaluates, and keys it keeps: the tool is about to write the first that lack the attribute. */
const ITEMS_PER_LOOK = 2000;
const KEYS_PER_LOOK = 100;

/**
 * Finds the items that the tool is just about to write, so that the application's writes meet the tool's
 * instead of passing by. It knows nothing of the tool but its number of segments: an item that lacks the
 * attribute, in a segment whose earlier items have it, is next.
 */
export class ContendedKeys {
  readonly #options: ContendedKeysOptions;
  readonly #done = new Set<number>();
  #looks = 0;
  #next: string[] = [];

  constructor(options: ContendedKeysOptions) {
    this.#options = options;
  }

  /** A key near the tool, each once; undefined when the last look is used up. */
  take(): string | undefined {
    return this.#next.shift();
  }

  /** Reads the start of one segment that still has items without the attribute. One Scan call. */
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
