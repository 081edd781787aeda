import { setTimeout as sleep } from 'node:timers/promises';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, test } from 'vitest';
import { Application, type ApplicationOptions } from '../../demo/application.ts';
import type { ApplicationStats } from '../../demo/application-stats.ts';
import { draw } from '../../demo/draw.ts';
import { fillWithPlaces } from '../../demo/fill-places.ts';
import { type Item, keyOf, STUFF_KEY } from '../../demo/item.ts';
import { Journal } from '../../demo/journal.ts';
import { compare, type JournalReport } from '../../demo/oracle.ts';
import { openPlaces, type Places } from '../../demo/places.ts';
import { useEngine } from './support/engine-table.ts';

const ITEMS = 600;
const engine = useEngine();
let places: Places;
let fresh: Places;

beforeAll(async () => {
  places = await openPlaces({ seed: 'application', attribute: 'test' });
  fresh = await openPlaces({ seed: 'application/new' });
});

interface Stage {
  readonly table: string;
  readonly journal: Journal;
  readonly application: Application;
  judge(): Promise<JournalReport>;
}

/** A filled table, and an application that has not started yet. */
async function setStage(options: Partial<ApplicationOptions> = {}): Promise<Stage> {
  const table = await engine.createTable();
  const journal = new Journal({ attribute: 'test', regenerate: index => places.itemAt(index) });
  await fillWithPlaces(engine.client, table, places, ITEMS, journal);
  const application = new Application({
    client: engine.client,
    table,
    journal,
    newItem: index => fresh.itemAt(index),
    seed: 'application',
    operationsPerSecond: 300,
    ...options,
  });
  return {
    table,
    journal,
    application,
    judge: () => compare(engine.client, table, journal, { attribute: 'test', value: { N: '1' } }),
  };
}

async function runFor(application: Application, durationMs: number): Promise<ApplicationStats> {
  application.start();
  await sleep(durationMs);
  return application.stop();
}

async function keysWithoutAttribute(table: string): Promise<Item[]> {
  const { Items = [] } = await engine.client.send(
    new ScanCommand({
      TableName: table,
      FilterExpression: 'attribute_not_exists(test)',
      ConsistentRead: true,
    }),
  );
  return Items.map(item => keyOf(item, STUFF_KEY));
}

/**
 * Does what a tool does to one item.
 * @returns whether it set the attribute.
 */
