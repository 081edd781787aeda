import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PageFit } from '../../../core/rate/page-fit.ts';

const UNIT = 4_096;

/**
 * Reads pages over items of these sizes, each planned to cost `aimed` units.
 * @returns units paid but not used, per page.
 */
function unused(sizeOf: (index: number) => number, aimed: number, pages: number, known: number): number {
  const fit = new PageFit();
  let index = 0;
  let [paid, used] = [0, 0];
  for (let page = 0; page < pages; page++) {
    const scanned = fit.items(aimed, known / UNIT) ?? Number.NaN;
    let bytes = 0;
    for (let item = 0; item < scanned; item++) bytes += sizeOf(index++);
    const readUnits = Math.ceil(bytes / UNIT);
    fit.learn({ aimed, readUnits, scanned, full: true });
    paid += readUnits;
    used += bytes / UNIT;
  }
  return (paid - used) / pages;
}

test.each([
  [5, 0.42],
  [18, 0.45],
  [60, 0.6],
])('pages of %d units leave less than %d of a unit unused', (aimed, most) => {
  let state = 7;
  const sizeOf = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return 140 + ((state >> 8) % 90);
  };
  for (const known of [190, 250, 4_096]) expect(unused(sizeOf, aimed, 200, known)).toBeLessThan(most);
});

test('when items become larger, one page is too large and the next one fits', () => {
  const fit = new PageFit();
  fit.learn({ aimed: 10, readUnits: 10, scanned: 400, full: true });
  fit.learn({ aimed: 10, readUnits: 100, scanned: 400, full: true });
  expect(fit.items(10, 1)).toBeLessThanOrEqual(40);
});

test('a page of one item is always possible, and a whole one needs no limit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 255 }),
      fc.double({ min: 0.001, max: 400, noNaN: true }),
      (units, per) => {
        expect(new PageFit().items(units, per)).toBeGreaterThanOrEqual(1);
      },
    ),
  );
  expect(new PageFit().items(256, 1)).toBeUndefined();
});
