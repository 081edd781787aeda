import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeAttributeMap } from '../../../core/attribute-value.ts';
import { MetricsPublisher } from '../../../core/metrics-publisher.ts';
import { NO_COUNTERS, type RunRecord } from '../../../core/records.ts';
import type { NewRun } from '../../../core/run-store.ts';
import { createStores, type Stores } from '../../../orchestrator/stores.ts';
import { duringEndPhase } from '../../../orchestrator/verify/end-phase.ts';
import { endPass, type PassEnd } from '../../../orchestrator/verify/pass-end.ts';
import { type Item, STUFF_KEY, stuffItems, stuffKey, useEngine } from '../../support/engine.ts';
import { type HttpFront, startHttpFront } from '../../support/http-front.ts';
import { quickClock } from '../../support/quick-clock.ts';
import { newRun, rates } from '../../support/records.ts';

const engine = useEngine();
const NEVER = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const withTest = (count: number, lacking: (index: number) => boolean): Item[] =>
  stuffItems(count).map((item, index) => (lacking(index) ? item : { ...item, test: { N: '1' } }));

/** A run with a complete sweep, over a table behind a front. */
class Sweep {
  readonly stores: Stores;
  readonly run: RunRecord;
  readonly front: HttpFront;
  readonly events: { readonly name: string; readonly fields: Record<string, unknown> }[] = [];
  readonly #client: DynamoDBClient;

  private constructor(stores: Stores, run: RunRecord, front: HttpFront) {
    this.stores = stores;
    this.run = run;
    this.front = front;
    this.#client = engine.connect(front.endpoint);
  }

  static async over(items: Item[], given: Partial<NewRun> = {}): Promise<Sweep> {
    const table = await engine.createTable();
    await engine.fill(table, items);
    const stores = createStores(await engine.createControlTable());
    const common = { table, keySchema: STUFF_KEY, rates: rates(20_000), itemSize: { bytes: 60 } };
    const run = await stores.runs.create(newRun({ ...common, totalSegments: 3, ...given }));
    const front = await startHttpFront(engine.endpoint);
    closers.push(() => front.close());
    return new Sweep(stores, run, front);
  }

  async quarantine(indexes: readonly number[], resolved = false): Promise<void> {
    const { runId } = this.run;
    const add = async (index: number) => {
      const key = encodeAttributeMap(stuffKey(index));
      const at = '2026-01-01T00:00:00.000Z';
      await this.stores.quarantine.add({ runId, key, reason: 'x', attempts: 1, segment: 0, at });
      if (resolved)
        await this.stores.quarantine.resolve(runId, key, { outcome: 'updated', at, by: 'retry-1' });
    };
    for (let from = 0; from < indexes.length; from += 50) {
      await Promise.all(indexes.slice(from, from + 50).map(add));
    }
  }

