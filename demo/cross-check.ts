import type { ApplicationStats } from './application-stats.ts';
import { FIGURE_METRICS, type Figure, type MetricSums } from './metric-sums.ts';
import { describeDeviations, type JournalReport } from './oracle.ts';
import type { RunFinished } from './run-events.ts';

export interface CrossCheckInput {
  readonly exitCode: number | null;
  readonly finished: RunFinished;
  readonly strayLines: readonly string[];
  readonly journal: JournalReport;
  readonly metrics: MetricSums;
  readonly application: ApplicationStats;
  /** Whether tasks reported lost replies. Their counts then have bounds instead of exact values. */
  readonly repliesLost: boolean;
}

/** Capacity comes in halves of units. Both sides add it up as doubles, in a different order. */
const ROUNDING = 0.01;

/**
 * Compares all sources about one run: the orchestrator's last event, the journal and CloudWatch. It is for runs without
 * crashes, where the counters must be exact. With lost replies, the tool may count an item that it set as already set
 * [docs/certainty.md].
 * @returns one sentence for each disagreement; empty if there is none.
 */
export function crossCheck(evidence: CrossCheckInput): string[] {
  const { exitCode, finished, strayLines, journal, metrics, application } = evidence;
  const found: string[] = [];
  if (finished.status !== 'verified' || exitCode !== 0) {
    found.push(`The run ended as "${finished.status}" with exit code ${exitCode}.`);
  }
  if (finished.missing !== 0)
    found.push(`The orchestrator counted ${finished.missing} items without the attribute.`);

  const { matched, updated, alreadySet, deleted, quarantined } = finished;
  const settled = updated + alreadySet + deleted + quarantined;
  if (settled !== matched) {
    found.push(`updated + alreadySet + deleted + quarantined is ${settled}, but ${matched} items matched.`);
  }
  const { atLeast, atMost } = journal.filled;
  const mayHaveSet = updated + (evidence.repliesLost ? alreadySet : 0);
  if (mayHaveSet < atLeast || updated > atMost) {
    const range = atLeast === atMost ? `${atLeast}` : `${atLeast} to ${atMost}`;
    found.push(`The tool counted ${updated} items as updated, but according to the journal it set ${range}.`);
  }
  const said: MetricSums = { ...finished, ...finished.consumed };
  for (const [figure, metric] of Object.entries(FIGURE_METRICS) as [Figure, string][]) {
    if (Math.abs(metrics[figure] - said[figure]) < ROUNDING) continue;
    found.push(
      `${metric} adds up to ${metrics[figure]} in CloudWatch, but run.finished says ${said[figure]}.`,
    );
  }
  found.push(...describeDeviations(journal));
  if (application.refused > 0) {
    found.push(
      `DynamoDB refused ${application.refused} writes of the application: ${application.lastRefusal}`,
    );
  }
  if (strayLines.length > 0) {
    found.push(
      `${strayLines.length} lines on the orchestrator's stdout are not events, for instance: ${strayLines[0]}`,
    );
  }
  return found;
}