async function setAttribute(table: string, key: Item, condition?: string): Promise<boolean> {
  const update = new UpdateItemCommand({
    TableName: table,
    Key: key,
    UpdateExpression: 'SET test = :one',
    ...(condition === undefined ? {} : { ConditionExpression: condition }),
    ExpressionAttributeValues: { ':one': { N: '1' } },
  });
  try {
    await engine.client.send(update);
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

const RIGHT_CONDITION = 'attribute_exists(id) AND attribute_not_exists(test)';

test('when the application writes alone, the table is as its journal says', async () => {
  const { application, judge, journal } = await setStage();
  const stats = await runFor(application, 2500);
  const report = await judge();
  const { 'attribute-missing': missing = 0, ...others } = report.counts;
  expect(others).toStrictEqual({});
  expect(missing).toBe(report.live - report.applicationSet);
  expect(report).toMatchObject({ unknown: 0, filled: { atLeast: 0, atMost: 0 } });
  expect(report.scanned).toBe(report.live);
  for (const count of Object.values(stats.operations)) expect(count).toBeGreaterThan(0);
  const { insert, restore, delete: deleted } = stats.operations;
  expect(report.live).toBe(ITEMS + insert + restore - deleted);
  expect(journal.size).toBe(ITEMS + insert);
  expect(stats).toMatchObject({ throttled: 0, unanswered: 0, refused: 0, foundNothing: 0, unknown: 0 });
  expect(stats.latencyMs.p50).toBeGreaterThan(0);
  expect(stats.latencyMs.p50).toBeLessThanOrEqual(stats.latencyMs.max);
});

test('it keeps to its rate', async () => {
  const { application } = await setStage({ operationsPerSecond: 100 });
  const stats = await runFor(application, 2000);
  expect(stats.total).toBeGreaterThan(100);
  expect(stats.total).toBeLessThanOrEqual(205);
});

describe('beside a tool', () => {
  test('a tool that writes with the right condition has no deviation, and its count equals the journal’s', async () => {
    const { application, judge, table } = await setStage({ followSegments: 4 });
    application.start();
    let updated = 0;
    let met = 0;
    for (const key of await keysWithoutAttribute(table)) {
      if (await setAttribute(table, key, RIGHT_CONDITION)) updated += 1;
      else met += 1;
    }
    await application.stop();
    expect(await judge()).toMatchObject({
      clean: true,
      counts: {},
      filled: { atLeast: updated, atMost: updated },
    });
    expect(met).toBeGreaterThan(0);
  });

  test('a tool that writes without a condition is caught for both its faults', async () => {
    const { application, judge, table } = await setStage();
    const keys = await keysWithoutAttribute(table);
    application.start();
    await sleep(1000);
    for (const key of keys) await setAttribute(table, key);
    await application.stop();
    const { counts } = await judge();
    expect(counts['application-value-overwritten']).toBeGreaterThan(0);
    expect(counts['deleted-item-exists']).toBeGreaterThan(0);
  });

  test('a tool that takes a missing item for one that lacks the attribute is caught', async () => {
    const { application, judge, table } = await setStage();
    const keys = await keysWithoutAttribute(table);
    application.start();
    await sleep(1000);
    for (const key of keys) await setAttribute(table, key, 'attribute_not_exists(test)');
    await application.stop();
    expect(Object.keys((await judge()).counts)).toStrictEqual(['deleted-item-exists']);
  });
});

describe('over a faulty connection', () => {
  type Fault = 'reply-lost' | 'request-lost' | 'throttled';

  /** Depends on the seed and the number of calls, so it is repeatable. */
  function faultyClient(faultAt: (call: number) => Fault | undefined): DynamoDBClient {
    const client = new DynamoDBClient({ ...engine.settings, maxAttempts: 1 });
    let calls = 0;
    client.middlewareStack.add(
      next => async args => {
        calls += 1;
        const fault = faultAt(calls);
        if (fault === 'throttled') {
          throw new ProvisionedThroughputExceededException({ message: 'by the test', $metadata: {} });
        }
        if (fault === 'request-lost') throw new Error('request lost by the test');
        const reply = await next(args);
        if (fault === 'reply-lost') throw new Error('reply lost by the test');
        return reply;
      },
      { step: 'finalizeRequest', name: 'faults', priority: 'low' },
    );
    return client;
  }

  test('lost requests, lost replies and throttling leave the journal right', async () => {
    const client = faultyClient(call => {
      const at = draw('faults', call);
      if (at < 0.05) return 'reply-lost';
      if (at < 0.1) return 'request-lost';
      return at < 0.15 ? 'throttled' : undefined;
    });
    const { application, judge, table } = await setStage({ client });
    application.start();
    let updated = 0;
    for (const key of await keysWithoutAttribute(table)) {
      if (await setAttribute(table, key, RIGHT_CONDITION)) updated += 1;
    }
    await sleep(1000);
    const stats = await application.stop();
    client.destroy();
    const report = await judge();
    expect(report).toMatchObject({ clean: true, counts: {}, unknown: 0 });
    expect(report.filled.atLeast).toBeLessThanOrEqual(updated);
    expect(report.filled.atMost).toBeGreaterThanOrEqual(updated);
    expect(stats).toMatchObject({ refused: 0, foundNothing: 0, unknown: 0 });
    expect(stats.throttled).toBeGreaterThan(0);
    expect(stats.unanswered).toBeGreaterThan(0);
  });

  test('when every reply is lost, the outcomes stay unknown and either state is right', async () => {
    const client = faultyClient(() => 'reply-lost');
    const { application, judge } = await setStage({ client, giveUpAfterMs: 200 });
    const stats = await runFor(application, 500);
    client.destroy();
    expect(stats.total).toBe(0);
    expect(stats.unknown).toBeGreaterThan(0);
    const report = await judge();
    expect(report.unknown).toBe(stats.unknown);
    expect(Object.keys(report.counts)).toStrictEqual(['attribute-missing']);
  });
});
