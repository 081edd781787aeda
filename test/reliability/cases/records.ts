import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRule } from '../../../local/fault/rules.ts';
import { TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { atRate, countOf, endWithin, judgeEnd, UNLIMITED, untilUpdated } from '../support/steps.ts';

/** The authority time that the orchestrator gives a small fleet. */
const AUTHORITY_SECONDS = 5;

/** Halfway records replace those of a paused run, which is resumed twice. */
async function oldCheckpoint({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 9_000, faults: true });
  const run = arena.orchestrate(['--segments', '6', '--tasks', '3', '--yes', ...atRate(700)]);
  await untilUpdated(run, 1_000);
  const old = await arena.control.raw('SEGMENT#');
  await untilUpdated(run, 4_000);
  const paused = await arena.command(['pause', run.runId]);
  report.equal('pause, exit code', paused.code, 0);
  report.equal('paused run, exit code', await run.exit, 9);
  for (const record of old) {
    // As they were, except for the owner, who is gone.
    const { launch: _, ...rest } = record;
    await arena.control.put({ ...rest, status: { S: 'pending' } });
  }
  const before = arena.wire.succeeded;
  const first = await arena.command(['resume', run.runId]);
  judgeEnd(report, first.code, first.process.last);
  report.figure('successful item writes of the first resume', arena.wire.succeeded - before);
  const done = arena.wire.succeeded;
  report.equal('items written more than once', done, 9_000);
  const records = await arena.hashOf(arena.control.table);
  const second = await arena.command(['resume', run.runId]);
  report.equal('second resume, exit code', second.code, 0);
  report.equal('successful item writes of the second resume', arena.wire.succeeded - done, 0);
  report.equal('records after it', await arena.hashOf(arena.control.table), records);
  await arena.judge(report);
}

/** The control table cannot be reached at the start, at a resume, and in the middle. */
async function controlTableAway({ open, report, either }: CaseContext): Promise<void> {
  const outageMs = either(14_000, 45_000);
  const arena = await open({ items: 9_000, applicationRate: 20, faults: true });
  const away: FaultRule = {
    name: 'away',
    fault: { kind: 'cut', when: 'before-effect' },
    tables: [arena.control.table],
  };
  arena.faults.add(away);
  const itemsBefore = await arena.hashOf(arena.control.table);
  const refused = await arena.command(['--segments', '4', '--yes']);
  report.holds('at the start, exit code', refused.code, 'not 0', refused.code !== 0);
  report.equal('at the start, requests that write items', arena.wire.receivedAfter(0), 0);
  report.equal('at the start, records', await arena.hashOf(arena.control.table), itemsBefore);

  arena.faults.switch('away', false);
  const run = arena.orchestrate(['--segments', '6', '--tasks', '3', '--yes', ...atRate(500)]);
  await untilUpdated(run, 1_000);
  await arena.command(['pause', run.runId]);
  await run.exit;
  const paused = await arena.hashOf(arena.control.table);
  arena.faults.switch('away', true);
  const resumed = await arena.command(['resume', run.runId]);
  report.holds('at resume, exit code', resumed.code, 'not 0', resumed.code !== 0);
  report.equal('at resume, records', await arena.hashOf(arena.control.table), paused);

  arena.faults.switch('away', false);
  const healthy = arena.orchestrate(['resume', run.runId]);
  await untilUpdated(healthy, 2_500);
  arena.faults.switch('away', true);
  const cutAt = performance.now();
  await delay(outageMs);
  report.atMost(
    'in the middle, last item write after the cut',
    Math.max(0, arena.wire.lastReceivedAtMs - cutAt) / 1_000,
    AUTHORITY_SECONDS,
    ' s',
  );
  arena.faults.switch('away', false);
  const code = await endWithin(healthy, 120_000);
  report.figure('outage in the middle, seconds', outageMs / 1_000);
  judgeEnd(report, code ?? -1, healthy.last);
  await arena.judge(report);
}

