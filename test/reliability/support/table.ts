import type { CaseOutcome } from './case.ts';
import type { Criterion } from './report.ts';

interface Row {
  readonly outcome: CaseOutcome;
  readonly criterion: Criterion;
}

/** A Markdown table with one line for each criterion. Criteria that read the same for several seeds share a line. */
export function table(outcomes: readonly CaseOutcome[]): string {
  const lines = ['| case | criterion | measured | required | |', '|---|---|---|---|---|'];
  for (const number of new Set(outcomes.map(outcome => outcome.number))) {
    const ofCase = outcomes.filter(outcome => outcome.number === number);
    const seconds = ofCase.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1_000;
    const [first] = ofCase;
    const seeds = ofCase.length === 1 ? `seed ${first?.seed}` : `${ofCase.length} seeds`;
    const passed = ofCase.every(outcome => outcome.passed);
    lines.push(
      `| **${number}** | **${first?.title}** | ${seeds}, ${seconds.toFixed(0)} s | | ${passed ? '✓' : '**✗**'} |`,
    );
    lines.push(...criteriaOf(ofCase), ...ofCase.flatMap(brokenOff));
  }
  return lines.join('\n');
}

function criteriaOf(outcomes: readonly CaseOutcome[]): string[] {
  const rows = outcomes.flatMap(outcome =>
    outcome.criteria.map((criterion): Row => ({ outcome, criterion })),
  );
  return [...new Set(rows.map(({ criterion }) => criterion.name))].map(name => {
    const same = rows.filter(({ criterion }) => criterion.name === name).map(({ criterion }) => criterion);
    const measured = [...new Set(same.map(criterion => criterion.measured))];
    const required = [...new Set(same.map(criterion => criterion.required))];
    const notes = [...new Set(same.flatMap(({ note }) => note ?? []))];
    const label = [name, ...notes].join('. ');
    return `| | ${cell(label)} | ${cell(joined(measured))} | ${cell(joined(required))} | ${same.every(({ holds }) => holds) ? '✓' : '**✗**'} |`;
  });
}

function joined(values: readonly string[]): string {
  return values.length <= 5
    ? values.join(', ')
    : `${values.slice(0, 4).join(', ')}, … (${values.length} values)`;
}

function brokenOff({ seed, error }: CaseOutcome): string[] {
  return error === undefined
    ? []
    : [`| | seed ${seed} broke off | ${cell(error.split('\n')[0] ?? '')} | | **✗** |`];
}

function cell(text: string): string {
  const line = text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return line.length > 180 ? `${line.slice(0, 179)}…` : line;
}

/** The failed criteria, one line each. */
export function describeFailures({ criteria, error }: CaseOutcome): string[] {
  const broken = criteria
    .filter(({ holds }) => !holds)
    .map(({ name, measured, required }) => `${name}: ${measured}, required ${required}`);
  return error === undefined ? broken : [...broken, error];
}
