import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApplicationStatsRecorder } from '../../demo/application-stats.ts';
import { type CrossCheckInput, crossCheck } from '../../demo/cross-check.ts';
import type { RunFinished } from '../../demo/run-events.ts';
import { lostReplies } from '../../demo/task-logs.ts';

const finished: RunFinished = {
  event: 'run.finished',
  runId: 'r',
  status: 'verified',
  table: 'stuff',
  attribute: 'test',
  segments: 32,
  tasks: 4,
  scanned: 100,
  matched: 80,
  updated: 75,
  alreadySet: 3,
  deleted: 2,
  quarantined: 0,
  missing: 0,
  passes: 1,
  durationMs: 1000,
  consumed: { readCapacityUnits: 10, writeCapacityUnits: 80 },
};

const agreeing: CrossCheckInput = {
  exitCode: 0,
  finished,
  strayLines: [],
  journal: {
    clean: true,
    scanned: 98,
    live: 98,
    counts: {},
    examples: [],
    filled: { atLeast: 75, atMost: 75 },
    applicationSet: 23,
    unknown: 0,
  },
  metrics: {
    scanned: 100,
    updated: 75,
    alreadySet: 3,
    deleted: 2,
    quarantined: 0,
    readCapacityUnits: 10,
    writeCapacityUnits: 80,
  },
  application: new ApplicationStatsRecorder().summary(0),
  repliesLost: false,
};

test('nothing is found when all agree', () => {
  expect(crossCheck(agreeing)).toStrictEqual([]);
});

describe('each disagreement is a sentence', () => {
  test.each<[string, Partial<CrossCheckInput>, RegExp]>([
    ['an exit code', { exitCode: 6 }, /ended as "verified" with exit code 6/],
    ['a status', { finished: { ...finished, status: 'incomplete' } }, /ended as "incomplete"/],
    ['missing items', { finished: { ...finished, missing: 2 } }, /2 items without the attribute/],
    [
      'a counter that does not add up',
      { finished: { ...finished, matched: 81 } },
      /is 80, but 81 items matched/,
    ],
    [
      'a journal that says otherwise',
      { journal: { ...agreeing.journal, filled: { atLeast: 74, atMost: 74 } } },
      /counted 75 items as updated, but according to the journal it set 74/,
    ],
    [
      'a metric',
      { metrics: { ...agreeing.metrics, alreadySet: 2 } },
      /ItemsAlreadySet adds up to 2 in CloudWatch, but run.finished says 3/,
    ],
    [
      'consumed capacity',
      { metrics: { ...agreeing.metrics, readCapacityUnits: 10.5 } },
      /ConsumedReadCapacity adds up to 10.5 in CloudWatch, but run.finished says 10\./,
    ],
    [
      'a deviation',
      { journal: { ...agreeing.journal, clean: false, counts: { 'item-lost': 4 } } },
      /4 × item-lost: items that nobody deleted are gone/,
    ],
    [
      'a refused write',
      { application: { ...agreeing.application, refused: 1, lastRefusal: 'too large' } },
      /refused 1 writes of the application: too large/,
    ],
    ['a stray line', { strayLines: ['oops'] }, /1 lines on .* not events, for instance: oops/],
  ])('%s', (_, change, sentence) => {
    const found = crossCheck({ ...agreeing, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(sentence);
  });

  test('a count of the tool within the journal’s bounds agrees', () => {
    const journal = { ...agreeing.journal, filled: { atLeast: 70, atMost: 76 } };
    expect(crossCheck({ ...agreeing, journal })).toStrictEqual([]);
  });
});

describe('when replies were lost', () => {
  const journal = (set: number) => ({ ...agreeing.journal, filled: { atLeast: set, atMost: set } });

  test('items that the tool set may count as already set, but no others', () => {
    expect(crossCheck({ ...agreeing, repliesLost: true, journal: journal(78) })).toStrictEqual([]);
    expect(crossCheck({ ...agreeing, repliesLost: true, journal: journal(79) })).toHaveLength(1);
    expect(crossCheck({ ...agreeing, repliesLost: true, journal: journal(74) })).toHaveLength(1);
  });

  test('that replies were lost is known only from what the tasks log about the table', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fleetfill-logs-'));
    try {
      expect(await lostReplies(join(directory, 'nobody logged'))).toBe(false);
      const say = (file: string, reason: string) =>
        writeFile(
          join(directory, file),
          `{"level":"info"}\n${JSON.stringify({ reason, msg: 'slowed down' })}\n`,
        );
      await say('1.log', 'control table: TimeoutError');
      await say('2.log', 'no reply to a Scan within 5 s; the next one waits 10 s');
      expect(await lostReplies(directory)).toBe(false);
      await say('3.log', 'no reply to a write within 5 s; the next one waits 10 s');
      expect(await lostReplies(directory)).toBe(true);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
