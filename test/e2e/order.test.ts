import { afterEach, expect, test } from 'vitest';
import { faultsOf } from '../../local/fault/fault-proxy.ts';
import type { SettledObservation } from '../../local/fault/observation.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;

afterEach(() => stage.close());

type Key = Readonly<Record<string, unknown>>;

const textOf = (key: Key) => JSON.stringify(Object.entries(key).sort());

/** The completion marker is the update that sets the status `complete`. */
function isMarker({ operation, body }: SettledObservation): boolean {
  const values = (body['ExpressionAttributeValues'] ?? {}) as Record<string, { S?: string }>;
  return operation === 'UpdateItem' && values[':set_status']?.S === 'complete';
}

test('on the wire: markers come last, verification after every task, and its scans are consistent', async () => {
  stage = await Stage.open({ items: 6_000, stack: { faults: faultsOf() } });
  const calls: SettledObservation[] = [];
  stage.stack.faults?.tap({ settled: call => calls.push(call) });
  const run = stage.orchestrate(['--segments', '8', '--tasks', '4', '--yes', '--max-write-rate', '3000']);
  expect(await run.exit).toBe(0);

  const onTable = calls.filter(({ parts }) => parts.some(({ table }) => table === 'stuff'));
  const scans = onTable.filter(({ operation }) => operation === 'Scan');
  // The plan's sample reads segments too, but not as the fleet's client.
  const backfill = scans.filter(({ client, body }) => client === 'fleet' && body['ConsistentRead'] !== true);
  const verification = scans.filter(({ body }) => body['ConsistentRead'] === true);
  const segmentOf = new Map<string, number>();
  for (const scan of backfill) {
    const items = (scan.reply()?.['Items'] ?? []) as Key[];
    for (const item of items) segmentOf.set(textOf(item), Number(scan.body['Segment']));
  }
  const markers = calls.filter(isMarker);
  expect(markers).toHaveLength(8);
  for (const marker of markers) {
    const segment = Number(/SEGMENT#(\d+)/.exec(JSON.stringify(marker.body))?.[1]);
    const pages = backfill.filter(({ body }) => body['Segment'] === segment);
    expect(pages.filter(page => page.reply()?.['LastEvaluatedKey'] === undefined)).toHaveLength(1);
    const writes = onTable.filter(
      ({ operation, body }) =>
        operation === 'BatchExecuteStatement' &&
        (body['Statements'] as { Parameters: unknown[] }[]).some(
          ({ Parameters: [, id, created] }) => segmentOf.get(textOf({ id, created } as Key)) === segment,
        ),
    );
    const settledAt = Math.max(...[...pages, ...writes].map(({ repliedAtMs }) => repliedAtMs));
    expect(marker.receivedAtMs, `marker of segment ${segment}`).toBeGreaterThan(settledAt);
  }

  const firstVerification = Math.min(...verification.map(({ receivedAtMs }) => receivedAtMs));
  const ofFleet = calls.filter(({ client }) => client === 'fleet');
  expect(ofFleet.length).toBeGreaterThan(100);
  expect(Math.max(...ofFleet.map(({ repliedAtMs }) => repliedAtMs))).toBeLessThan(firstVerification);
  const lastLook = calls
    .filter(call => call.operation === 'DescribeTasks' && call.repliedAtMs < firstVerification)
    .at(-1);
  const looked = (lastLook?.reply()?.['tasks'] ?? []) as { lastStatus: string }[];
  expect(looked.filter(({ lastStatus }) => lastStatus !== 'STOPPED')).toEqual([]);
  expect(scans.slice(-verification.length)).toEqual(verification);
  expect(new Set(verification.map(({ body }) => body['TotalSegments']))).not.toContain(8);
  expect(new Set(verification.map(({ body }) => body['Segment'])).size).toBe(
    Number(verification[0]?.body['TotalSegments']),
  );
}, 120_000);
