import type { FaultRule } from '../../../local/fault/rules.ts';
import { TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { countOf, judgeEnd, UNLIMITED } from '../support/steps.ts';

/** What a bad network does to requests for the user's table. */
const BAD_NETWORK: readonly FaultRule[] = [
  { name: 'cut mid-reply', fault: { kind: 'cut', when: 'mid-reply' }, probability: 0.02 },
  { name: 'reply lost', fault: { kind: 'cut', when: 'after-effect' }, probability: 0.02 },
  { name: 'never arrived', fault: { kind: 'cut', when: 'before-effect' }, probability: 0.02 },
  {
    name: 'twice',
    fault: { kind: 'duplicate', reply: 'second' },
    probability: 0.02,
    // The journal knows the application's own repetitions, but not a second effect of one request.
    clients: ['fleet', 'orchestrator'],
  },
  { name: 'stalled before', fault: { kind: 'stall' }, probability: 0.003 },
  { name: 'stalled after', fault: { kind: 'stall', side: 'after-effect' }, probability: 0.003 },
];

async function badNetwork({ open, report, either }: CaseContext): Promise<void> {
  const arena = await open({
    items: either(10_000, 40_000),
    applicationRate: 60,
    followSegments: 16,
    faults: true,
  });
  for (const rule of BAD_NETWORK) arena.faults.add({ ...rule, service: 'dynamodb', tables: [TABLE] });
  const { code, process } = await arena.command(['--segments', '16', '--tasks', '4', '--yes', ...UNLIMITED]);
  for (const { name } of BAD_NETWORK) arena.faults.switch(name, false);
  judgeEnd(report, code, process.last);
  const counts = arena.faults.counts();
  for (const { name } of BAD_NETWORK) report.atLeast(`struck: ${name}`, counts[name]?.struck ?? 0, 1);
  const found = await arena.judge(report);
  const [updated, alreadySet] = [countOf(process.last, 'updated'), countOf(process.last, 'alreadySet')];
  report.holds(
    'set, by the journal',
    found.filled.atLeast,
    `${updated} (updated) to ${updated + alreadySet} (and alreadySet)`,
    found.filled.atMost >= updated && found.filled.atLeast <= updated + alreadySet,
  );
  report.equal('quarantined', countOf(process.last, 'quarantined'), 0);
  report.figure("the application's writes of unknown outcome", found.unknown);
}

export const NETWORK: readonly ReliabilityCase[] = [
  {
    number: 13,
    title: 'connections cut, replies lost, 30 s stalls',
    load: 'waits',
    seeds: 5,
    run: badNetwork,
  },
];
