import { compareEngines } from '../../conformance/compare.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';

async function engines({ report }: CaseContext): Promise<void> {
  const compared = await compareEngines();
  const names = Object.keys(compared[0]?.answers ?? {});
  report.figure(
    'engines',
    names.length > 1 ? names.join(', ') : `${names.join()}; DynamoDB Local is not here`,
  );
  for (const { name, answers, expected, identical, holds, handled } of compared) {
    const given = identical ? Object.values(answers)[0] : JSON.stringify(answers);
    if (identical && holds) continue;
    report.holds(name, given, expected ?? 'the same from all', holds, handled && `Handled: ${handled}`);
  }
  const same = compared.filter(({ identical }) => identical).length;
  report.figure('questions answered alike, and as documented', `${same} of ${compared.length}`);
  report.equal('differences that are not handled', compared.filter(({ holds }) => !holds).length, 0);
}

export const CONFORMANCE: readonly ReliabilityCase[] = [
  { number: 0, title: 'engine conformance', load: 'works', seeds: 1, run: engines },
];
