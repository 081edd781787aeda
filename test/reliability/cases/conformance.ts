import { compareEngines } from '../../conformance/compare.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';

async function engines({ report }: CaseContext): Promise<void> {
  const compared = await compareEngines();
  const names = Object.keys(compared[0]?.answers ?? {});
  report.figure('engines', names.join(', '));
  for (const { name, answers, aws, identical, holds, handled } of compared) {
    if (identical) continue;
    report.holds(
      name,
      JSON.stringify(answers),
      JSON.stringify(aws.answer),
      holds,
      handled && `Handled: ${handled}`,
    );
  }
  const same = compared.filter(({ identical }) => identical).length;
  report.figure('questions answered as AWS does', `${same} of ${compared.length}`);
  report.equal('differences that are not handled', compared.filter(({ holds }) => !holds).length, 0);
}

export const CONFORMANCE: readonly ReliabilityCase[] = [
  { number: 0, title: 'engine conformance', load: 'works', seeds: 1, run: engines },
];
