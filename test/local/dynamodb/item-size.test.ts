import { describe, expect, test } from 'vitest';
import { itemSize } from '../../../local/dynamodb/item-size.ts';

describe('the size of an item', () => {
  test.each([
    ['a string, in UTF-8', { é: { S: 'ü€' } }, 2 + 5],
    ['a number, by its significant digits', { n: { N: '1732000000000' } }, 1 + 3],
    ['a number, zeroes apart', { n: { N: '0.00120' } }, 1 + 2],
    ['a binary value, decoded', { b: { B: 'AAAA' } }, 1 + 3],
    ['a null and a boolean', { x: { NULL: true }, y: { BOOL: false } }, 2 + 2],
    ['sets', { s: { SS: ['ab', 'c'] }, n: { NS: ['1', '22'] }, b: { BS: ['AAAA', 'AA=='] } }, 3 + 3 + 4 + 4],
    ['an empty map and list', { m: { M: {} }, l: { L: [] } }, 2 + 3 + 3],
    ['a map in a list', { l: { L: [{ M: { ab: { S: 'c' } } }] } }, 1 + 3 + 1 + (3 + 1 + 2 + 1)],
  ])('counts %s', (_what, item, bytes) => {
    expect(itemSize(item)).toBe(bytes);
  });
});
