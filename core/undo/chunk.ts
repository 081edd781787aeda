import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../attribute-value.ts';
import type { KeySchema } from '../records.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { readColumn, writeColumn } from './column.ts';

/** One attribute that a run sets. `constant`: the value for every item; absent if the value is computed. */
export interface LogTarget {
  readonly name: string;
  readonly constant?: AttributeValue;
}

/** What a write is about to set on one item. `values`: one for each target, undefined if that target is not set. */
export interface LogEntry {
  readonly key: AttributeMap;
  readonly values: readonly (AttributeValue | undefined)[];
}

/** The layout of one run's entries. */
export interface LogLayout {
  readonly keySchema: KeySchema;
  readonly targets: readonly LogTarget[];
}

/** A chunk is an item of at most 64 KB, including its names and keys. A larger entry gets its own chunk. */
export const MAX_CHUNK_BYTES = 64 * 1_024 - 512;

const VERSION = 1;
const STORED = 0;
const DEFLATED = 1;

const NONE = 0;
const ALL = 1;
const SOME = 2;

/** What one chunk holds: the entries from `from` up to but not including `to`. */
export interface EncodedChunk {
  readonly from: number;
  readonly to: number;
  readonly data: Uint8Array;
}

/**
 * Encodes entries as chunks, in order. They are stored as columns instead of rows, each in the smallest exact form (see
 * column.ts), and deflated if that helps. A constant value costs nothing per item, because the run's record has it.
 */
export function encodeChunks(layout: LogLayout, entries: readonly LogEntry[]): EncodedChunk[] {
  const encode = (from: number, to: number): EncodedChunk[] => {
    const data = encodeEntries(layout, entries.slice(from, to));
    if (data.length <= MAX_CHUNK_BYTES || to - from === 1) return [{ from, to, data }];
    const parts = Math.ceil(data.length / MAX_CHUNK_BYTES);
    const size = Math.ceil((to - from) / parts);
    return Array.from({ length: Math.ceil((to - from) / size) }, (_, part) =>
      encode(from + part * size, Math.min(to, from + (part + 1) * size)),
    ).flat();
  };
  return entries.length === 0 ? [] : encode(0, entries.length);
}

function encodeEntries({ keySchema, targets }: LogLayout, entries: readonly LogEntry[]): Uint8Array {
  const to = new ByteWriter();
  to.number(entries.length);
  let compact = true;
  for (const { name } of keySchema) {
    const column = entries.map(({ key }) => required(key[name], name));
    compact = writeColumn(to, column) && compact;
  }
  for (const [index, { constant }] of targets.entries()) {
    const values = entries.map(entry => entry.values[index]);
    const set = values.filter(value => value !== undefined);
    const presence = set.length === 0 ? NONE : set.length === entries.length ? ALL : SOME;
    to.byte(presence);
    if (presence === SOME) writeBits(to, values);
    if (presence !== NONE && constant === undefined) compact = writeColumn(to, set) && compact;
  }
  const plain = to.take();
  const deflated = compact ? plain : deflateRawSync(plain);
  const body = deflated.length < plain.length ? deflated : plain;
  const chunk = new Uint8Array(body.length + 2);
  chunk.set([VERSION, body === plain ? STORED : DEFLATED]);
  chunk.set(body, 2);
  return chunk;
}

/**
 * The entries of a chunk, as they were encoded.
 * @throws RangeError when these bytes are not a chunk of this version.
 */
export function decodeChunk({ keySchema, targets }: LogLayout, data: Uint8Array): LogEntry[] {
  const [version, packing] = data;
  if (version !== VERSION)
    throw new RangeError(`This version cannot read an undo log of version ${version}.`);
  const body = data.subarray(2);
  const from = new ByteReader(packing === DEFLATED ? inflateRawSync(body) : body);
  const count = from.number();
  const keys = keySchema.map(({ name }) => ({ name, column: readColumn(from, count) }));
  const values = targets.map(({ constant }) => {
    const presence = from.byte();
    const set = presence === SOME ? readBits(from, count) : Array<boolean>(count).fill(presence === ALL);
    const size = set.filter(Boolean).length;
    const column =
      constant !== undefined || size === 0
        ? Array<AttributeValue | undefined>(size).fill(constant)
        : readColumn(from, size);
    const rest = column.values();
    return set.map(isSet => (isSet ? rest.next().value : undefined));
  });
  return Array.from({ length: count }, (_, index) => ({
    key: Object.fromEntries(
      keys.map(({ name, column }): [string, AttributeValue] => [name, required(column[index], name)]),
    ),
    values: values.map(column => column[index]),
  }));
}

function writeBits(to: ByteWriter, values: readonly unknown[]): void {
  for (let from = 0; from < values.length; from += 8) {
    const eight = values.slice(from, from + 8);
    to.byte(eight.reduce<number>((byte, value, bit) => (value === undefined ? byte : byte | (1 << bit)), 0));
  }
}

function readBits(from: ByteReader, count: number): boolean[] {
  const bytes = from.bytes(Math.ceil(count / 8));
  return Array.from({ length: count }, (_, index) => ((bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0);
}

function required(value: AttributeValue | undefined, name: string): AttributeValue {
  if (value === undefined) throw new TypeError(`An entry of the undo log has no key attribute ${name}.`);
  return value;
}
