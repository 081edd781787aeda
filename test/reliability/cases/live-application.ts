import type { Item } from '../../../demo/item.ts';
import { keyOf } from '../../../demo/item.ts';
import type { Write } from '../../../demo/write.ts';
import type { Observation } from '../../../local/fault/observation.ts';
import { type Arena, ATTRIBUTE, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { countOf, draw, judgeEnd, UNLIMITED, writeAsApplication } from '../support/steps.ts';

/** The application's own value, which neither the tool nor an insert sets. */
const OWN_VALUE = { S: 'set by the application' };

/**
 * How long a write of the tool is held while the application's takes effect. It is long even for a slow engine, and
 * well within the tool's patience.
 */
const HOLD_MS = 1_500;

async function applicationThroughout({ open, report, either }: CaseContext): Promise<void> {
  const items = either(20_000, 100_000);
  const segments = 32;
  const arena = await open({ items, applicationRate: 120, followSegments: segments });
  const { code, process } = await arena.command([
    '--segments',
    String(segments),
    '--tasks',
    '6',
    '--yes',
    ...UNLIMITED,
  ]);
  judgeEnd(report, code, process.last);
  const found = await arena.judge(report);
  const updated = countOf(process.last, 'updated');
  report.holds(
    'updated, by the tool',
    updated,
    `${found.filled.atLeast} to ${found.filled.atMost}, by the journal`,
    updated >= found.filled.atLeast && updated <= found.filled.atMost,
  );
  const stats = arena.application?.stats();
  report.figure('items', items);
  report.figure("the application's writes", stats?.total ?? 0);
  report.figure(
    'of its writes met by the tool',
    countOf(process.last, 'alreadySet') + countOf(process.last, 'deleted'),
  );
}

type Collision = 'delete' | 'set' | 'replace' | 'update';

/**
 * The proxy holds each of the tool's first requests, between its Scan and its update, until the application has written
 * every item in it.
 */
async function exactlyBetween(context: CaseContext): Promise<void> {
  for (const api of ['batch', 'single'] as const) await collide(context, api);
}

async function collide({ open, report, seed, either }: CaseContext, api: 'batch' | 'single'): Promise<void> {
  const requests = api === 'batch' ? either(12, 60) : either(60, 400);
  const arena = await open({ items: 4_000, faults: true, seed: `${seed}/2/${api}` });
  const operation = api === 'batch' ? 'BatchExecuteStatement' : 'UpdateItem';
  arena.faults.add({
    name: 'held back',
    fault: { kind: 'delay', ms: HOLD_MS },
    operations: [operation],
    tables: [TABLE],
    clients: ['fleet'],
    matches: { to: requests },
  });
  const counts: Record<Collision, number> = { delete: 0, set: 0, replace: 0, update: 0 };
  const writtenAt = new Map<number, number>();
  const forwardedAt = new Map<number, number>();
  const writing: Promise<void>[] = [];
  arena.faults.tap({
    received: call => {
      if (call.faults.includes('held back')) writing.push(collideWith(arena, call, seed, counts, writtenAt));
    },
    settled: ({ id, forwardedAtMs }) => {
      const [at] = forwardedAtMs;
      if (writtenAt.has(id) && at !== undefined) forwardedAt.set(id, at);
    },
  });
  const { code, process } = await arena.command([
    '--segments',
    '4',
    '--yes',
    '--write-api',
    api,
    ...UNLIMITED,
  ]);
  await Promise.all(writing);
  report.equal('exit code', code, 0);
  const tooLate = [...writtenAt].filter(
    ([id, at]) => at >= (forwardedAt.get(id) ?? Number.NEGATIVE_INFINITY),
  ).length;
  report.equal(`${api}: requests that the application's write did not precede`, tooLate, 0);
  report.equal(
    `${api}: counted alreadySet`,
    countOf(process.last, 'alreadySet'),
    counts.set + counts.replace,
  );
  report.equal(`${api}: counted deleted`, countOf(process.last, 'deleted'), counts.delete);
  report.equal(`${api}: quarantined`, countOf(process.last, 'quarantined'), 0);
  report.figure(
    `${api}: collisions`,
    Object.values(counts).reduce((sum, count) => sum + count, 0),
  );
  await arena.judge(report);
  await arena.close();
}

async function collideWith(
  arena: Arena,
  call: Observation,
  seed: string,
  counts: Record<Collision, number>,
  writtenAt: Map<number, number>,
): Promise<void> {
  await Promise.all(
    call.parts.map(async ({ key }) => {
      if (!key) return;
      const kinds: Collision[] = ['delete', 'set', 'replace', 'update'];
      const kind = kinds[Math.floor(draw(seed, key.text, 'collision') * kinds.length)] ?? 'set';
      counts[kind] += 1;
      await writeAsApplication(
        arena.client,
        arena.journal,
        writeOf(kind, key.attributes as unknown as Item, arena),
      );
    }),
  );
  writtenAt.set(call.id, performance.now());
}

function writeOf(kind: Collision, at: Item, { journal }: Arena): Write {
  const key = keyOf(at, journal.key);
  switch (kind) {
    case 'delete':
      return { kind, key };
    case 'set':
      return { kind: 'update', key, set: { [ATTRIBUTE]: OWN_VALUE } };
    case 'replace':
      return { kind: 'put', item: { ...key, name: { S: 'replaced' }, [ATTRIBUTE]: OWN_VALUE } };
    case 'update':
      return { kind: 'update', key, set: { name: { S: 'changed in between' } } };
  }
}

export const LIVE_APPLICATION: readonly ReliabilityCase[] = [
  {
    number: 1,
    title: 'the application inserts, updates and deletes all through the run',
    load: 'works',
    seeds: 20,
    shortSeeds: 2,
    run: applicationThroughout,
  },
  {
    number: 2,
    title: 'a write or delete exactly between scan and update',
    load: 'waits',
    seeds: 3,
    run: exactlyBetween,
  },
];
