import type { Projection, TableDescription } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { itemBytes } from './item-size.ts';

/** A write costs one unit for each started KB of the item before or after it, whichever is larger [developer guide]. */
const WRITE_UNIT_BYTES = 1_024;

/** A secondary index that contains the attribute. A write of the attribute also writes to the index. */
export interface ChargedIndex {
  readonly name: string;
  readonly kind: 'global' | 'local';
  /** The index's own keys. An item without one of them is not in the index. */
  readonly keys: readonly string[];
  /** The attributes in the index; undefined if it projects whole items. */
  readonly holds: readonly string[] | undefined;
}

/** The indexes that a write of these attributes also writes to, because one of them is projected or is a key. */
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

/** Units that one write consumes: in the table, and in each index in their order. */
export interface WriteUnits {
  readonly table: number;
  readonly indexes: readonly number[];
}

/** The units of setting the attributes `set` on this item. */
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

/** The units of writing an item of which only the size is known. It assumes that each index contains the whole item. */
export function writeUnitsOfBytes(bytes: number, indexes: readonly ChargedIndex[]): WriteUnits {
  const units = unitsOf(bytes);
  return { table: units, indexes: indexes.map(() => units) };
}

function unitsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}
