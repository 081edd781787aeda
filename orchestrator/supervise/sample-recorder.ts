import type { Clock } from '../../core/clock.ts';
import { isInAuthority, type RunRecord, type SegmentRecord, type TaskRecord } from '../../core/records.ts';
import type { SampleRecord, SampleStore, VerificationProgress } from '../../core/sample-store.ts';
import type { RunObserver } from '../run-observer.ts';
import { countedOfVerification, segmentStates, totals } from '../run-summary.ts';
import { ThrottleCount } from '../snapshot/throttle-count.ts';
import { inForce } from '../snapshot/traffic-cut.ts';

/** The longest time between two writes. After a longer silence a reader may doubt that the orchestrator is alive. */
const LONGEST_INTERVAL_MS = 10_000;

const SHORTEST_INTERVAL_MS = 2_000;

/** A young run is sampled more often, so that a short run also leaves a history. */
const WRITTEN_PART_OF_AGE = 1 / 30;

/** Kept samples are at least this part of the run's age apart, once that is longer than the interval. */
const KEPT_PART_OF_AGE = 1 / 360;

/** A verification is short and has few segments, so its progress is written more often. */
const VERIFICATION_INTERVAL_MS = 2_000;

export interface SampleRecorderOptions {
  readonly samples: Pick<SampleStore, 'write' | 'writeVerification'>;
  readonly clock: Clock;
  readonly epoch: number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Stores the history of a supervised run for later readers. It writes one item every two seconds in the first minute,
 * and every ten seconds from the fifth minute on. In the first hour it keeps each item. Later it overwrites the
 * youngest until that is old enough to keep. So a day leaves about 1,600 items and a month about 2,800:
 *
 *     age of the run   10 min                    10 h
 *     written          |   |   |   |   |   |     |   |   |   |   |   |   |
 *     kept             |   |   |   |   |   |     |                   |
 *
 * A sample that cannot be written is skipped, because the run does not depend on it.
 */
export class SampleRecorder implements RunObserver {
  readonly #options: SampleRecorderOptions;
  readonly #throttles = new ThrottleCount();
  #number = 0;
  #keptAtMs = Number.NEGATIVE_INFINITY;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #stage = '';
  #throttled = 0;
  #throttledReason: string | undefined;
  #latest: Omit<SampleRecord, 'throttled'> | undefined;
  #createdAtMs = 0;
  /** The current verification's read units that the run's counters already include. */
  #countedUnits = 0;
  #verificationAtMs = Number.NEGATIVE_INFINITY;
  #verification: VerificationProgress | undefined;
  #writing: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(options: SampleRecorderOptions) {
    this.#options = options;
  }

  turn(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void {
    const { count, reason } = this.#throttles.take(tasks);
    this.#throttled += count;
    this.#throttledReason = reason ?? this.#throttledReason;
    this.#createdAtMs = Date.parse(run.createdAt);
    this.#countedUnits = countedOfVerification(run);
    const cut = inForce(run.cut);
    this.#latest = {
      runId: run.runId,
      at: this.#options.clock.nowIso(),
      status: run.status,
      pass: run.pass,
      sweep: run.sweep,
      counters: totals(run, segments),
      segmentsComplete: segmentStates(run, segments).complete,
      tasks: tasks.filter(({ status }) => isInAuthority(status)).length,
      budget: run.rates,
      ...(cut && { cut }),
    };
    const { writeUnitsPerSecond, readUnitsPerSecond } = run.rates;
    const stage = [
      run.status,
      run.desired,
      run.pass,
      run.sweep,
      writeUnitsPerSecond,
      readUnitsPerSecond,
      cut?.factor,
    ].join();
    const changed = stage !== this.#stage;
    this.#stage = stage;
    this.#writeIfDue(changed);
  }

  verification(progress: VerificationProgress): void {
    const { clock, samples } = this.#options;
    this.#verification = progress;
    if (this.#latest) this.#latest = { ...this.#latest, at: clock.nowIso(), status: 'verifying' };
    const now = clock.monotonicMs();
    const done = progress.segments.every(segment => segment.done);
    if (done || now - this.#verificationAtMs >= VERIFICATION_INTERVAL_MS) {
      this.#verificationAtMs = now;
      this.#write(() => samples.writeVerification(progress), done);
    }
    this.#writeIfDue(false);
  }

  /** Writes the last sample. Resolves when no write is in flight. */
  async close(): Promise<void> {
    await this.#writing;
    this.#writtenAtMs = Number.NEGATIVE_INFINITY;
    this.#writeIfDue(true);
    await this.#writing;
  }

  #writeIfDue(changed: boolean): void {
    const now = this.#options.clock.monotonicMs();
    if (!this.#latest || this.#busy) return;
    const ageMs = Date.parse(this.#latest.at) - this.#createdAtMs;
    const intervalMs = Math.min(
      LONGEST_INTERVAL_MS,
      Math.max(SHORTEST_INTERVAL_MS, ageMs * WRITTEN_PART_OF_AGE),
    );
    if (!changed && now - this.#writtenAtMs < intervalMs) return;
    const sample = this.#sample(this.#latest);
    const position = { epoch: this.#options.epoch, number: this.#number };
    this.#writtenAtMs = now;
    if (changed || now - this.#keptAtMs >= Math.max(intervalMs, ageMs * KEPT_PART_OF_AGE)) {
      this.#keptAtMs = now;
      this.#number += 1;
      this.#throttled = 0;
      this.#throttledReason = undefined;
    }
    this.#write(() => this.#options.samples.write(sample, position), true);
  }

  #sample(latest: Omit<SampleRecord, 'throttled'>): SampleRecord {
    const { counters } = latest;
    const read = latest.status === 'verifying' ? (this.#verification?.readUnits ?? 0) : 0;
    const verified = Math.max(0, read - this.#countedUnits);
    return {
      ...latest,
      counters: { ...counters, readUnits: counters.readUnits + verified },
      throttled: this.#throttled,
      ...(this.#throttledReason !== undefined && { throttledReason: this.#throttledReason }),
    };
  }

  /** Allows one write at a time. A write that must not be skipped waits for the one before it. */
  #write(write: () => Promise<void>, needed: boolean): void {
    if (this.#busy && !needed) return;
    this.#busy = true;
    const mine: Promise<void> = this.#writing
      .then(write)
      .catch(this.#options.onFailure)
      .finally(() => {
        if (this.#writing === mine) this.#busy = false;
      });
    this.#writing = mine;
  }
}
