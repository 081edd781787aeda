import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import { noModelCounts, Scenario } from './scenario.ts';

const STEPS = 100_000;
const STEPS_OF_A_SCENARIO = 4_000;

let serial = 0;

// Ids and jitter are the only randomness that the tested code draws itself, so a seed must reproduce them too.
vi.mock('node:crypto', async importOriginal => ({
  ...(await importOriginal<typeof import('node:crypto')>()),
  randomUUID: () => {
    serial += 1;
    return String(serial).padStart(8, '0');
  },
}));

beforeEach(() => {
  let state = 1;
  vi.spyOn(Math, 'random').mockImplementation(() => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  });
});

test('no interleaving of lost, late and repeated requests, deaths, freezes, take-overs and cancels breaks the protocol', {
  timeout: 600_000,
  retry: 0,
}, async () => {
  const tally = noModelCounts();
  const scenario = fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 2 ** 30 })), async choices => {
    serial = 0;
    const choose = (below: number) => Number(choices.next().value) % below;
    await new Scenario(choose).play(STEPS_OF_A_SCENARIO, tally);
  });
  const seed = Number(process.env['FLEETFILL_MODEL_SEED'] ?? Date.now());
  const steps = Number(process.env['FLEETFILL_MODEL_STEPS'] ?? STEPS);
  for (let round = 0; tally.steps < steps; round++) {
    await fc.assert(scenario, { seed: seed + round, numRuns: 10, endOnFailure: true });
  }
  console.log('model', JSON.stringify({ seed, ...tally }));
  expect(tally.verified).toBeGreaterThan(0);
  expect(tally.completions).toBeGreaterThan(100);
  for (const happened of [
    tally.kills,
    tally.orchestratorKills,
    tally.takeOvers,
    tally.handOvers,
    tally.pauses,
    tally.cancels,
    tally.continued,
    tally.lost,
    tally.freezes,
    tally.suspensions,
    tally.retried,
    tally.retryKills,
  ]) {
    expect(happened).toBeGreaterThan(10);
  }
});
