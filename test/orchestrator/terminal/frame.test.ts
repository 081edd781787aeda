import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { NO_COUNTERS, type RunRecord } from '../../../core/records.ts';
import { compose } from '../../../orchestrator/snapshot/compose.ts';
import { drawFrame } from '../../../orchestrator/terminal/frame.ts';
import { Notes } from '../../../orchestrator/terminal/notes.ts';
import { PlainDisplay } from '../../../orchestrator/terminal/plain-display.ts';
import { clean, render } from '../../../orchestrator/terminal/styled-text.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rates, runRecord, segmentRecord, taskRecord } from '../../support/records.ts';

const THROTTLED = { count: 12, reason: 'TableWriteKeyRangeThroughputExceeded on stuff' };

function snapshotOf(totalSegments: number, throttled = false, run: Partial<RunRecord> = {}) {
  const segments = Array.from({ length: totalSegments }, (_, segment) =>
    segmentRecord({
      segment,
      totalSegments,
      status: segment % 7 === 3 ? 'failed' : segment % 3 === 0 ? 'complete' : 'running',
      counters: { ...NO_COUNTERS, scanned: 1_000 + segment, updated: 900, writeUnits: 900 },
    }),
  );
  return compose(
    {
      run: runRecord({ totalSegments, ...run }),
      segments,
      tasks: [taskRecord(throttled ? { throttled: THROTTLED } : {})],
      quarantine: [],
      verifications: [],
      verificationProgress: [],
    },
    {
      nowMs: Date.parse('2026-01-01T00:03:20.000Z'),
      ages: new Map(),
      rate: { writeUnitsPerSecond: 80, readUnitsPerSecond: 3.25, itemsPerSecond: 10, overMs: 10_000 },
      history: { points: [], throttling: [], cuts: [], passes: [] },
      scannedBefore: undefined,
      orchestratorAgeMs: 0,
    },
  );
}

describe('the frame', () => {
  const sizes = [20, 40, 60, 80, 120, 250].flatMap(columns =>
    [4, 8, 12, 24, 60].map((rows): [number, number] => [columns, rows]),
  );

  test.each(sizes)('fits %i columns and %i rows, with 1 segment and with 100,000', (columns, rows) => {
    for (const segments of [1, 32, 1_000, 100_000]) {
      const lines = drawFrame(snapshotOf(segments, true), { columns, rows });
      expect(lines.length).toBeLessThan(rows);
      for (const line of lines)
        expect(stripVTControlCharacters(line).length).toBeLessThan(Math.max(21, columns));
    }
  });

  test('says what is done, used, throttled and spent', () => {
    const text = stripVTControlCharacters(
      drawFrame(snapshotOf(32, true), { columns: 110, rows: 40 }).join('\n'),
    );
    expect(text).toContain('running · 3 min 20 s · pass 1 of 3');
    expect(text).toMatch(/Segments {3}█/);
    expect(text).toContain('✗');
    expect(text).toContain('80 of 100 units/s');
    expect(text).toContain('3.3 of 100 units/s');
    expect(text).toContain(`1 task: ${THROTTLED.reason}`);
    expect(text).toContain('a few seconds left, estimated from what 9 complete segments hold');
    expect(text).toMatch(/Spent {6}\$0\.02 for 28,800 write/);
  });
});

test('a budget that live traffic cuts is shown as cut, with the reason', () => {
  const cut = { factor: 0.5, reason: '3 throttled writes on the table at 08:00' };
  const text = stripVTControlCharacters(
    drawFrame(snapshotOf(32, false, { cut }), { columns: 110, rows: 40 }).join('\n'),
  );
  expect(text).toContain('80 of 50 units/s');
  expect(text).toMatch(/^Cut {8}to 50 % of 100 units\/s: 3 throttled writes/m);
  const written: string[] = [];
  new PlainDisplay(line => written.push(line), new FakeClock()).show(snapshotOf(32, false, { cut }));
  expect(written[0]).toContain('the budget is cut to 50 %: 3 throttled writes');
});

test('a line that is too long is cut, and no text can move the cursor', () => {
  expect(render([['abc', 'red'], ['defghij']], 6).replaceAll('\u001b', '')).toBe('[31mabc[39mde…');
  expect(stripVTControlCharacters(render([['abc', 'red'], ['def']], 6))).toBe('abcdef');
  expect(clean('a\u001b[2Jb\r\nc')).toBe('a [2Jb c');
});

test('many tasks that end for one reason are one line, and throttling has a start and an end', () => {
  const notes = new Notes();
  for (let task = 0; task < 5; task++) notes.event('task.ended', { kind: 'done', reason: 'x' }, 0);
  notes.event('task.ended', { kind: 'error', reason: 'EssentialContainerExited, exit code 137' }, 0);
  notes.event('task.ended', { kind: 'desired', reason: 'NotDesired: desired state is pause' }, 0);
  notes.event('warning', { message: 'CloudWatch: late' }, 0);
  notes.event('warning', { message: 'CloudWatch: late' }, 5_000);
  expect(notes.take()).toEqual([
    'Warning: CloudWatch: late',
    '5 tasks ended: nothing left to do',
    '1 task ended: EssentialContainerExited, exit code 137',
    '1 task ended: as asked',
  ]);
  notes.snapshot(snapshotOf(4, true), 10_000);
  notes.snapshot(snapshotOf(4, false), 12_000);
  notes.snapshot(snapshotOf(4, true), 14_000);
  notes.snapshot(snapshotOf(4, false), 25_000);
  expect(notes.take()).toEqual([
    `The table throttles, so the fleet slows down: ${THROTTLED.reason}`,
    'The table has stopped throttling after 4 s.',
  ]);
});

test('launches, another budget and items in quarantine each have a line', () => {
  const notes = new Notes();
  notes.snapshot(snapshotOf(4), 0);
  for (let task = 0; task < 3; task++) notes.event('task.launched', {}, 0);
  expect(notes.take()).toEqual(['3 tasks launched.']);
  notes.snapshot(snapshotOf(4, false, { rates: rates(20, 100) }), 1_000);
  expect(notes.take()).toEqual([
    'The budget is now 20 write and 100 read units a second. It was 100 write and 100 read units a second.',
  ]);
  const quarantined = (items: number) => ({
    rates: rates(20, 100),
    supervisorCounters: { ...NO_COUNTERS, quarantined: items },
  });
  notes.snapshot(snapshotOf(4, false, quarantined(1)), 2_000);
  notes.snapshot(snapshotOf(4, false, quarantined(5)), 3_000);
  notes.snapshot(snapshotOf(4, false, quarantined(7)), 40_000);
  expect(notes.take()).toEqual([
    '1 item is in quarantine: orchestrate failures run-1',
    '7 items are in quarantine: orchestrate failures run-1',
  ]);
});

test('without a terminal there is a line every half minute, and every note at once', () => {
  const clock = new FakeClock();
  const written: string[] = [];
  const display = new PlainDisplay(text => written.push(text), clock);
  for (let second = 0; second < 65; second++) {
    display.show(snapshotOf(32));
    clock.jump(1_000);
  }
  display.note('one\u001b[2J\ntwo');
  expect(written).toHaveLength(4);
  expect(written[0]).toContain('9 of 32 segments complete');
  expect(written[3]).toBe('one [2J\ntwo\n');
});
