import { Arena, type ArenaOptions } from './arena.ts';
import type { Bundles } from './bundles.ts';
import { Report } from './report.ts';

/** How much of two cores a case takes. Cases that mostly wait run beside others. */
export type Load = 'waits' | 'works' | 'measures';

export interface ReliabilityCase {
  /** The number in the list of cases in docs/reliability.md. */
  readonly number: number;
  readonly title: string;
  readonly load: Load;
  /** How many seeds the full form uses. The short form uses `shortSeeds`, by default 1. */
  readonly seeds: number;
  readonly shortSeeds?: number;
  /** About how long the short form takes, for a case of a minute or more. The longest start first. */
  readonly seconds?: number;
  readonly run: (context: CaseContext) => Promise<void>;
}

export interface CaseContext {
  readonly seed: string;
  readonly short: boolean;
  readonly bundles: Bundles;
  readonly report: Report;
  /** Opens an arena for this case alone, and closes it afterwards. */
  readonly open: (options: ArenaOptions) => Promise<Arena>;
  /** `long` in the full form, `short` in the short one. */
  readonly either: <T>(short: T, long: T) => T;
}

export interface CaseOutcome {
  readonly number: number;
  readonly title: string;
  readonly seed: string;
  readonly durationMs: number;
  readonly criteria: Report['criteria'];
  /** What broke the case off. */
  readonly error?: string;
  readonly passed: boolean;
}

/** Runs one case with one seed and afterwards closes whatever it opened. */
export async function runCase(
  { number, title, run }: ReliabilityCase,
  { seed, short, bundles }: Pick<CaseContext, 'seed' | 'short' | 'bundles'>,
): Promise<CaseOutcome> {
  const startedAt = performance.now();
  const report = new Report();
  const arenas: Arena[] = [];
  let error: string | undefined;
  try {
    await run({
      seed,
      short,
      bundles,
      report,
      open: async options => {
        const arena = await Arena.open({ seed: `${seed}/${number}`, ...options }, bundles);
        arenas.push(arena);
        return arena;
      },
      either: (inShort, inFull) => (short ? inShort : inFull),
    });
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  for (const arena of arenas) {
    await arena.close().catch(thrown => {
      error ??= `Closing: ${String(thrown)}`;
    });
  }
  return {
    number,
    title,
    seed,
    durationMs: performance.now() - startedAt,
    criteria: report.criteria,
    ...(error !== undefined && { error }),
    passed: error === undefined && report.criteria.length > 0 && report.criteria.every(({ holds }) => holds),
  };
}
