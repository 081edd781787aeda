import { randomBytes, randomUUID } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeySchema } from '../../../core/records.ts';
import {
  decodeChunk,
  encodeChunks,
  type LogEntry,
  type LogLayout,
  MAX_CHUNK_BYTES,
} from '../../../core/undo/chunk.ts';

const STUFF: KeySchema = [
  { name: 'id', type: 'S' },
  { name: 'created', type: 'N' },
];

const YEAR_MS = 365 * 86_400_000;

function roundTrip(layout: LogLayout, entries: readonly LogEntry[]): LogEntry[] {
  return encodeChunks(layout, entries).flatMap(({ data }) => decodeChunk(layout, data));
}

function founding(count: number): LogEntry[] {
  return Array.from({ length: count }, () => ({
    key: {
      id: { S: randomUUID() },
      created: { N: String(1_700_000_000_000 + Math.floor(Math.random() * 3 * YEAR_MS)) },
    },
    values: [{ N: '1' }],
  }));
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 }).map(part => new Uint8Array(part));
const numberText = fc.oneof(
  fc.maxSafeInteger().map(String),
  fc.integer().map(String),
  fc.constantFrom('0', '-0', '1.50', '1E2', '-1e-130', '99999999999999999999999999999999999999', '007'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.uuid(),
  fc.uuid().map(guid => guid.toUpperCase()),
);
const { value: anyValue } = fc.letrec<{ value: AttributeValue }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text.map(S => ({ S })),
    numberText.map(N => ({ N })),
    bytes.map(B => ({ B })),
    fc.boolean().map(BOOL => ({ BOOL })),
    fc.constant<AttributeValue>({ NULL: true }),
    fc.array(text, { minLength: 1 }).map(SS => ({ SS })),
    fc.array(numberText, { minLength: 1 }).map(NS => ({ NS })),
    fc.array(bytes, { minLength: 1 }).map(BS => ({ BS })),
    fc.array(tie('value')).map(L => ({ L })),
    fc.dictionary(fc.string(), tie('value')).map(M => ({ M: { ...M } })),
  ),
}));
const keyValue = {
  S: fc.oneof(
    fc.array(fc.uuid(), { minLength: 1 }).map(all => all.map(S => ({ S }))),
    fc.array(text, { minLength: 1 }).map(all => all.map(S => ({ S }))),
  ),
  N: fc.array(numberText, { minLength: 1 }).map(all => all.map(N => ({ N }))),
  B: fc.array(bytes, { minLength: 1 }).map(all => all.map(B => ({ B }))),
};

describe('a chunk decodes to exactly what was encoded', () => {
  test.each(['S', 'N', 'B'] as const)('keys of type %s', type => {
    fc.assert(
      fc.property(keyValue[type], keyValue.N, (first, second) => {
        const layout: LogLayout = {
          keySchema: [
            { name: 'p', type },
            { name: 's', type: 'N' },
          ],
          targets: [{ name: 't', constant: { S: 'x' } }],
        };
        const entries = first.map((p, index) => ({
          key: { p, s: second[index % second.length] as AttributeValue },
          values: [{ S: 'x' }],
        }));
        expect(roundTrip(layout, entries)).toEqual(entries);
      }),
    );
  });

  test('any value, of several targets, each of which an entry may leave alone', () => {
    const layout: LogLayout = {
      keySchema: [{ name: 'p', type: 'S' }],
      targets: [{ name: 'a' }, { name: 'b', constant: { N: '7' } }, { name: 'c' }],
    };
    const row = fc.tuple(
      fc.option(anyValue, { nil: undefined }),
      fc.option(fc.constant({ N: '7' }), { nil: undefined }),
      fc.option(anyValue, { nil: undefined }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), rows => {
        const entries = rows.map((values, index) => ({ key: { p: { S: String(index) } }, values }));
        expect(roundTrip(layout, entries)).toEqual(entries);
      }),
    );
  });

  test('whole numbers at the edges of what a double holds', () => {
    const layout: LogLayout = { keySchema: [{ name: 'n', type: 'N' }], targets: [] };
    const around = [8, 16, 32, 40, 48, 52].flatMap(bits => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]);
    for (const edge of [...around, Number.MAX_SAFE_INTEGER]) {
      for (const other of [0, -1, 1, -edge]) {
        const entries = [edge, other].map(number => ({ key: { n: { N: String(number) } }, values: [] }));
        expect(roundTrip(layout, entries)).toEqual(entries);
      }
    }
  });
});

test('a GUID and a timestamp cost at most 30 bytes an item, and 23 in large pages', () => {
  const layout: LogLayout = { keySchema: STUFF, targets: [{ name: 'test', constant: { N: '1' } }] };
  const bytesAnItem = (items: number) =>
    encodeChunks(layout, founding(items)).reduce((sum, { data }) => sum + data.length, 0) / items;
  expect(bytesAnItem(25)).toBeLessThanOrEqual(30);
  expect(bytesAnItem(3_000)).toBeLessThanOrEqual(23);
});

test('no chunk is larger than an item of 64 KB may be, and together they hold every entry in order', () => {
  const layout: LogLayout = { keySchema: STUFF, targets: [{ name: 'test' }] };
  const entries = founding(500).map(entry => ({
    ...entry,
    values: [{ S: randomBytes(700).toString('base64') }],
  }));
  const chunks = encodeChunks(layout, entries);
  expect(chunks.length).toBeGreaterThan(5);
  for (const { data } of chunks) expect(data.length).toBeLessThanOrEqual(MAX_CHUNK_BYTES);
  expect(chunks.flatMap(({ data }) => decodeChunk(layout, data))).toEqual(entries);
  expect(chunks.map(({ from }) => from)).toEqual([0, ...chunks.slice(0, -1).map(({ to }) => to)]);
  expect(chunks.at(-1)?.to).toBe(entries.length);
});

test('an entry that is larger than a chunk may be gets a chunk of its own', () => {
  const layout: LogLayout = { keySchema: STUFF, targets: [{ name: 'test' }] };
  const large = founding(3).map(entry => ({
    ...entry,
    values: [{ B: new Uint8Array(randomBytes(70_000)) }],
  }));
  expect(encodeChunks(layout, large).map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
  ]);
  expect(roundTrip(layout, large)).toEqual(large);
});

test('bytes of another version, and bytes that end too early, are refused', () => {
  const layout: LogLayout = { keySchema: STUFF, targets: [] };
  const [chunk] = encodeChunks(layout, founding(2));
  const data = chunk?.data ?? new Uint8Array();
  expect(() => decodeChunk(layout, Uint8Array.from([9, ...data.slice(1)]))).toThrow('version 9');
  expect(() => decodeChunk(layout, data.slice(0, -3))).toThrow();
});
