import { randomUUID } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { undoLogCost } from '../../../orchestrator/plan/undo-log-cost.ts';
import { STUFF_KEY } from '../../support/engine.ts';

const keys = Array.from({ length: 3_000 }, () => ({
  id: { S: randomUUID() },
  created: { N: String(1_700_000_000_000 + Math.floor(Math.random() * 1e11)) },
}));

const costAt = (taskUnitsPerSecond: number, values: readonly (readonly AttributeValue[])[] = []) =>
  undoLogCost({
    keySchema: STUFF_KEY,
    keys,
    values,
    itemBytes: 350,
    writeUnitsPerItem: 1,
    taskUnitsPerSecond,
    writeUnits: 5_000_000,
  });

test('from 50 writes a second a task on the log costs at most 4 % of the writes', () => {
  for (const rate of [50, 75, 100, 150, 300, 1_000, 4_000]) {
    expect(costAt(rate).share).toBeLessThanOrEqual(0.04);
  }
  expect(costAt(1_000).share).toBeLessThan(0.025);
});

test('a slower task costs more, and the plan says how much', () => {
  const { share, writeUnits, bytesPerItem } = costAt(5);
  expect(share).toBeGreaterThan(0.04);
  expect(writeUnits).toBeCloseTo(5_000_000 * share);
  expect(bytesPerItem).toBeLessThan(30);
});

test('computed values count as well, a target without any does not', () => {
  const bare = costAt(1_000).bytesPerItem;
  const guids = Array.from({ length: 50 }, () => ({ S: randomUUID() }));
  const { bytesPerItem } = costAt(1_000, [guids, []]);
  expect(bytesPerItem - bare).toBeGreaterThan(15.9);
  expect(bytesPerItem - bare).toBeLessThan(17);
});

test('without a sample a key counts as 30 bytes', () => {
  const unknown = undoLogCost({
    keySchema: STUFF_KEY,
    keys: [],
    values: [],
    itemBytes: 0,
    writeUnitsPerItem: 1,
    taskUnitsPerSecond: 100,
    writeUnits: 1_000,
  });
  expect(unknown.bytesPerItem).toBe(30);
});
