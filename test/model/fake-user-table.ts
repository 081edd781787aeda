import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

const PAGE_UNITS = 0.5;

export interface ModelItem {
  readonly id: string;
  /** Its segment, of the backfill's total. */
  readonly segment: number;
  /** Its position in the segment's Scan. */
  readonly place: number;
  attribute: string | undefined;
  /** Who wrote the current attribute. */
  writer?: 'run' | 'application';
  /** The application has deleted it. */
  gone?: boolean;
  /** A run has set it at some time. */
  wasSet?: boolean;
  /** Old code removed the attribute after its page had settled. */
  lost?: boolean;
  /** Whether DynamoDB refuses every write of it as invalid; false once somebody has fixed that. */
  invalid?: boolean;
}

/** What every run of the model sets. */
const VALUE = '1';

/**
 * The user's table: items in a fixed order within each segment, in small pages. It understands only what the worker and
 * the verification send.
 */
export class FakeUserTable {
  readonly items: ModelItem[] = [];
  readonly #pageSize: number;
  readonly #totalSegments: number;
  writes = 0;
  removals = 0;
  /**
   * Items that the application wrote or deleted after an undo had removed the value. The undo may have seen either
   * state.
   */
  touchedAfterRemoval = 0;
  /** Units of strongly consistent reads, whoever got the replies. */
  consistentUnits = 0;

  constructor(totalSegments: number, itemsPerSegment: number, pageSize: number) {
    this.#pageSize = pageSize;
    this.#totalSegments = totalSegments;
    for (let segment = 0; segment < totalSegments; segment++) {
      for (let place = 0; place < itemsPerSegment; place++) {
        this.items.push({ id: `${segment}-${place}`, segment, place, attribute: undefined });
      }
    }
  }

  execute(command: unknown): unknown {
    if (command instanceof ScanCommand) return this.#scan(command.input);
    if (command instanceof BatchExecuteStatementCommand) {
      const statements = command.input.Statements ?? [];
      return {
        Responses: statements.map(({ Parameters = [] }) => {
          const id = Parameters[1]?.S;
          if (this.#find(id)?.invalid) return { Error: { Code: 'ValidationError' } };
          return this.#set(id) ? {} : { Error: { Code: 'ConditionalCheckFailed' } };
        }),
        ConsumedCapacity: [{ CapacityUnits: statements.length }],
      };
    }
    if (command instanceof UpdateItemCommand) {
      const id = command.input.Key?.['id']?.S;
      const removes = command.input.UpdateExpression?.startsWith('REMOVE');
      if (this.#find(id)?.invalid) throw Object.assign(new Error('invalid'), { name: 'ValidationException' });
      if (removes ? this.#remove(id, command.input.ExpressionAttributeValues?.[':value']?.N) : this.#set(id))
        return { ConsumedCapacity: { CapacityUnits: 1 } };
      const error = new Error('refused');
      throw Object.assign(error, { name: 'ConditionalCheckFailedException', Item: this.#read(id) });
    }
    if (command instanceof BatchGetItemCommand) {
      const [[table, request] = []] = Object.entries(command.input.RequestItems ?? {});
      const keys = request?.Keys ?? [];
      const found = keys.flatMap(key => this.#read(key['id']?.S) ?? []);
      this.consistentUnits += keys.length;
      return { Responses: { [table ?? '']: found }, ConsumedCapacity: [{ CapacityUnits: keys.length }] };
    }
    throw new TypeError(`The user's table of the model knows no ${command?.constructor.name}.`);
  }

  #scan({ Segment = 0, TotalSegments = 1, ExclusiveStartKey, ConsistentRead }: ScanCommand['input']) {
    const own = ConsistentRead
      ? this.items.filter((_, index) => index % TotalSegments === Segment)
      : this.items.filter(({ segment }) => segment === Segment);
    if (!ConsistentRead && TotalSegments !== this.#totalSegments)
      throw new TypeError('not the run’s TotalSegments');
    const from = own.findIndex(({ id }) => id === ExclusiveStartKey?.['id']?.S) + 1;
    const page = own.slice(from, from + this.#pageSize);
    const last = page.at(-1);
    if (ConsistentRead) this.consistentUnits += PAGE_UNITS;
    return {
      Items: page
        .filter(item => item.attribute === undefined && !item.gone)
        .map(({ id }) => ({ id: { S: id } })),
      ScannedCount: page.length,
      ConsumedCapacity: { CapacityUnits: PAGE_UNITS },
      ...(last && from + page.length < own.length && { LastEvaluatedKey: { id: { S: last.id } } }),
    };
  }

  /**
   * The application does one thing to one item. It sets the run's exact value where the attribute is missing and no run
   * has set it, or sets another value, or deletes the item.
   */
  applicationActs(choose: (below: number) => number): void {
    const item = this.items[choose(this.items.length)];
    if (!item || item.gone) return;
    if (item.wasSet && item.attribute === undefined) this.touchedAfterRemoval += 1;
    switch (choose(4)) {
      case 0:
        if (item.attribute !== undefined || item.wasSet) return;
        item.attribute = VALUE;
        break;
      case 1:
        item.gone = true;
        item.attribute = undefined;
        return;
      default:
        item.attribute = '9';
    }
    item.writer = 'application';
  }

  /**
   * A writer that puts an old item back removes the attribute.
   * @returns false if the item never had it.
   */
  takeAway(index: number): boolean {
    const item = this.items[index % this.items.length];
    if (!item?.attribute) return false;
    item.attribute = undefined;
    item.lost = true;
    return true;
  }

  /** Nobody can write the item until it is fixed. */
  makeInvalid(index: number): void {
    const item = this.items[index % this.items.length];
    if (item) item.invalid = true;
  }

  fixInvalid(): void {
    for (const item of this.items) if (item.invalid) item.invalid = false;
  }

  #set(id: string | undefined): boolean {
    const item = this.#find(id);
    if (!item || item.attribute !== undefined) return false;
    item.attribute = VALUE;
    item.writer = 'run';
    item.wasSet = true;
    item.lost = false;
    this.writes += 1;
    return true;
  }

  /** @throws Error when an undo removes what no run has written. */
  #remove(id: string | undefined, value: string | undefined): boolean {
    const item = this.#find(id);
    if (!item || item.attribute === undefined || item.attribute !== value) return false;
    if (item.writer !== 'run') throw new Error(`the undo removes the application's value of ${item.id}`);
    item.attribute = undefined;
    delete item.writer;
    this.removals += 1;
    return true;
  }

  #find(id: string | undefined): ModelItem | undefined {
    return this.items.find(other => other.id === id && !other.gone);
  }

  #read(id: string | undefined) {
    const item = this.#find(id);
    if (!item) return undefined;
    return { id: { S: item.id }, ...(item.attribute && { test: { N: item.attribute } }) };
  }
}
