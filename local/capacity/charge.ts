import type { ProxyReply } from '../proxy/exchange.ts';
import type { Consumption } from './capacity-model.ts';
import { reportedCapacity } from './consumed-capacity.ts';
import type { PartDemand } from './demand.ts';

/** The outcome of an admitted part. A false condition consumes units; an error consumes none. */
type Outcome = 'done' | 'refused' | 'void';

interface JudgedPart {
  readonly index: number;
  readonly outcome: Outcome;
  /** The cost of the part by the size of its item. */
  readonly units: number;
}

const NOTHING: Consumption = { units: 0, byIndex: new Map() };

/**
 * Computes what each part of a request consumed, once the engine has answered. It never charges less than the engine
 * reports. If the engine reports nothing, or less than the items' sizes imply, the sizes count. That happens for a
 * batch whose conditions were all false, and in DynamoDB Local for any statement. What the engine reports beyond the
 * sizes, for example for an item that grew, is divided among the parts of the table that succeeded.
 *
 * @param demands of the parts that were sent
 * @param body of the reply
 * @param simulatedIndexes each consumes as much as the table, for parts that succeeded
 */
export function chargesOf(
  demands: readonly PartDemand[],
  reply: ProxyReply,
  body: Readonly<Record<string, unknown>>,
  simulatedIndexes: readonly string[],
): Consumption[] {
  const outcomes = outcomesOf(demands.length, reply, body);
  const reported = reportedCapacity(body);
  const judged = demands.map(({ demand, refusedUnits }, index): JudgedPart => {
    const outcome = outcomes[index] ?? 'void';
    return { index, outcome, units: { done: demand.units, refused: refusedUnits, void: 0 }[outcome] };
  });
  const charges = demands.map(() => NOTHING);
  for (const table of new Set(demands.map(({ demand }) => demand.table))) {
    const parts = judged.filter(({ index, outcome }) => {
      return outcome !== 'void' && demands[index]?.demand.table === table;
    });
    const isRead = parts.every(({ index }) => demands[index]?.demand.kind === 'read');
    const ofTable = isRead
      ? shareRead(parts, reported.get(table))
      : shareWrite(parts, reported.get(table), simulatedIndexes);
    for (const [index, charge] of ofTable) charges[index] = charge;
  }
  return charges;
}

/** Only the engine knows what a read found, and where. Without its report, a read costs the minimum. */
function shareRead(parts: readonly JudgedPart[], report: Consumption | undefined): Map<number, Consumption> {
  return new Map(
    parts.map(({ index, units }) => {
      return [index, { units: report ? report.units / parts.length : units, byIndex: new Map() }];
    }),
  );
}

function shareWrite(
  parts: readonly JudgedPart[],
  report: Consumption | undefined,
  simulatedIndexes: readonly string[],
): Map<number, Consumption> {
  const done = parts.filter(({ outcome }) => outcome === 'done');
  const bySize = parts.reduce((sum, { units }) => sum + units, 0);
  const excess = Math.max(0, (report?.units ?? 0) - bySize);
  const real = [...(report?.byIndex ?? [])].map(([name, units]) => [name, units / done.length] as const);
  return new Map(
    parts.map(({ index, outcome, units }) => {
      if (outcome !== 'done') {
        return [
          index,
          { units: done.length > 0 ? units : units + excess / parts.length, byIndex: new Map() },
        ];
      }
      const charged = units + excess / done.length;
      const simulated = simulatedIndexes.map(name => [name, charged] as const);
      return [index, { units: charged, byIndex: new Map([...real, ...simulated]) }];
    }),
  );
}

function outcomesOf(
  count: number,
  { status, cut }: ProxyReply,
  { __type: type, Responses }: Readonly<Record<string, unknown>>,
): Outcome[] {
  // The reply was cut off, so the request may have taken effect.
  if (cut !== undefined) return Array.from({ length: count }, () => 'done');
  if (status !== 200) {
    const refused = /ConditionalCheckFailed|TransactionCanceled/.test(String(type));
    return Array.from({ length: count }, () => (refused ? 'refused' : 'void'));
  }
  const responses = (Array.isArray(Responses) ? Responses : []) as { Error?: { Code?: string } }[];
  return Array.from({ length: count }, (_, index) => {
    const code = responses[index]?.Error?.Code;
    if (code === undefined) return 'done';
    return code.startsWith('ConditionalCheckFailed') ? 'refused' : 'void';
  });
}

/** Adds up the charges of a request by table. */
export function byTable(
  demands: readonly PartDemand[],
  charges: readonly Consumption[],
): Map<string, Consumption> {
  const sums = new Map<string, Consumption>();
  for (const [index, { demand }] of demands.entries()) {
    const { units, byIndex } = charges[index] ?? NOTHING;
    const sum = sums.get(demand.table) ?? NOTHING;
    const indexes = new Map(sum.byIndex);
    for (const [name, more] of byIndex) indexes.set(name, (indexes.get(name) ?? 0) + more);
    sums.set(demand.table, { units: sum.units + units, byIndex: indexes });
  }
  return sums;
}
