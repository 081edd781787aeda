import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { encodeAttributeMap } from '../../../core/attribute-value.ts';
import type { Clock } from '../../../core/clock.ts';
import type { ControlTable } from '../../../core/control-table.ts';
import { QuarantineStore } from '../../../core/quarantine-store.ts';
import { RateControl } from '../../../core/rate/rate-control.ts';
import type { BatchForms, KeySchema, QuarantineRecord, WriteApi } from '../../../core/records.ts';
import { SegmentStore } from '../../../core/segment-store.ts';
import { constantRule, type WriteRule } from '../../../core/write-rule.ts';
import type { Authority } from '../../../job/authority.ts';
import { SegmentWork } from '../../../job/segment-work.ts';
import { UserTable } from '../../../job/user-table.ts';
import { WriteQueue, workItem } from '../../../job/write-queue.ts';
import { MOST_IN_FLIGHT, WriteStage } from '../../../job/write-stage.ts';
import { type EngineForTests, type Item, STUFF_KEY, stuffItems } from '../../support/engine.ts';
import { type HttpFront, type Script, startHttpFront, type WireCall } from '../../support/http-front.ts';
import { quickClock } from '../../support/quick-clock.ts';
import { rates } from '../../support/records.ts';

export interface BenchOptions {
  readonly items?: readonly Item[];
  readonly writeApi?: WriteApi;
  readonly attribute?: string;
  readonly value?: AttributeValue;
  /** A rule instead of an attribute and its value. */
  readonly rule?: WriteRule;
  readonly batchForms?: BatchForms;
  readonly keySchema?: KeySchema;
  /** A wrapper of the control table's client, which stores quarantine. */
  readonly controlTable?: ControlTable;
}

const OWNER = { runId: 'run-1', segment: 0, pass: 1, launchId: 'launch-1' };

/** Authority that is always held, because other tests cover its loss. */
export const HELD_AUTHORITY = { held: async () => {} } as unknown as Authority;

/** Waits take a hundredth of their time. */
const SPEED = 100;

/** The worker's write stage on a table of the real engine, behind an HTTP front that can give odd replies. */
export class WriteBench {
  readonly unrecorded: [reason: string, tries: number][] = [];
  readonly table: string;
  readonly front: HttpFront;
  readonly rate: RateControl;
  readonly work: SegmentWork;
  readonly segments: SegmentStore;
  readonly #engine: EngineForTests;
  readonly #client: DynamoDBClient;
  readonly #quarantine: QuarantineStore;
  readonly #queue = new WriteQueue();
  readonly #stage: WriteStage;
  readonly #stop = new AbortController();
  readonly #keySchema: KeySchema;
  readonly #rule: WriteRule;
  #items: readonly Item[] = [];

  static async open(engine: EngineForTests, options: BenchOptions = {}): Promise<WriteBench> {
    const keySchema = options.keySchema ?? STUFF_KEY;
    const table = await engine.createTable(keySchema);
    const items = options.items ?? stuffItems(40);
    await engine.fill(table, items);
    const control = options.controlTable ?? (await engine.createControlTable());
    const segments = new SegmentStore(control);
    await segments.assignNew(OWNER, 1);
    const clock = quickClock(SPEED);
    const work = new SegmentWork({
      owner: OWNER,
      claimed: await segments.claim(OWNER),
      segments,
      clock,
      onCounters: () => {},
    });
    const front = await startHttpFront(engine.endpoint);
    const bench = new WriteBench(engine, options, { table, front, control, segments, work, clock });
    bench.#items = items;
    return bench;
  }

