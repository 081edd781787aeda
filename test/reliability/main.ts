import { parseArgs } from 'node:util';
import { silenceSdkAdvice } from '../../demo/command-line.ts';
import { CASES } from './cases.ts';
import { copyBundles } from './support/bundles.ts';
import type { CaseOutcome, ReliabilityCase } from './support/case.ts';
import { runCase } from './support/case.ts';
import { runAll } from './support/schedule.ts';
import { describeFailures, table } from './support/table.ts';

/**
 * `npm run test:reliability`: what a run must survive, case by case, with the real bundles as processes. The last line
 * is `N passed, N failed`, counted in cases.
 */
silenceSdkAdvice();
const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    lanes: { type: 'string', default: '3' },
    /** A failed case is tried once more, alone, because a busy machine can miss a time. */
    retry: { type: 'boolean', default: false },
  },
});

const wanted = (values.case ?? []).flatMap(list => list.split(',')).map(Number);
const unknown = wanted.filter(number => !CASES.some(one => one.number === number));
if (unknown.length > 0) {
  console.error(
    `There is no case ${unknown.join(', ')}. There are ${CASES.map(({ number }) => number).join(', ')}.`,
  );
  process.exit(2);
}
const chosen = CASES.filter(({ number }) => wanted.length === 0 || wanted.includes(number));

const seedsOf = ({ seeds, shortSeeds = 1 }: ReliabilityCase): string[] => {
  const count = values.seeds === undefined ? (values.short ? shortSeeds : seeds) : Number(values.seeds);
  const first = values.seed;
  return Array.from({ length: count }, (_, index) =>
    /^\d+$/.test(first) ? String(Number(first) + index) : index === 0 ? first : `${first}-${index}`,
  );
};

const say = (line: string) => (values.json ? console.error : console.log)(line);
const startedAt = performance.now();
const bundles = await copyBundles();
const outcomes: CaseOutcome[] = [];
try {
  const attempt = async (one: ReliabilityCase, seed: string) => {
    const outcome = await runCase(one, { seed, short: values.short, bundles });
    if (values.json) console.log(JSON.stringify(outcome));
    const seconds = (outcome.durationMs / 1_000).toFixed(1);
    say(
      `${outcome.passed ? 'passed' : 'FAILED'}  case ${one.number}, seed ${seed}, ${seconds} s: ${one.title}`,
    );
    for (const line of describeFailures(outcome)) say(`        ${line}`);
    return outcome;
  };
  const again: (() => Promise<void>)[] = [];
  const units = chosen.flatMap(one =>
    seedsOf(one).map(seed => ({
      load: one.load,
      seconds: one.seconds,
      run: async () => {
        const outcome = await attempt(one, seed);
        if (outcome.passed || !values.retry) outcomes.push(outcome);
        else again.push(async () => void outcomes.push(await attempt(one, seed)));
      },
    })),
  );
  await runAll(units, Number(values.lanes));
  if (again.length > 0) say(`\n${again.length} once more, one at a time`);
  for (const tryAgain of again) await tryAgain();
} finally {
  await bundles.remove();
}
outcomes.sort((a, b) => a.number - b.number);
if (!values.json) {
  console.log(`\nSeed ${values.seed}, ${values.short ? 'short' : 'full'} form\n`);
  console.log(table(outcomes));
}
const failed = chosen.filter(one =>
  outcomes.some(outcome => outcome.number === one.number && !outcome.passed),
).length;
say(`\n${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
say(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
