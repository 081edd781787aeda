import { parseArgs } from 'node:util';
import { measureProcess } from './scale/measure-process.ts';
import { measureScale } from './scale/measure-scale.ts';
import { measureSupervisor } from './scale/measure-supervisor.ts';
import { drawFrom } from './scale/same-each-time.ts';
import { growthTable, processTable, scaleTable, supervisorTable } from './scale/scale-report.ts';
import { SIZES } from './scale/sizes.ts';

/**
 * `npm run bench:scale`: the control plane at every size, in simulated time, where the same seed gives the same figures,
 * and the supervisor as a process, in real time.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: Object.keys(SIZES).join() },
    turns: { type: 'string', default: '20' },
    /** How long the supervisor is watched as a process, at each size. */
    seconds: { type: 'string', default: '40' },
    json: { type: 'boolean', default: false },
  },
});

const wanted = values.only.split(',');
const rows = [];
for (const [name, size] of Object.entries(SIZES)) {
  if (!wanted.includes(name)) continue;
  const asProcess = await measureProcess(size, Number(values.seconds));
  drawFrom(Number(values.seed));
  // The supervisor is measured first and alone, so that its cost is not hidden among thousands of simulated workers.
  const supervisor = await measureSupervisor(size, Number(values.turns));
  const result = await measureScale(size, Number(values.seed));
  rows.push({ name, result, supervisor, process: asProcess });
  if (values.json) console.log(JSON.stringify({ name, ...result, supervisor, process: asProcess }));
  else console.error(`${name}: ${Math.round(result.realSeconds)} s`);
}
if (!values.json) {
  console.log(scaleTable(rows));
  console.log(supervisorTable(rows));
  console.log(processTable(rows));
  console.log(growthTable(rows));
}
