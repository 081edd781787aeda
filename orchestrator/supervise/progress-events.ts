import type { Clock } from '../../core/clock.ts';
import { isInAuthority, type RunRecord, type SegmentRecord, type TaskRecord } from '../../core/records.ts';
import type { Output } from '../cli/output.ts';
import { segmentStates, totals } from '../run-summary.ts';

/** The shortest time between two progress events. */
const EVENT_INTERVAL_MS = 2_000;

interface Sample {
  readonly atMs: number;
  readonly writeUnits: number;
}

/** Reports progress to programs: an event at most every two seconds, and one for each completed segment. */
export class Progress {
  readonly #output: Output;
  readonly #clock: Clock;
  #lastEventMs = Number.NEGATIVE_INFINITY;
  #sample: Sample | undefined;

  constructor(output: Output, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
  }

  completed(segments: readonly SegmentRecord[]): void {
    for (const { segment, pass, launchId: launch } of segments) {
      this.#output.event('segment.completed', { segment, pass, launch });
    }
  }

  report(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#lastEventMs < EVENT_INTERVAL_MS) return;
    this.#lastEventMs = now;
    const states = segmentStates(run, segments);
    const { writeUnits, ...sums } = totals(run, segments);
    const rate = this.#rate(now, writeUnits);
    const running = tasks.filter(({ status }) => status === 'running').length;
    const throttled = tasks.find(task => isInAuthority(task.status) && task.throttled)?.throttled;
    this.#output.event('run.progress', {
      pass: run.pass,
      segments: { total: run.totalSegments, ...states },
      tasks: { running, wanted: run.tasks },
      ...sums,
      writeUnits,
      writeUnitsPerSecond: rate,
      budget: run.rates,
      ...(throttled && { throttled }),
    });
  }

  /** Write units a second since the last event. */
  #rate(atMs: number, writeUnits: number): number {
    const before = this.#sample;
    this.#sample = { atMs, writeUnits };
    if (!before || atMs <= before.atMs) return 0;
    return Math.round(((writeUnits - before.writeUnits) / (atMs - before.atMs)) * 1_000);
  }
}
