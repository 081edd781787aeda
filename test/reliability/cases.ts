import { CERTAINTY } from './cases/certainty.ts';
import { DEATHS } from './cases/deaths.ts';
import { FROZEN } from './cases/frozen.ts';
import { LIVE_APPLICATION } from './cases/live-application.ts';
import { NETWORK } from './cases/network.ts';
import { TWO_AT_ONCE } from './cases/two-at-once.ts';
import type { ReliabilityCase } from './support/case.ts';

/** What a run must survive: every case once, by its number. */
export const CASES: readonly ReliabilityCase[] = [
  ...LIVE_APPLICATION,
  ...DEATHS,
  ...FROZEN,
  ...NETWORK,
  ...CERTAINTY,
  ...TWO_AT_ONCE,
].toSorted((a, b) => a.number - b.number);
