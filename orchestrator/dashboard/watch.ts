import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import type { QuarantineRecord, SegmentRecord, VerificationRecord } from '../../core/records.ts';
import type { SamplePosition } from '../../core/sample-store.ts';
import { segmentStates } from '../run-summary.ts';
import { compose, countersForRate, type Records, tasksInAuthority } from '../snapshot/compose.ts';
import { HeartbeatAges } from '../snapshot/heartbeat-ages.ts';
import { History } from '../snapshot/history.ts';
import { RateTrail } from '../snapshot/rate-trail.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { sweepStart } from '../snapshot/sweep-start.ts';
import { ThrottleCount } from '../snapshot/throttle-count.ts';
import type { Stores } from '../stores.ts';

/**
 * Pause between two looks at the control table. With the time for the reads, there is at least about one look a second.
 */
const LOOK_INTERVAL_MS = 700;

/** A look at the segments reads all of them, so with very many segments it happens less often. */
const SEGMENTS_A_SECOND = 2_000;

/** Quarantine and the orchestrator's sign of life change rarely. */
const SLOW_INTERVAL_MS = 3_000;

export interface WatchOptions {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly runId: string;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Called for each failed look. */
  readonly onUnreadable?: (error: unknown) => void;
}

/**
 * Reads the control table repeatedly and composes snapshots. It needs neither the orchestrator nor the fleet. While the
 * table cannot be read, it shows the last snapshot with the reason.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #ages = new HeartbeatAges();
  readonly #trail = new RateTrail();
  readonly #throttles = new ThrottleCount();
  readonly #history = new History();
  #begun = false;
  #segments: SegmentRecord[] = [];
  #segmentsReadAtMs = Number.NEGATIVE_INFINITY;
  #slowReadAtMs = Number.NEGATIVE_INFINITY;
  #quarantine: QuarantineRecord[] = [];
  #verifications: VerificationRecord[] = [];
  #beforeSweep: { sweep: number; scanned: number } | undefined;
  #position: SamplePosition = { epoch: 0, number: 0 };
  #heard: { at: string; atMs: number } | undefined;
  #last: Snapshot | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Repeats looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onSnapshot } = this.#options;
    while (!signal.aborted) {
      try {
        this.#last = await this.look();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onUnreadable?.(error);
        this.#last = this.#last && { ...this.#last, unreadable: this.#unreadable(this.#last, error) };
      }
      if (this.#last) onSnapshot(this.#last);
      await clock.sleep(LOOK_INTERVAL_MS, signal);
    }
  }

  /**
   * Takes one look.
   * @throws what made the control table unreadable.
   */
  async look(): Promise<Snapshot> {
    const { clock } = this.#options;
    if (!this.#begun) await this.#begin();
    const records = await this.#read();
    const now = clock.monotonicMs();
    const at = clock.nowIso();
    const nowMs = Date.parse(at);
    const ages = this.#ages.look(records.tasks, now, nowMs);
    this.#trail.add(countersForRate(records), now);
    const rate = this.#trail.rate();
    this.#remember(records, at, rate);
    return compose(records, {
      nowMs,
      ages,
      rate,
      history: this.#history,
      scannedBefore: this.#beforeSweep?.sweep === records.run.sweep ? this.#beforeSweep.scanned : undefined,
      orchestratorAgeMs: this.#heard ? Math.max(0, now - this.#heard.atMs) : null,
    });
  }

  async #begin(): Promise<void> {
    const { stores, runId: run } = this.#options;
    const samples = await stores.samples.list(run);
    this.#history.addSamples(samples);
    this.#beforeSweep = sweepStart(samples);
    this.#begun = true;
  }

  async #read(): Promise<Records> {
    const { stores, clock, runId: id } = this.#options;
    const run = await stores.runs.read(id);
    if (!run) throw new Error(`the record of run ${id} is gone`);
    const now = clock.monotonicMs();
    const everyMs = (run.totalSegments / SEGMENTS_A_SECOND) * 1_000;
    const [tasks, segments, verificationProgress] = await Promise.all([
      stores.tasks.list(id),
      now - this.#segmentsReadAtMs >= everyMs ? stores.segments.list(id) : this.#segments,
      stores.samples.verifications(id),
    ]);
    if (segments !== this.#segments) this.#segmentsReadAtMs = now;
    this.#segments = segments;
    const sweepBegan = this.#last && run.sweep > this.#last.run.sweep;
    const proofDue = verificationProgress.length > this.#verifications.length;
    if (sweepBegan || proofDue || now - this.#slowReadAtMs >= SLOW_INTERVAL_MS)
      await this.#readSlow(id, run.epoch, now);
    return {
      run,
      segments,
      tasks,
      quarantine: this.#quarantine,
      verifications: this.#verifications,
      verificationProgress,
    };
  }

  async #readSlow(run: string, epoch: number, now: number): Promise<void> {
    const { stores, clock } = this.#options;
    if (epoch !== this.#position.epoch) this.#position = { epoch, number: 0 };
    const [quarantine, verifications, youngest] = await Promise.all([
      stores.quarantine.list(run),
      stores.runs.verifications(run),
      stores.samples.youngest(run, this.#position),
    ]);
    this.#quarantine = quarantine;
    this.#verifications = verifications;
    this.#slowReadAtMs = now;
    if (!youngest) return;
    this.#position = youngest.position;
    if (this.#heard?.at === youngest.at) return;
    const before = this.#heard ? 0 : Math.max(0, Date.parse(clock.nowIso()) - Date.parse(youngest.at));
    this.#heard = { at: youngest.at, atMs: clock.monotonicMs() - before };
  }

  #remember(records: Records, at: string, rate: ReturnType<RateTrail['rate']>): void {
    const { run, segments, tasks } = records;
    const counters = countersForRate(records);
    if (this.#last && run.sweep > this.#last.run.sweep) {
      this.#beforeSweep = { sweep: run.sweep, scanned: this.#last.counters.scanned };
    }
    const { count, reason } = this.#throttles.take(tasks);
    // The history of a run stops at its end. The history of a run that ended earlier comes only from its stored
    // samples.
    if (run.finishedAt !== undefined && this.#last?.run.finishedAt === run.finishedAt) return;
    if (run.finishedAt !== undefined && this.#last === undefined) return;
    this.#history.addLook(
      {
        at,
        status: run.status,
        pass: run.pass,
        budget: run.rates,
        ...(run.cut && { cut: run.cut }),
        tasks: tasksInAuthority(tasks),
        segmentsComplete: segmentStates(run, segments).complete,
        counters,
        throttled: count,
        ...(reason !== undefined && { throttledReason: reason }),
      },
      rate,
    );
  }

  #unreadable(last: Snapshot, error: unknown): Snapshot['unreadable'] {
    return {
      since: last.unreadable?.since ?? this.#options.clock.nowIso(),
      message: `The control table cannot be read: ${describeError(error)}`,
    };
  }
}
