import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Page, SettledPrefix } from '../../job/settled-prefix.ts';

/** Sizes of a segment's pages in scan order, and an order in which pages are read and items settle. */
const segment = fc.tuple(
  fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 12 }),
  fc.infiniteStream(fc.nat({ max: 1_000 })),
);

const keyOf = (page: number) => `key-${page}`;

test('the prefix never passes an open page, whatever the order in which items settle', () => {
  fc.assert(
    fc.property(segment, ([sizes, choices]) => {
      const prefix = new SettledPrefix('before');
      const pages: Page[] = [];
      const choose = (below: number) => Number(choices.next().value) % below;
      for (;;) {
        const open = pages.filter(({ unsettled }) => unsettled > 0);
        const canRead = pages.length < sizes.length;
        if (!canRead && open.length === 0) break;
        const picked = choose(open.length + (canRead ? 1 : 0));
        const page = open[picked];
        const before = prefix.read();
        if (page) {
          const grew = prefix.settle(page, 1 + choose(page.unsettled));
          expect(grew).toBe(prefix.read().pages > before.pages);
        } else {
          const last = pages.length === sizes.length - 1;
          const added = {
            unsettled: sizes[pages.length] ?? 0,
            lastEvaluatedKey: last ? undefined : keyOf(pages.length),
          };
          pages.push(added);
          prefix.append(added);
        }
        const settled = pages.findIndex(({ unsettled }) => unsettled > 0);
        const expected = settled === -1 ? pages.length : settled;
        const now = prefix.read();
        expect(now.pages).toBe(expected);
        expect(now.complete).toBe(expected === sizes.length);
        expect(prefix.openPages).toBe(pages.length - expected);
        const lastNamed = Math.min(expected, sizes.length - 1);
        expect(now.lastEvaluatedKey).toBe(lastNamed === 0 ? 'before' : keyOf(lastNamed - 1));
      }
      expect(prefix.read()).toMatchObject({ pages: sizes.length, complete: true });
    }),
  );
});

describe('a prefix', () => {
  test('starts at the checkpoint that the claim found', () => {
    expect(new SettledPrefix('k7').read()).toEqual({ pages: 0, lastEvaluatedKey: 'k7', complete: false });
    expect(new SettledPrefix(undefined).read().lastEvaluatedKey).toBeUndefined();
  });

  test('passes pages on which nothing was to be done', () => {
    const prefix = new SettledPrefix(undefined);
    prefix.append({ unsettled: 0, lastEvaluatedKey: 'a' });
    prefix.append({ unsettled: 0, lastEvaluatedKey: 'b' });
    expect(prefix.read()).toEqual({ pages: 2, lastEvaluatedKey: 'b', complete: false });
  });

  test('of an empty segment is complete at once', () => {
    const prefix = new SettledPrefix(undefined);
    prefix.append({ unsettled: 0, lastEvaluatedKey: undefined });
    expect(prefix.read()).toEqual({ pages: 1, lastEvaluatedKey: undefined, complete: true });
  });
});
