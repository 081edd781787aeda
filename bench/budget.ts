import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keepsItsPromise, measureBudget } from './measure-budget.ts';

/** `npm run bench:budget`: every budget with every number of workers. The exit code is not 0 if a promise is broken. */
const { values } = parseArgs({
  options: {
    budgets: { type: 'string', default: '10,200,1000,3000' },
    workers: { type: 'string', default: '1,4,8' },
    seconds: { type: 'string', default: '25' },
    json: { type: 'boolean', default: false },
  },
});
const numbers = (list: string) => list.split(',').map(Number);
const bundle = (name: string) => fileURLToPath(new URL(`../../dist/${name}.mjs`, import.meta.url));

let broken = 0;
if (!values.json) {
  console.log('| units a second | workers | worst 10 s window | average | over | undo log | promise |');
  console.log('|---:|---:|---:|---:|---:|---:|---|');
}
for (const budget of numbers(values.budgets)) {
  for (const workers of numbers(values.workers)) {
    const result = await measureBudget({
      budget,
      workers,
      seconds: Number(values.seconds),
      bundles: { orchestrate: bundle('orchestrate'), job: bundle('job') },
    });
    const kept = keepsItsPromise({ budget }, result);
    if (!kept) broken += 1;
    console.log(
      values.json
        ? JSON.stringify({ budget, workers, kept, ...result })
        : `| ${budget} | ${workers} | ${percent(result.worstWindow)} | ${percent(result.average)} | ${result.averagedSeconds.toFixed(1)} s | ${percent(result.undoLogShare)} | ${kept ? 'kept' : 'BROKEN'} |`,
    );
  }
}
process.exitCode = broken === 0 ? 0 : 1;

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}
