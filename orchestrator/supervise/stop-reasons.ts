import type { RunRecord, SegmentRecord, StopReason, TaskRecord } from '../../core/records.ts';
import { segmentStates, totals } from '../run-summary.ts';
import { costStop } from './cost-guard.ts';

/** A run stops when quarantine exceeds both this part of the tried items and this number. */
const QUARANTINE_PART = 0.05;
const QUARANTINE_LEAST = 100;

export interface RunNow {
  readonly run: RunRecord;
  readonly segments: readonly SegmentRecord[];
  readonly tasks: readonly TaskRecord[];
  /** Launches of this session. The ends of earlier ones were handled before. */
  readonly news: readonly TaskRecord[];
  readonly nowMs: number;
}

/** Why the run must stop now, for good or until someone resumes it; undefined if it may continue. */
export function reasonToStop(now: RunNow): StopReason | undefined {
  const systemic = now.news.find(({ end }) => end?.kind === 'systemic');
  if (systemic?.end) return { kind: 'failed', message: systemic.end.message };
  return tooDear(now) ?? tooManyInQuarantine(now);
}

/** The stop reason once every segment is either complete or given up. */
export function failedSegments(segments: readonly SegmentRecord[]): StopReason {
  const failed = segments.filter(({ status }) => status === 'failed');
  const [first] = failed;
  return {
    kind: 'failed',
    message: `Segments without progress: ${failed.length}, for instance segment ${first?.segment}: ${first?.reason}`,
  };
}

function tooDear({ run, segments, tasks, nowMs }: RunNow): StopReason | undefined {
  const counters = totals(run, segments);
  const sweepComplete = segmentStates(run, segments).complete === run.totalSegments;
  return costStop({ run, counters, tasks, nowMs, sweepComplete });
}

function tooManyInQuarantine({ run, segments }: RunNow): StopReason | undefined {
  const counters = totals(run, segments);
  // Someone who resumes a stopped run has accepted what was in quarantine by then.
  const matched = counters.matched - (run.acceptedQuarantine?.matched ?? 0);
  const quarantined = counters.quarantined - (run.acceptedQuarantine?.quarantined ?? 0);
  const most = run.maxQuarantine ?? Math.max(QUARANTINE_LEAST, QUARANTINE_PART * matched);
  if (quarantined <= most) return undefined;
  return {
    kind: 'failed',
    message: `${quarantined} of ${matched} items could not be written and are in quarantine; the limit is ${Math.floor(most)}.`,
  };
}
