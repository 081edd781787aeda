import { parseArgs } from 'node:util';
import { measureScale, type ScaleSize } from './scale/measure-scale.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

export const SIZES: Readonly<Record<string, ScaleSize>> = {
  small: { items: 200_000, segments: 64, tasks: 8, budget: 1_000, seconds: 3_600, deathsPerTaskHour: 2 },
  card: { items: 5_000_000, segments: 32, tasks: 32, budget: 4_000, seconds: 7_200, deathsPerTaskHour: 0.5 },
  thousand: {
    items: 500_000_000,
    segments: 10_000,
    tasks: 1_000,
    budget: 20_000,
    seconds: 900,
    deathsPerTaskHour: 0.1,
  },
  wide: {
    items: 5_000_000_000,
    segments: 100_000,
    tasks: 1_000,
    budget: 40_000,
    seconds: 1_800,
    deathsPerTaskHour: 0.1,
  },
  most: {
    items: 5_000_000_000,
    segments: 100_000,
    tasks: 10_000,
    budget: 40_000,
    seconds: 1_800,
    deathsPerTaskHour: 0.05,
  },
};
for (const [name, size] of Object.entries(SIZES)) {
  if (values.only !== undefined && !values.only.split(',').includes(name)) continue;
  const result = await measureScale(size, Number(values.seed));
  console.log(name, JSON.stringify(result));
}
