import { fileURLToPath } from 'node:url';
import { measureHotPartition, measureLiveTraffic, measureUnattended } from './measure-table.ts';

/**
 * `npm run bench:traffic` measures three cases: a hot partition, a live application that uses 60 % of a provisioned
 * table, and a fleet without an orchestrator for three minutes.
 */
const bundle = (name: string) => fileURLToPath(new URL(`../../dist/${name}.mjs`, import.meta.url));
const bundles = { orchestrate: bundle('orchestrate'), job: bundle('job') };

const hot = await measureHotPartition(bundles, 100_000);
console.log(
  `one partition key, 100,000 items: ${hot.unitsPerSecond.toFixed(0)} of the partition's 1,000 write units a second`,
);

for (const [name, args] of [
  ['the default budget', []],
  ['a budget of the whole table', ['--max-write-rate', '200']],
] as const) {
  const live = await measureLiveTraffic(bundles, {
    provisioned: 200,
    part: 0.6,
    items: 4_000,
    warmUpMs: 70_000,
    args,
  });
  console.log(
    `application at 60 % of 200 write units a second, ${name}: ${live.applicationThrottled} of ` +
      `${live.applicationRequests} of its requests throttled (${(live.throttledPart * 100).toFixed(3)} %), ` +
      `the fleet at ${live.fleetUnitsPerSecond.toFixed(0)} units a second, exit ${live.exitCode}`,
  );
}

const alone = await measureUnattended(bundles, 400, 80);
console.log(
  `orchestrator killed: from ${alone.attended.toFixed(0)} of 400 to ${alone.unattended.toFixed(0)} write units a second, ` +
    'three minutes later; the floor is 80',
);
