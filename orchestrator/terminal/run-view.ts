import type { Clock } from '../../core/clock.ts';
import type { RunRecord, SegmentRecord, TaskRecord } from '../../core/records.ts';
import type { VerificationProgress } from '../../core/sample-store.ts';
import type { Output } from '../cli/output.ts';
import type { RunObserver } from '../run-observer.ts';
import { totals } from '../run-summary.ts';
import {
  compose,
  composeInSlices,
  countersForRate,
  type Knowledge,
  type Records,
} from '../snapshot/compose.ts';
import { HeartbeatAges } from '../snapshot/heartbeat-ages.ts';
import { RateTrail } from '../snapshot/rate-trail.ts';
import { betweenOthers } from '../snapshot/slices.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Display } from './display.ts';
import { Notes } from './notes.ts';

/** Time between two updates during verification, whose pages arrive faster than anybody reads. */
const VERIFICATION_INTERVAL_MS = 250;

/** The terminal has no charts. */
const NO_HISTORY = { points: [], throttling: [], cuts: [], passes: [] };

/** Shows a supervised run on a display: its current state, and a line for each change. */
export class RunView implements RunObserver {
  readonly #display: Display;
  readonly #clock: Clock;
  readonly #notes = new Notes();
  readonly #ages = new HeartbeatAges();
  readonly #trail = new RateTrail();
  #records: Records | undefined;
  #scannedBefore: number | undefined;
  #verifiedAtMs = Number.NEGATIVE_INFINITY;
  /** A snapshot of very many segments is being composed. Until it is done, turns are skipped. */
  #composing = false;
  #closed = false;

  constructor(display: Display, clock: Clock) {
    this.#display = display;
    this.#clock = clock;
  }

  turn(run: RunRecord, segments: readonly SegmentRecord[], tasks: readonly TaskRecord[]): void {
    const before = this.#records;
    if (before && run.sweep > before.run.sweep) this.#scannedBefore = totals(run, segments).scanned;
    this.#records = {
      run,
      segments,
      tasks,
      quarantine: [],
      verifications: [],
      verificationProgress: before?.verificationProgress ?? [],
    };
    this.#show();
  }

  verification(progress: VerificationProgress): void {
    const records = this.#records;
    if (!records) return;
    const others = records.verificationProgress.filter(({ pass }) => pass !== progress.pass);
    this.#records = {
      ...records,
      run: { ...records.run, status: 'verifying' },
      verificationProgress: [...others, progress],
    };
    const now = this.#clock.monotonicMs();
    if (now - this.#verifiedAtMs < VERIFICATION_INTERVAL_MS) return;
    this.#verifiedAtMs = now;
    this.#show();
  }

  /** Shows a snapshot composed elsewhere, of a run that another process supervises. */
  shows(snapshot: Snapshot): void {
    this.#notes.snapshot(snapshot, this.#clock.monotonicMs());
    for (const line of this.#notes.take()) this.#display.note(line);
    this.#display.show(snapshot);
  }

  /** Wraps the supervisor's output: events become notes, and its lines do not run into the view. */
  attached<T extends Output>(output: T): T {
    return {
      ...output,
      event: (name, fields) => {
        output.event(name, fields);
        this.#notes.event(name, fields, this.#clock.monotonicMs());
      },
      say: line => this.#display.note(line),
    };
  }

  /** Shows the last snapshot if the run has ended, and ends the view. */
  close(ended?: RunRecord): void {
    this.#closed = true;
    if (ended && this.#records) {
      const records = { ...this.#records, run: ended };
      this.shows(compose(records, this.#look(records)));
    }
    for (const line of this.#notes.take()) this.#display.note(line);
    this.#display.close();
  }

  #show(): void {
    const records = this.#records;
    if (!records || this.#composing) return;
    this.#composing = true;
    betweenOthers(composeInSlices(records, this.#look(records)), snapshot => {
      this.#composing = false;
      if (!this.#closed) this.shows(snapshot);
    });
  }

  #look(records: Records): Knowledge {
    const now = this.#clock.monotonicMs();
    const nowMs = Date.parse(this.#clock.nowIso());
    this.#trail.add(countersForRate(records), now);
    return {
      nowMs,
      ages: this.#ages.look(records.tasks, now, nowMs),
      rate: this.#trail.rate(),
      history: NO_HISTORY,
      scannedBefore: this.#scannedBefore,
      orchestratorAgeMs: 0,
    };
  }
}
