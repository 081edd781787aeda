import type { Consumption } from './capacity-model.ts';
import type { CapacityKind } from './consumption-journal.ts';

interface WireCapacity {
  readonly TableName?: string;
  readonly CapacityUnits?: number;
  readonly Table?: { readonly CapacityUnits?: number };
  readonly GlobalSecondaryIndexes?: Readonly<Record<string, { readonly CapacityUnits?: number }>>;
}

/** Operations on several tables answer with a list. */
const LISTED = /^Batch|^Transact|^ExecuteTransaction$/;

/** Makes the engine report in full detail, whatever the client asked for. */
export function askingForCapacity(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...body, ReturnConsumedCapacity: 'INDEXES' };
}

/** The consumption that an engine reported, by table. Tables without a report are missing. */
export function reportedCapacity(reply: Readonly<Record<string, unknown>>): Map<string, Consumption> {
  const { ConsumedCapacity = [] } = reply as { ConsumedCapacity?: WireCapacity | readonly WireCapacity[] };
  const reported = new Map<string, Consumption>();
  for (const capacity of [ConsumedCapacity].flat() as WireCapacity[]) {
    const { TableName, CapacityUnits, Table, GlobalSecondaryIndexes = {} } = capacity;
    if (TableName === undefined || CapacityUnits === undefined) continue;
    const indexes = Object.entries(GlobalSecondaryIndexes).map(
      ([index, { CapacityUnits: units = 0 }]) => [index, units] as const,
    );
    const ofIndexes = indexes.reduce((sum, [, units]) => sum + units, 0);
    const units = Table?.CapacityUnits ?? CapacityUnits - ofIndexes;
    reported.set(TableName, { units, byIndex: new Map(indexes) });
  }
  return reported;
}

/** Replaces the engine's report in the reply with what the model charged, in the detail that the client asked for. */
export function withConsumedCapacity(
  reply: Readonly<Record<string, unknown>>,
  operation: string,
  detail: unknown,
  charged: ReadonlyMap<string, Consumption>,
  kind: CapacityKind,
): Record<string, unknown> {
  const { ConsumedCapacity: _, ...rest } = reply;
  if ((detail !== 'TOTAL' && detail !== 'INDEXES') || charged.size === 0) return rest;
  const capacities = [...charged].map(([table, { units, byIndex }]) => {
    const total = units + totalOf(byIndex);
    return {
      TableName: table,
      CapacityUnits: total,
      ...(operation.startsWith('Transact') && {
        [kind === 'write' ? 'WriteCapacityUnits' : 'ReadCapacityUnits']: total,
      }),
      ...(detail === 'INDEXES' && {
        Table: { CapacityUnits: units },
        ...(byIndex.size > 0 && { GlobalSecondaryIndexes: indexMembers(byIndex) }),
      }),
    };
  });
  return { ...rest, ConsumedCapacity: LISTED.test(operation) ? capacities : capacities[0] };
}

function indexMembers(byIndex: ReadonlyMap<string, number>): Record<string, { CapacityUnits: number }> {
  return Object.fromEntries([...byIndex].map(([index, units]) => [index, { CapacityUnits: units }]));
}

export function totalOf(byIndex: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const units of byIndex.values()) sum += units;
  return sum;
}
