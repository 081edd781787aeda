import type { Projection, TableDescription } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { itemBytes } from './item-size.ts';

/** A write costs a unit for each KB begun of the item before or after, the larger [developer guide]. */
const WRITE_UNIT_BYTES = 1_024;

/** A secondary index that holds the attribute: each write of it is another write, to the index. */
export interface ChargedIndex {
  readonly name: string;
  readonly kind: 'global' | 'local';
  /** The keys of the index: an item without one of them is not in it. */
  readonly keys: readonly string[];
  /** The attributes in it; undefined when it holds whole items. */
  readonly holds: readonly string[] | undefined;
}

/** The indexes that a write of these attributes goes into as well: one of them is projected, or a key. */
export function chargedIndexes(attributes: readonly string[], table: TableDescription): ChargedIndex[] {
  const tableKeys = namesOf(table.KeySchema);
  const charged = (kind: ChargedIndex['kind']) => (index: IndexDescription) => {
    const keys = namesOf(index.KeySchema);
    const { ProjectionType, NonKeyAttributes = [] } = index.Projection ?? {};
    const holds = ProjectionType === 'ALL' ? undefined : [...tableKeys, ...keys, ...NonKeyAttributes];
    if (holds !== undefined && !attributes.some(attribute => holds.includes(attribute))) return [];
    return [{ name: index.IndexName ?? '', kind, keys, holds }];
  };
  return [
    ...(table.GlobalSecondaryIndexes ?? []).flatMap(charged('global')),
    ...(table.LocalSecondaryIndexes ?? []).flatMap(charged('local')),
  ];
}

interface IndexDescription {
  readonly IndexName?: string | undefined;
  readonly KeySchema?: TableDescription['KeySchema'];
  readonly Projection?: Projection | undefined;
}

function namesOf(schema: TableDescription['KeySchema']): string[] {
  return (schema ?? []).flatMap(({ AttributeName }) => AttributeName ?? []);
}

/** Units that setting the attribute on an item consumes: in the table, and in each index, in their order. */
export interface WriteUnits {
  readonly table: number;
  readonly indexes: readonly number[];
}

/** Of an item that is given the attributes `set`, by its own size. */
export function writeUnitsOf(
  item: AttributeMap,
  set: AttributeMap,
  indexes: readonly ChargedIndex[],
): WriteUnits {
  const after = { ...item, ...set };
  return {
    table: unitsOf(itemBytes(item) + itemBytes(set)),
    indexes: indexes.map(({ keys, holds }) => {
      if (keys.some(key => after[key] === undefined)) return 0;
      if (holds !== undefined && !holds.some(name => Object.hasOwn(set, name))) return 0;
      if (holds === undefined) return unitsOf(itemBytes(after));
      const held = new Set(holds);
      return unitsOf(itemBytes(Object.fromEntries(Object.entries(after).filter(([name]) => held.has(name)))));
    }),
  };
}

/** Of an item of which only the size is known, of about `bytes`: as if each index held all of it. */
export function writeUnitsOfBytes(bytes: number, indexes: readonly ChargedIndex[]): WriteUnits {
  const units = unitsOf(bytes);
  return { table: units, indexes: indexes.map(() => units) };
}

function unitsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}