/** Half of a run is done and paused. Then somebody asks what a run would do. */
async function dryRun({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 6_000 });
  const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(100)]);
  await untilUpdated(run, 200);
  await arena.command(['pause', run.runId]);
  await run.exit;
  const [records, items] = [await arena.hashOf(arena.control.table), await arena.hashOf(TABLE)];
  for (const words of [['plan'], ['status', run.runId], ['failures', run.runId], ['verify']]) {
    const { code } = await arena.command(words);
    const expected = words[0] === 'verify' ? 6 : 0;
    report.equal(`${words[0]}, exit code`, code, expected);
    report.equal(
      `${words[0]}: records and table`,
      [await arena.hashOf(arena.control.table), await arena.hashOf(TABLE)].join(),
      [records, items].join(),
    );
  }
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  const resumed = await arena.command(['resume', run.runId]);
  report.equal('resumed afterwards, exit code', resumed.code, 0);
  await arena.judge(report);
}

/** Every kind of write to the control table. The first reply to each of them is lost. */
const KINDS: Readonly<Record<string, Pick<FaultRule, 'operations' | 'where'>>> = {
  'lock and launch': { operations: ['TransactWriteItems'] },
  'run record': { operations: ['PutItem'], where: ({ key }) => key.endsWith('S:RUN') },
  'segment, assigned': { operations: ['PutItem'], where: ({ key }) => key.includes('SEGMENT#') },
  'heartbeat, grant, ARN, end': { operations: ['UpdateItem'], where: ({ key }) => key.includes('TASK#') },
  'claim, checkpoint, marker': { operations: ['UpdateItem'], where: ({ key }) => key.includes('SEGMENT#') },
  verification: { operations: ['PutItem'], where: ({ key }) => key.includes('VERIFICATION#') },
};

async function lostReplies({ open, report, either }: CaseContext): Promise<void> {
  const lost: Record<string, number> = {};
  for (const probability of [1, 0.3]) {
    const arena = await open({ items: either(3_000, 10_000), applicationRate: 30, faults: true });
    for (const [name, which] of Object.entries(KINDS)) {
      arena.faults.add({
        name,
        fault: { kind: 'cut', when: 'after-effect' },
        tables: [arena.control.table],
        ...which,
        // The first, third and fifth request and some later ones to a record, or any three in ten.
        ...(probability === 1 ? { occurrences: [1, 3, 5, 8, 11] } : { probability }),
      });
    }
    const { code, process } = await arena.command(['--segments', '4', '--yes', ...UNLIMITED]);
    judgeEnd(report, code, process.last);
    const counts = arena.faults.counts();
    for (const name of Object.keys(KINDS)) lost[name] = (lost[name] ?? 0) + (counts[name]?.struck ?? 0);
    const launches = countOf(process.last, 'launches');
    if (probability === 1) report.equal('launches for four segments', launches, 4);
    // If three replies to one write are lost in a row, a task gives up.
    else report.figure('launches where any three in ten are lost', launches);
    const segments = await arena.control.read('SEGMENT#');
    report.equal(
      'attempts wasted',
      segments.reduce((sum, { attempts }) => sum + Number(attempts), 0),
      0,
    );
    report.equal('locks left behind', await arena.control.locks(), 0);
    await arena.judge(report);
    await arena.close();
  }
  for (const [name, replies] of Object.entries(lost)) report.atLeast(`replies lost: ${name}`, replies, 1);
}

export const RECORDS: readonly ReliabilityCase[] = [
  {
    number: 5,
    title: 'an old checkpoint put back; resume twice',
    load: 'waits',
    seeds: 3,
    run: oldCheckpoint,
  },
  {
    number: 6,
    title: 'control table unreachable at start, at resume, mid-run',
    load: 'waits',
    seconds: 60,
    seeds: 1,
    run: controlTableAway,
  },
  {
    number: 7,
    title: 'asking what a run would do, over an interrupted run',
    load: 'waits',
    seeds: 1,
    run: dryRun,
  },
  {
    number: 25,
    title: 'lost replies to every kind of control-table write',
    load: 'waits',
    seeds: 3,
    run: lostReplies,
  },
];
