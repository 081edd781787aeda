import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { keyOf } from '../../../demo/item.ts';
import { ATTRIBUTE, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import {
  atRate,
  draw,
  judgeEnd,
  UNLIMITED,
  until,
  untilUpdated,
  writeAsApplication,
} from '../support/steps.ts';

/** The attribute is removed from one item after another, and put back each time. */
async function removedAfterwards({ open, report, seed, either }: CaseContext): Promise<void> {
  const rounds = either(5, 20);
  const items = 5_000;
  const arena = await open({ items, faults: true });
  let [scans, eventual] = [0, 0];
  arena.faults.tap({
    settled: ({ client, operation, parts, body }) => {
      if (client !== 'orchestrator' || operation !== 'Scan' || parts[0]?.table !== TABLE) return;
      scans += 1;
      if (body['ConsistentRead'] !== true) eventual += 1;
    },
  });
  const run = await arena.command(['--segments', '8', '--tasks', '2', '--yes', ...UNLIMITED]);
  judgeEnd(report, run.code, run.process.last);
  const all = await arena.control.itemsOf(TABLE);
  let [found, named] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const item = all[Math.floor(draw(seed, round, 'item') * all.length)];
    if (!item) throw new Error('The table is empty.');
    const key = keyOf(item, arena.journal.key);
    const names = { '#a': ATTRIBUTE };
    await arena.client.send(
      new UpdateItemCommand({
        TableName: TABLE,
        Key: key,
        UpdateExpression: 'REMOVE #a',
        ExpressionAttributeNames: names,
      }),
    );
    const { code, process } = await arena.command(['verify']);
    if (code === 6) found += 1;
    const { keys = [], missing } = (process.last ?? {}) as unknown as { keys?: unknown[]; missing?: number };
    if (missing === 1 && sameKey(keys[0], key)) named += 1;
    await arena.client.send(
      new UpdateItemCommand({
        TableName: TABLE,
        Key: key,
        UpdateExpression: 'SET #a = :v',
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: { ':v': { N: '1' } },
      }),
    );
  }
  report.equal('verify exits 6', `${found} of ${rounds}`, `${rounds} of ${rounds}`);
  report.equal('and names exactly that key', `${named} of ${rounds}`, `${rounds} of ${rounds}`);
  const again = await arena.command(['verify']);
  report.equal('verify when all are back', again.code, 0);
  report.atLeast('pages of verifications, as seen from the wire', scans, rounds + 2);
  report.equal('of these not strongly consistent', eventual, 0);
  await arena.judge(report);
}

function sameKey(named: unknown, key: Readonly<Record<string, unknown>>): boolean {
  if (typeof named !== 'object' || named === null) return false;
  const parts = named as Record<string, unknown>;
  return (
    Object.keys(parts).length === Object.keys(key).length &&
    Object.entries(key).every(([name, value]) => JSON.stringify(parts[name]) === JSON.stringify(value))
  );
}

/** A writer reads an item before the tool sets the attribute, and afterwards puts the whole old item back. */
async function staleWriter({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 6_000 });
  const stale = (await arena.control.itemsOf(TABLE)).slice(0, 40);
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(1_500)]);
  await untilUpdated(run, 1);
  let putBack = 0;
  const open_ = new Set(stale);
  await until('every stale item was set and put back', async () => {
    const now = await arena.control.itemsOf(TABLE);
    const set = new Set(
      now.filter(item => ATTRIBUTE in item).map(item => JSON.stringify(keyOf(item, arena.journal.key))),
    );
    for (const item of open_) {
      if (!set.has(JSON.stringify(keyOf(item, arena.journal.key)))) continue;
      open_.delete(item);
      if (putBack >= 10) continue;
      await writeAsApplication(arena.client, arena.journal, { kind: 'put', item });
      putBack += 1;
    }
    return putBack >= 10;
  });
  const code = await run.exit;
  judgeEnd(report, code, run.last, {});
  const verified = run.events.filter(({ event }) => event === 'verification.finished');
  const first = verified[0] as unknown as { missing: number; keys: unknown[] } | undefined;
  report.equal('put back without the attribute', putBack, 10);
  report.atLeast('named by the first verification', first?.keys.length ?? 0, 1);
  report.equal('missing after the repair', Number(verified.at(-1)?.['missing']), 0);
  report.says(
    'the message names the kind of writer',
    run.stderr,
    /reads an item, then puts the whole old item back/,
  );
  await arena.judge(report);
}

export const CERTAINTY: readonly ReliabilityCase[] = [
  {
    number: 14,
    title: 'the attribute removed from one random item after the backfill',
    load: 'works',
    seeds: 1,
    run: removedAfterwards,
  },
  {
    number: 23,
    title: 'a stale writer puts the whole old item back',
    load: 'waits',
    seeds: 3,
    run: staleWriter,
  },
];