  /** The end of its pass, by the supervisor of this epoch. */
  async end({
    epoch = 1,
    detach = NEVER,
  }: {
    epoch?: number;
    detach?: AbortSignal;
  } = {}): Promise<PassEnd | undefined> {
    const { stores } = this;
    const clock = quickClock(20);
    const supervision = { runId: this.run.runId, epoch };
    const run = await stores.runs.readAsSupervisor(supervision);
    const cloudWatch = { send: async () => ({}) } as unknown as CloudWatchClient;
    const metrics = new MetricsPublisher({
      client: cloudWatch,
      clock,
      namespace: 'Fleetfill',
      table: run.table,
      onFailure: () => {},
    });
    const event = (name: string, fields: Record<string, unknown> = {}) => {
      this.events.push({ name, fields });
    };
    const output = { event, say: () => {}, print: () => {} };
    return duringEndPhase(
      { runs: stores.runs, supervision, clock, run, client: this.#client, detach },
      phase => endPass(run, { stores, clock, supervision, output, metrics }, phase),
    );
  }

  async record(): Promise<RunRecord> {
    return (await this.stores.runs.read(this.run.runId)) as RunRecord;
  }

  get scans(): number {
    return this.front.calls.filter(({ operation }) => operation === 'Scan').length;
  }
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('the end of a pass', () => {
  test('proves that nothing is missing', async () => {
    const sweep = await Sweep.over(withTest(200, () => false));
    expect(await sweep.end()).toMatchObject({ next: 'finish', status: 'verified' });
    expect(await sweep.stores.runs.verifications(sweep.run.runId)).toMatchObject([
      { scanned: 200, missing: 0 },
    ]);
  });

  test('compares any number of missing keys with the quarantine, in one verification', async () => {
    const many = 1_050;
    const sweep = await Sweep.over(withTest(1_200, index => index < many));
    await sweep.quarantine(range(many));
    expect(await sweep.end()).toMatchObject({ next: 'finish', status: 'quarantined' });
    expect((await sweep.record()).missing).toBe(many);
    expect(sweep.events.filter(({ name }) => name === 'verification.started')).toHaveLength(1);
  });

  test('repairs items that are not in quarantine, and resolved ones that lack the attribute again', async () => {
    const sweep = await Sweep.over(withTest(60, index => index < 5));
    await sweep.quarantine([0, 1]);
    await sweep.quarantine([2], true);
    expect(await sweep.end()).toEqual({ next: 'repaired' });
    const standing = await Promise.all(range(5).map(index => engine.read(sweep.run.table, stuffKey(index))));
    expect(standing.map(item => item?.['test'] !== undefined)).toEqual([false, false, true, true, true]);
    const record = await sweep.record();
    expect(record.supervisorCounters).toMatchObject({ matched: 3, updated: 3 });
    expect(record.supervisorCounters.readUnits).toBeGreaterThan(0);
    // This verification did not see what was written.
    expect(record.verification).toBeUndefined();
  });

  test.each([
    ['paused', { desired: 'pause' }],
    ['cancelled', { desired: 'stop', stopReason: { kind: 'cancelled', message: '' } }],
  ] as const)('concludes nothing of a run that is %s at this moment', async (status, edit) => {
    const sweep = await Sweep.over(withTest(20, () => false));
    const { runs } = sweep.stores;
    const { runId } = sweep.run;
    await runs.operate(runId, { id: 'x', at: '', by: '', what: 'pause', detail: '' }, edit);
    await runs.conclude(runId, '2026-01-01T00:00:00.000Z');
    expect(await sweep.end()).toBeUndefined();
    expect((await sweep.record()).status).toBe(status);
    expect(sweep.scans).toBe(0);
  });

  test('sweeps again when too many are missing', async () => {
    const sweep = await Sweep.over(withTest(1_100, () => true));
    expect(await sweep.end()).toEqual({ next: 'sweep' });
  });
});

describe('a verification that was interrupted', () => {
  /** Reads as many pages as the budget allows, and the process dies after a few. */
  async function interrupted(given: Partial<NewRun> = { itemSize: { bytes: 1_100 } }): Promise<Sweep> {
    const sweep = await Sweep.over(
      withTest(400, index => index === 7).map(item => ({ ...item, text: { S: 'x'.repeat(1_000) } })),
      { rates: rates(20_000, 40), ...given },
    );
    await sweep.quarantine([7]);
    const stop = new AbortController();
    sweep.front.script = async (call, answer) => {
      if (call.operation === 'Scan' && sweep.scans > 6) stop.abort(new Error('killed'));
      await answer.pass();
    };
    await expect(sweep.end({ detach: stop.signal })).rejects.toThrow('killed');
    sweep.front.script = (_, answer) => answer.pass();
    return sweep;
  }

  const takeOver = (sweep: Sweep) =>
    sweep.stores.runs.takeOver(
      sweep.run.runId,
      { id: 'resume', at: '', by: '', what: 'resume', detail: '' },
      { desired: 'run' },
    );

  const scanned = async (sweep: Sweep) =>
    (await sweep.stores.runs.verifications(sweep.run.runId)).map(record => record.scanned);

  test('continues under another supervisor, and rereads at most what was in flight', async () => {
    const sweep = await interrupted();
    const before = sweep.scans;
    const id = (await sweep.record()).verification?.id ?? '';
    const saved = await sweep.stores.verifications.list(sweep.run.runId, id);
    const items = saved.reduce((sum, { findings }) => sum + (findings?.scanned ?? 0), 0);
    expect(items).toBeGreaterThan(0);
    await takeOver(sweep);
    expect(await sweep.end({ epoch: 2 })).toMatchObject({ status: 'quarantined', verification: id });
    expect(await scanned(sweep)).toEqual([400]);
    const after = sweep.front.calls.slice(before).filter(({ operation }) => operation === 'Scan');
    const begunAgain = after.filter(({ body }) => body.ExclusiveStartKey === undefined).length;
    expect(begunAgain).toBeLessThan(3);
    expect(sweep.events.at(-1)?.fields).toMatchObject({ scanned: 400, missing: 1 });
  });

  test('continues with pages of the last size, although the size of the items was unknown', async () => {
    const sweep = await interrupted({ itemSize: undefined as never });
    const limits = () =>
      sweep.front.calls.filter(({ operation }) => operation === 'Scan').map(({ body }) => body.Limit);
    expect(limits()[0]).toBe(1);
    const before = sweep.scans;
    await takeOver(sweep);
    await sweep.end({ epoch: 2 });
    expect(limits()[before]).toBeGreaterThan(4);
    expect(await scanned(sweep)).toEqual([400]);
  });

  test('counts what all its supervisors consumed', async () => {
    const sweep = await interrupted();
    const { readUnits } = (await sweep.record()).supervisorCounters;
    expect(readUnits).toBeGreaterThan(0);
    await takeOver(sweep);
    await sweep.end({ epoch: 2 });
    const record = await sweep.record();
    const proof = (await sweep.stores.runs.verifications(sweep.run.runId))[0];
    expect(record.supervisorCounters.readUnits).toBeGreaterThanOrEqual(proof?.readUnits ?? 0);
    expect(record.supervisorCounters.readUnits).toBeLessThan((proof?.readUnits ?? 0) + 20);
  });

  test.each<[string, Partial<RunRecord>]>([
    ['an hour passed', {}],
    ['the code went live after its first page', { deployedAt: '2999-01-01T00:00:00.000Z' }],
    ['another pass began', { pass: 2 }],
    ['a retry of the quarantine wrote', { verification: undefined }],
  ])('begins again when %s', async (why, change) => {
    const sweep = await interrupted();
    const { verification: before } = await sweep.record();
    await takeOver(sweep);
    await sweep.stores.runs.supervise({ runId: sweep.run.runId, epoch: 2 }, ({ verification }) => ({
      ...change,
      ...(why === 'an hour passed' &&
        verification && { verification: { ...verification, activeAt: '2020-01-01T00:00:00.000Z' } }),
    }));
    expect(await sweep.end({ epoch: 2 })).toMatchObject({ status: 'quarantined' });
    expect((await sweep.record()).verification?.id).not.toBe(before?.id);
    expect(await scanned(sweep)).toEqual([400]);
  });

  test('concludes nothing for a supervisor that was frozen in the meantime', async () => {
    const sweep = await interrupted();
    await takeOver(sweep);
    await expect(sweep.end({ epoch: 1 })).rejects.toThrow('Another orchestrator took over');
    expect((await sweep.record()).supervisorCounters).not.toEqual(NO_COUNTERS);
    expect(await scanned(sweep)).toEqual([]);
  });
});
