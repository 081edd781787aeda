import { BAD_INPUT } from './cases/bad-input.ts';
import { CAPACITY } from './cases/capacity.ts';
import { CERTAINTY } from './cases/certainty.ts';
import { CONFORMANCE } from './cases/conformance.ts';
import { CONTROL } from './cases/control.ts';
import { DEATHS } from './cases/deaths.ts';
import { DESCRIPTIONS } from './cases/descriptions.ts';
import { DETACHED } from './cases/detached.ts';
import { DOUBTED_REPLIES } from './cases/doubted-replies.ts';
import { END_OF_RUN } from './cases/end-of-run.ts';
import { FROZEN } from './cases/frozen.ts';
import { LAUNCHES } from './cases/launches.ts';
import { LIVE_APPLICATION } from './cases/live-application.ts';
import { LIVE_TRAFFIC } from './cases/live-traffic.ts';
import { NETWORK } from './cases/network.ts';
import { RECIPES } from './cases/recipes.ts';
import { RECORDS } from './cases/records.ts';
import { REFUSALS } from './cases/refusals.ts';
import { SCALE } from './cases/scale.ts';
import { TWO_AT_ONCE } from './cases/two-at-once.ts';
import { UNDO } from './cases/undo.ts';
import type { ReliabilityCase } from './support/case.ts';

/** What a run must survive: every case once, by its number. */
export const CASES: readonly ReliabilityCase[] = [
  ...CONFORMANCE,
  ...LIVE_APPLICATION,
  ...DEATHS,
  ...FROZEN,
  ...DETACHED,
  ...NETWORK,
  ...CERTAINTY,
  ...TWO_AT_ONCE,
  ...SCALE,
  ...REFUSALS,
  ...RECORDS,
  ...LAUNCHES,
  ...DESCRIPTIONS,
  ...CONTROL,
  ...END_OF_RUN,
  ...CAPACITY,
  ...LIVE_TRAFFIC,
  ...BAD_INPUT,
  ...DOUBTED_REPLIES,
  ...UNDO,
  ...RECIPES,
].toSorted((a, b) => a.number - b.number);
