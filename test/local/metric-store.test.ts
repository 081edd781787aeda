import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Datum, MetricStore, mergeStatistics, type StatisticSet } from '../../local/cloudwatch/store.ts';

const SERIES = { namespace: 'N', metric: 'M', dimensions: { Table: 't' } };
const START = 1_800_000_000;

const one = (value: number): StatisticSet => ({ sampleCount: 1, sum: value, minimum: value, maximum: value });

const datum = (second: number, value: number, more: Partial<Datum> = {}): Datum => ({
  ...SERIES,
  timestamp: (START + second) * 1_000,
  statistics: one(value),
  highResolution: true,
  ...more,
});

function filled(...data: Datum[]): MetricStore {
  const store = new MetricStore();
  for (const each of data) store.put(each);
  return store;
}

const samples = fc.array(fc.record({ second: fc.integer({ min: 0, max: 599 }), value: fc.integer() }), {
  minLength: 1,
  maxLength: 200,
});

describe('the metric store', () => {
  test('loses no sample, whatever the period and the order', () => {
    fc.assert(
      fc.property(samples, fc.constantFrom(1, 5, 10, 30, 60, 300), (all, periodSeconds) => {
        const store = filled(...all.map(({ second, value }) => datum(second, value)));
        const range = { start: START - 600, end: START + 600, periodSeconds };
        const sets = [...store.query(SERIES, range).values()];
        const expected = all.map(({ value }) => one(value)).reduce(mergeStatistics);
        expect(sets.reduce(mergeStatistics)).toEqual(expected);
        expect(store.total(SERIES)).toEqual(expected);
        expect(store.sum('N', 'M', { Table: 't' })).toBe(expected.sum);
      }),
    );
  });

  test('puts each sample into the period that holds its time', () => {
    fc.assert(
      fc.property(samples, fc.constantFrom(1, 30, 60, 120), (all, periodSeconds) => {
        const store = filled(...all.map(({ second, value }) => datum(second, value)));
        const periods = store.query(SERIES, { start: 0, end: START * 2, periodSeconds });
        for (const [start, { sampleCount }] of periods) {
          const inside = all.filter(
            ({ second }) => Math.floor((START + second) / periodSeconds) * periodSeconds === start,
          );
          expect(sampleCount).toBe(inside.length);
        }
        expect([...periods.keys()]).toEqual([...periods.keys()].sort((a, b) => a - b));
      }),
    );
  });

  test('keeps the end of a range out', () => {
    const store = filled(datum(0, 1), datum(60, 2));
    expect([...store.query(SERIES, { start: START, end: START + 60, periodSeconds: 60 }).keys()]).toEqual([
      START,
    ]);
  });

  test('has only high resolution below a minute', () => {
    const store = filled(datum(0, 1, { highResolution: false }));
    expect(store.query(SERIES, { start: 0, end: START * 2, periodSeconds: 1 }).size).toBe(0);
    expect(store.query(SERIES, { start: 0, end: START * 2, periodSeconds: 60 }).size).toBe(1);
  });

  test('knows a series by its dimensions, whatever their order', () => {
    const store = filled(
      datum(0, 1, { dimensions: { a: '1', b: '2' } }),
      datum(0, 10, { dimensions: { b: '2', a: '1' } }),
      datum(0, 100, { dimensions: { a: '1' } }),
      datum(0, 1_000, { dimensions: {} }),
    );
    expect(store.sum('N', 'M', { b: '2', a: '1' })).toBe(11);
    expect(store.sum('N', 'M', { a: '1' })).toBe(100);
    expect(store.sum('N', 'M', {})).toBe(1_000);
    expect(store.sum('N', 'M', { c: '3' })).toBe(0);
    expect(store.list()).toHaveLength(3);
  });

  test('separates units when asked to, and adds them up when not', () => {
    const store = filled(datum(0, 1, { unit: 'Count' }), datum(0, 10, { unit: 'Bytes' }));
    const range = { start: START, end: START + 60, periodSeconds: 60 };
    expect(store.query(SERIES, range, 'Bytes').get(START)?.sum).toBe(10);
    expect(store.query(SERIES, range).get(START)?.sum).toBe(11);
    expect(store.list()).toHaveLength(1);
  });

  test('keeps a bounded number of seconds, but its total covers all', () => {
    const seconds = 3 * 60 * 60 + 1_000;
    const store = filled(...Array.from({ length: seconds }, (_, second) => datum(second, 1)));
    const bySecond = store.query(SERIES, { start: 0, end: START * 2, periodSeconds: 1 });
    expect(bySecond.size).toBe(3 * 60 * 60);
    expect(bySecond.has(START + seconds - 1)).toBe(true);
    expect(store.sum('N', 'M', SERIES.dimensions)).toBe(seconds);
  });

  test('drops the series that has gone unwritten for longest', () => {
    const store = new MetricStore();
    for (let index = 0; index < 100_000; index++) store.put(datum(0, 1, { metric: `m${index}` }));
    store.put(datum(0, 1, { metric: 'm0' }));
    store.put(datum(0, 1, { metric: 'one too many' }));
    expect(store.total({ ...SERIES, metric: 'm1' })).toBeUndefined();
    expect(store.sum('N', 'm0', SERIES.dimensions)).toBe(2);
  });
});