  private constructor(
    engine: EngineForTests,
    options: BenchOptions,
    parts: {
      table: string;
      front: HttpFront;
      control: ControlTable;
      segments: SegmentStore;
      work: SegmentWork;
      clock: Clock;
    },
  ) {
    const { attribute = 'test', value = { N: '1' }, writeApi = 'batch', keySchema = STUFF_KEY } = options;
    const rule = options.rule ?? constantRule(attribute, value);
    this.#rule = rule;
    this.#engine = engine;
    this.#keySchema = keySchema;
    this.table = parts.table;
    this.front = parts.front;
    this.work = parts.work;
    this.segments = parts.segments;
    this.#client = engine.connect(parts.front.endpoint);
    this.#quarantine = new QuarantineStore(parts.control);
    this.rate = new RateControl({ clock: parts.clock, mostWritesInFlight: MOST_IN_FLIGHT[writeApi] });
    this.rate.grant(rates(100_000), 1);
    const userTable = new UserTable({
      client: this.#client,
      write: { table: parts.table, keySchema, rule },
      authority: HELD_AUTHORITY,
      rate: this.rate,
      onWriteLatency: () => {},
    });
    this.#stage = new WriteStage({
      table: userTable,
      queue: this.#queue,
      rate: this.rate,
      quarantine: this.#quarantine,
      clock: parts.clock,
      runId: 'run-1',
      writeApi,
      batchForms: options.batchForms,
      onUnrecorded: (reason, tries) => this.unrecorded.push([reason, tries]),
    });
  }

  /** Puts every item of the table in the queue, as one last page, and waits until each has its outcome. */
  async run(script?: Script): Promise<void> {
    if (script) this.front.script = script;
    const writing = this.start();
    const completion = this.work.completion(this.#stop.signal);
    await Promise.race([completion, writing]);
    this.#queue.close();
    await writing;
  }

  /** Like {@link run}, without waiting for the page. Resolves when the stage has ended and throws what ended it. */
  start(): Promise<void> {
    const page = { unsettled: this.#items.length, lastEvaluatedKey: undefined };
    this.work.append(page);
    this.#queue.add(
      this.#items.map(item => {
        // A constant is tried on every item, including those that a Scan would not return.
        const decision = this.#rule.decide(this.#rule.sources.length === 0 ? {} : item);
        const assignment = decision.kind === 'write' ? decision.assignment : undefined;
        return workItem({ key: this.keyOf(item), page, work: this.work, assignment });
      }),
    );
    return this.#stage.run(this.#stop.signal);
  }

  stop(reason: Error): void {
    this.#stop.abort(reason);
    this.#queue.close();
  }

  keyOf(item: Item): Item {
    return Object.fromEntries(this.#keySchema.map(({ name }) => [name, item[name] as AttributeValue]));
  }

  counters() {
    const { matched, updated, alreadySet, deleted, quarantined } = this.work.tally.snapshot();
    return { matched, updated, alreadySet, deleted, quarantined };
  }

  /** What recipes count besides the outcomes. */
  recipeCounters() {
    const { outOfScope, recomputed } = this.work.tally.snapshot();
    return { outOfScope, recomputed };
  }

  /** In the order of their keys. */
  async quarantined(): Promise<QuarantineRecord[]> {
    return (await this.#quarantine.list('run-1')).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** The items of the table, by their key as text. */
  async standing(): Promise<Map<string, Item>> {
    const items = await this.#engine.items(this.table);
    return new Map(items.map(item => [encodeAttributeMap(this.keyOf(item)), item]));
  }

  calls(operation: string): WireCall[] {
    return this.front.calls.filter(call => call.operation === operation);
  }

  async close(): Promise<void> {
    this.#client.destroy();
    await this.front.close();
  }
}

/** An error for single statements of a batch. */
export interface StatementError {
  readonly Code: string;
  readonly Message?: string;
}

/**
 * Answers some statements of a batch with an error and without a write, and lets the service answer the others.
 * `decide` gets the text of the item's partition key and the number of earlier tries.
 */
export function failingStatements(
  decide: (id: string, triesBefore: number) => StatementError | undefined,
): Script {
  const tries = new Map<string, number>();
  return async (call, answer) => {
    if (call.operation !== 'BatchExecuteStatement') return answer.pass();
    const statements = call.body.Statements as { Parameters: AttributeValue[] }[];
    const errors = statements.map(({ Parameters }) => {
      const id = Parameters[1]?.S ?? '';
      const before = tries.get(id) ?? 0;
      tries.set(id, before + 1);
      return decide(id, before);
    });
    const passed = statements.filter((_, index) => errors[index] === undefined);
    const reply = passed.length > 0 ? await answer.forward({ ...call.body, Statements: passed }) : undefined;
    const replies = [...((reply?.body['Responses'] as unknown[] | undefined) ?? [])];
    answer.reply(200, {
      Responses: errors.map(error => (error ? { Error: error } : replies.shift())),
      ConsumedCapacity: [{ TableName: 'stuff', CapacityUnits: statements.length }],
    });
  };
}
