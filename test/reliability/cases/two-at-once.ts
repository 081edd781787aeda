import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { judgeEnd, UNLIMITED } from '../support/steps.ts';

async function startedTogether({ open, report, either }: CaseContext): Promise<void> {
  const rounds = either(3, 20);
  const arena = await open({ items: 1_500 });
  const pairs: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const value = JSON.stringify(`round ${round}`);
    const both = [0, 1].map(() =>
      arena.orchestrate(['--segments', '2', '--yes', '--value', value, ...UNLIMITED]),
    );
    const codes = await Promise.all(both.map(({ exit }) => exit));
    pairs.push(codes.sort((a, b) => a - b).join(' and '));
    const winner = both.find(({ last }) => last?.event === 'run.finished');
    if (round === 0) judgeEnd(report, codes[0] ?? 1, winner?.last);
    const started = both.filter(({ events }) => events.some(({ event }) => event === 'run.started')).length;
    report.equal('runs that began', started, 1);
  }
  report.equal('exit codes', [...new Set(pairs)].join(', '), '0 and 8');
  report.figure('rounds', rounds);
  report.equal('locks left behind', await arena.control.locks(), 0);
  await arena.judge(report, { S: 'round 0' });
}

export const TWO_AT_ONCE: readonly ReliabilityCase[] = [
  {
    number: 17,
    title: 'two orchestrators start the same run together',
    load: 'waits',
    seeds: 1,
    run: startedTogether,
  },
];
