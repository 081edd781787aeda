import type { AskEngine } from '../dynamodb/ask-engine.ts';
import { itemSize, type WireItem } from '../dynamodb/item-size.ts';
import type { RequestPart } from '../dynamodb/request-parts.ts';
import { type ItemKey, keyIn, type TableSchemas } from '../dynamodb/table-schemas.ts';
import type { CapacityModel, Demand } from './capacity-model.ts';

/** A demand, and what remains of it if the write's condition is false. */
export interface PartDemand {
  readonly demand: Demand;
  readonly refusedUnits: number;
}

/** One write unit for each started KB [developer guide, "DynamoDB read and write operations"]. */
const WRITE_UNIT_BYTES = 1_024;

/** The most keys in one BatchGetItem. */
const MAX_KEYS = 100;

/**
 * Computes what each part of a request will consume. A write costs by the size of the whole item before or after it,
 * whichever is larger. Before the write only the engine knows the item, so this asks it, at no cost. A read costs by
 * what it finds. It is admitted once its minimum cost is available, and the rest becomes a debt.
 */
export async function demandsOf(
  parts: readonly RequestPart[],
  model: CapacityModel,
  schemas: TableSchemas,
  ask: AskEngine,
): Promise<PartDemand[]> {
  const sizes = await standingSizes(parts, schemas, ask);
  return parts.map(part => {
    const { table, kind, key, item, transactional } = part;
    const factor = transactional ? 2 : 1;
    const partitions = partitionsOf(part, model);
    if (kind === 'read') {
      const units = (part.consistent ? 1 : 0.5) * factor;
      return { demand: { table, kind, units, partitions }, refusedUnits: units };
    }
    const standing = key === undefined ? 0 : (sizes.get(identityOf(key)) ?? 0);
    const after = item === undefined ? 0 : itemSize(item);
    return {
      demand: { table, kind, units: writeUnits(Math.max(standing, after)) * factor, partitions },
      refusedUnits: writeUnits(standing) * factor,
    };
  });
}

function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

function partitionsOf({ key, partition, segment }: RequestPart, model: CapacityModel): number[] {
  const text = key?.partition ?? partition;
  if (text !== undefined) return [model.partitionOf(text)];
  return segment === undefined ? [] : model.partitionsOfSegment(segment.segment, segment.totalSegments);
}

const identityOf = ({ table, text }: ItemKey) => `${table}\n${text}`;

/** Sizes in bytes of the items that a request is about to overwrite. */
async function standingSizes(
  parts: readonly RequestPart[],
  schemas: TableSchemas,
  ask: AskEngine,
): Promise<Map<string, number>> {
  const keys = new Map<string, ItemKey>();
  for (const { kind, key } of parts) if (kind === 'write' && key) keys.set(identityOf(key), key);
  const sizes = new Map<string, number>();
  const all = [...keys.values()];
  for (let start = 0; start < all.length; start += MAX_KEYS) {
    const found = await getItems(all.slice(start, start + MAX_KEYS), ask);
    for (const [table, items] of Object.entries(found)) {
      const schema = await schemas.get(table);
      for (const item of items) {
        const key = schema && keyIn(schema, item);
        if (key !== undefined) sizes.set(identityOf(key), itemSize(item));
      }
    }
  }
  return sizes;
}

async function getItems(keys: readonly ItemKey[], ask: AskEngine): Promise<Record<string, WireItem[]>> {
  const tables: Record<string, { Keys: WireItem[]; ConsistentRead: true }> = {};
  for (const { table, attributes } of keys) {
    tables[table] ??= { Keys: [], ConsistentRead: true };
    tables[table].Keys.push(attributes);
  }
  const reply = await ask('BatchGetItem', { RequestItems: tables });
  return (reply?.['Responses'] ?? {}) as Record<string, WireItem[]>;
}
