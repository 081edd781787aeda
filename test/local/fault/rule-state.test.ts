import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { draw, RuleState } from '../../../local/fault/rule-state.ts';
import type { FaultRule, FaultSubject } from '../../../local/fault/rules.ts';

const subject = (key: string, operation = 'UpdateItem'): FaultSubject => ({
  service: 'dynamodb',
  client: 'fleet',
  operation,
  table: 'stuff',
  key,
  keyAttributes: undefined,
  body: {},
});

const rule = (more: Partial<FaultRule>): FaultRule => ({
  name: 'some',
  fault: { kind: 'throttle' },
  ...more,
});

/** Decisions by key and occurrence, for subjects in this order. */
function decide(state: RuleState, keys: readonly string[]): Map<string, boolean[]> {
  const decisions = new Map<string, boolean[]>();
  for (const key of keys) {
    decisions.set(key, [...(decisions.get(key) ?? []), state.strikes(subject(key))]);
  }
  return decisions;
}

describe('a rule by probability', () => {
  test('decides the same for a seed in whatever order the keys come', () => {
    const arrivals = fc
      .array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 60 })
      .chain(keys =>
        fc.record({
          keys: fc.constant(keys),
          shuffled: fc.shuffledSubarray(keys, { minLength: keys.length }),
        }),
      );
    fc.assert(
      fc.property(arrivals, fc.string(), ({ keys, shuffled }, seed) => {
        const one = new RuleState(rule({ probability: 0.5 }), seed, () => 0);
        const other = new RuleState(rule({ probability: 0.5 }), seed, () => 0);
        expect(decide(other, shuffled)).toEqual(decide(one, keys));
      }),
    );
  });

  test('strikes as often as it says, and differently with another seed, rule or occurrence', () => {
    const count = 5_000;
    const keys = Array.from({ length: count }, (_, index) => `S:item-${index}`);
    const decisions = (seed: string, name: string) => {
      const state = new RuleState(rule({ name, probability: 0.2 }), seed, () => 0);
      return [...keys, ...keys].map(key => state.strikes(subject(key)));
    };
    const first = decisions('1', 'some');
    const struck = first.filter(Boolean).length / first.length;
    expect(struck).toBeGreaterThan(0.18);
    expect(struck).toBeLessThan(0.22);
    for (const other of [decisions('2', 'some'), decisions('1', 'other')]) {
      const agree = other.filter((decision, index) => decision === first[index]).length / first.length;
      // 0.2² + 0.8² is what chance gives.
      expect(agree).toBeGreaterThan(0.64);
      expect(agree).toBeLessThan(0.72);
    }
    const again = first.slice(count).filter((decision, index) => decision === first[index]).length / count;
    expect(again).toBeLessThan(0.72);
  });

  test('draws from the whole range', () => {
    const draws = Array.from({ length: 1_000 }, (_, index) => draw('seed', index));
    expect(Math.min(...draws)).toBeLessThan(0.01);
    expect(Math.max(...draws)).toBeGreaterThan(0.99);
    expect(Math.max(...draws)).toBeLessThan(1);
  });
});

describe('a rule by script', () => {
  const strikes = (state: RuleState, ...keys: string[]) => keys.map(key => state.strikes(subject(key)));

  test('strikes the attempts that it names, of each key', () => {
    const state = new RuleState(rule({ occurrences: [1, 3] }), '1', () => 0);
    expect(strikes(state, 'a', 'a', 'b', 'a', 'b', 'a')).toEqual([true, false, true, true, false, false]);
  });

  test('counts an operation by itself', () => {
    const state = new RuleState(rule({ occurrences: [1] }), '1', () => 0);
    expect(state.strikes(subject('a', 'GetItem'))).toBe(true);
    expect(state.strikes(subject('a', 'PutItem'))).toBe(true);
  });

  test('strikes from one match number to another', () => {
    const state = new RuleState(rule({ matches: { from: 2, to: 3 } }), '1', () => 0);
    expect(strikes(state, 'a', 'b', 'c', 'd')).toEqual([false, true, true, false]);
    expect(state.counts).toEqual({ matched: 4, struck: 2 });
  });

  test('strikes for a time, counted from when it was switched on', () => {
    let now = 0;
    const state = new RuleState(rule({ during: { fromMs: 10, untilMs: 20 }, on: false }), '1', () => now);
    const at = (ms: number) => {
      now = ms;
      return state.strikes(subject('a'));
    };
    expect(at(15)).toBe(false);
    now = 100;
    state.switch(true);
    expect([at(105), at(110), at(119), at(120)]).toEqual([false, true, true, false]);
    state.switch(false);
    state.switch(true);
    expect(at(135)).toBe(true);
  });

  test('is not shifted by switching: it counts while it is off', () => {
    const keys = Array.from({ length: 50 }, (_, index) => `k${index % 7}`);
    const always = new RuleState(rule({ probability: 0.5 }), '1', () => 0);
    const switched = new RuleState(rule({ probability: 0.5, on: false }), '1', () => 0);
    const expected = keys.map(key => always.strikes(subject(key)));
    keys.slice(0, 25).forEach(key => {
      expect(switched.strikes(subject(key))).toBe(false);
    });
    switched.switch(true);
    expect(keys.slice(25).map(key => switched.strikes(subject(key)))).toEqual(expected.slice(25));
  });

  test('asks a predicate', () => {
    const state = new RuleState(rule({ where: ({ key }) => key === 'b', tables: ['stuff'] }), '1', () => 0);
    expect(strikes(state, 'a', 'b')).toEqual([false, true]);
    expect(state.counts.matched).toBe(1);
  });
});
