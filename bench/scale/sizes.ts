import type { ScaleSize } from './measure-scale.ts';

/** The sizes of `npm run bench:scale`. The first two run to their end. Of the others only the start is simulated. */
export const SIZES: Readonly<Record<string, ScaleSize>> = {
  small: { items: 200_000, segments: 64, tasks: 8, budget: 1_000, seconds: 3_600, deathsPerTaskHour: 10 },
  card: {
    items: 5_000_000,
    segments: 32,
    tasks: 32,
    budget: 4_000,
    seconds: 7_200,
    deathsPerTaskHour: 0.5,
  },
  thousand: {
    items: 500_000_000,
    segments: 10_000,
    tasks: 1_000,
    budget: 20_000,
    seconds: 300,
    deathsPerTaskHour: 0.5,
  },
  wide: {
    items: 5_000_000_000,
    segments: 100_000,
    tasks: 1_000,
    budget: 40_000,
    seconds: 300,
    deathsPerTaskHour: 0.5,
  },
  most: {
    items: 5_000_000_000,
    segments: 100_000,
    tasks: 10_000,
    budget: 40_000,
    seconds: 300,
    deathsPerTaskHour: 0.1,
  },
};
