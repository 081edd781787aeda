import { Arena, type ArenaOptions } from './arena.ts';
import type { Bundles } from './bundles.ts';
import { Report } from './report.ts';

/** How much of two cores a case takes: those that mostly wait run beside others. */
export type Load = 'waits' | 'works' | 'measures';

export interface ReliabilityCase {
  /** As in the list of cases in docs/reliability.md. */
  readonly number: number;
  readonly title: string;
  readonly load: Load;
  /** How many seeds the full form takes; the short form takes `shortSeeds`, 1 when not given. */
  readonly seeds: number;
  readonly shortSeeds?: number;
  /** About how long the short form takes, of a case that takes a minute or more: the longest start first. */
  readonly seconds?: number;
  readonly run: (context: CaseContext) => Promise<void>;
}

export interface CaseContext {
  readonly seed: string;
  readonly short: boolean;
  readonly bundles: Bundles;
  readonly report: Report;
  /** Opened for this case alone, and closed after it. */
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

/** Runs one case with one seed; whatever it opened is closed afterwards. */
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
