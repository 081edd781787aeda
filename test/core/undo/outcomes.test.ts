import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeOutcomes, encodeOutcomes } from '../../../core/undo/outcomes.ts';

const places = fc
  .uniqueArray(fc.nat({ max: 5_000 }), { maxLength: 400 })
  .map(all => all.sort((a, b) => a - b));

test('outcomes come back as they went in', () => {
  const chunk = fc.record({ chunk: fc.nat({ max: 100_000 }), set: places, notSet: places });
  fc.assert(
    fc.property(fc.array(chunk), chunks => {
      expect(decodeOutcomes(encodeOutcomes(chunks))).toEqual(chunks);
    }),
  );
});

test('two thousand items in a row, all set, are a few bytes', () => {
  const set = Array.from({ length: 2_000 }, (_, place) => place);
  expect(encodeOutcomes([{ chunk: 12, set, notSet: [] }]).length).toBeLessThan(10);
});
