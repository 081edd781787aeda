import type { SampleRecord } from '../../core/sample-store.ts';
import type { HistoryPoint, RateView } from './snapshot.ts';
import { cutRates } from './traffic-cut.ts';

/** Throttling that returns within this time belongs to the same episode. */
const EPISODE_GAP_MS = 15_000;

/**
 * Over a shorter time, a rate would jump with each checkpoint and seem to exceed a budget that was kept. Samples of an
 * old run are about ten seconds apart, or slightly less.
 */
const RATE_OVER_MS = 9_500;

/** Samples of a run's first hour are closer than this. Across a longer gap, only the average rate is known. */
const GAP_MS = 60_000;

/** A page that stays open for hours keeps this many points, one second apart. Of older points it keeps every tenth. */
const MOST_FINE_POINTS = 1_800;
const THINNING = 10;

export interface ThrottlingEpisode {
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly reason: string;
}

/** From this time on the fleet used this part of its budget, for this reason. */
export interface CutChange {
  readonly at: string;
  readonly factor: number;
  readonly reason: string;
}

/** What is known of a moment besides its rate. */
export type Moment = Pick<
  SampleRecord,
  | 'at'
  | 'status'
  | 'pass'
  | 'budget'
  | 'cut'
  | 'tasks'
  | 'segmentsComplete'
  | 'counters'
  | 'throttled'
  | 'throttledReason'
>;

/** The history of a run: first the supervisor's stored samples, then what this reader saw. */
export class History {
  readonly #points: HistoryPoint[] = [];
  readonly #episodes: ThrottlingEpisode[] = [];
  readonly #cuts: CutChange[] = [];
  readonly #passes: { pass: number; at: string }[] = [];
  #samples: readonly SampleRecord[] = [];
  #seen = 0;

  get points(): readonly HistoryPoint[] {
    return this.#points;
  }

  get throttling(): readonly ThrottlingEpisode[] {
    return this.#episodes;
  }

  /** Each time live traffic changed the part of the budget that the fleet may use. */
  get cuts(): readonly CutChange[] {
    return this.#cuts;
  }

  /** When this history first saw each pass after the first. */
  get passes(): readonly { readonly pass: number; readonly at: string }[] {
    return this.#passes;
  }

  /** Takes the stored samples, oldest first. A rate is the difference between two samples. */
  addSamples(samples: readonly SampleRecord[]): void {
    this.#samples = samples;
    for (const [index, sample] of samples.entries()) {
      this.#follow(sample);
      const before = samples[index - 1];
      const rate = this.#rateAt(index);
      if (before && Date.parse(sample.at) - Date.parse(before.at) > GAP_MS) {
        const at = new Date(Date.parse(before.at) + 1_000).toISOString();
        this.#add({ ...before, at, throttled: 0 }, rate);
      }
      this.#add(sample, rate);
    }
  }

  /** The rate since the previous sample, or since an older one if samples are close together. */
  #rateAt(index: number): { write: number; read: number } | null {
    const sample = this.#samples[index];
    let from = index - 1;
    while (from > 0 && this.#msBetween(from, index) < RATE_OVER_MS) from -= 1;
    const start = this.#samples[from];
    const elapsedMs = this.#msBetween(from, index);
    if (!sample || !start || elapsedMs <= 0) return null;
    const perSecond = (since: number, until: number) => (Math.max(0, until - since) / elapsedMs) * 1_000;
    return {
      write: perSecond(start.counters.writeUnits, sample.counters.writeUnits),
      read: perSecond(start.counters.readUnits, sample.counters.readUnits),
    };
  }

  #msBetween(from: number, to: number): number {
    return Date.parse(this.#samples[to]?.at ?? '') - Date.parse(this.#samples[from]?.at ?? '');
  }

  /** Takes what this reader has just read, with the rate over the last seconds. */
  addLook(moment: Moment, rate: RateView | null): void {
    this.#follow(moment);
    // The first look has no rate yet. Without a point for it, the line joins the stored samples to the next look.
    if (!rate && this.#points.length > 0) return;
    this.#add(moment, rate && { write: rate.writeUnitsPerSecond, read: rate.readUnitsPerSecond });
    this.#seen += 1;
    if (this.#seen > MOST_FINE_POINTS) this.#thin();
  }

  #add(moment: Moment, rate: { write: number; read: number } | null): void {
    const t = Date.parse(moment.at) / 1_000;
    if (t <= (this.#points.at(-1)?.t ?? 0)) return;
    const budget = cutRates(moment.budget, moment.cut);
    this.#points.push({
      t,
      write: rate && round(rate.write),
      read: rate && round(rate.read),
      budgetWrite: budget.writeUnitsPerSecond,
      budgetRead: budget.readUnitsPerSecond,
      tasks: moment.tasks,
      complete: moment.segmentsComplete,
      scanned: moment.counters.scanned,
      throttled: moment.throttled,
      verifying: moment.status === 'verifying',
    });
    if (moment.throttled > 0) this.#throttled(moment);
  }

  #follow({ at, pass, cut }: Moment): void {
    const factor = cut?.factor ?? 1;
    if (factor !== (this.#cuts.at(-1)?.factor ?? 1))
      this.#cuts.push({ at, factor, reason: cut?.reason ?? '' });
    if (pass > (this.#passes.at(-1)?.pass ?? 1)) this.#passes.push({ pass, at });
  }

  #throttled({ at, throttled, throttledReason = 'no reason given' }: Moment): void {
    const open = this.#episodes.at(-1);
    if (open && Date.parse(at) - Date.parse(open.to) <= EPISODE_GAP_MS) {
      this.#episodes[this.#episodes.length - 1] = { ...open, to: at, count: open.count + throttled };
    } else this.#episodes.push({ from: at, to: at, count: throttled, reason: throttledReason });
  }

  #thin(): void {
    const from = this.#points.length - this.#seen;
    const old = this.#points.splice(from, MOST_FINE_POINTS / 2);
    this.#points.splice(from, 0, ...merged(old));
    this.#seen -= MOST_FINE_POINTS / 2;
  }
}

/** Keeps one of ten points and adds up the throttling of all ten. */
function merged(points: readonly HistoryPoint[]): HistoryPoint[] {
  const kept: HistoryPoint[] = [];
  for (let from = 0; from < points.length; from += THINNING) {
    const group = points.slice(from, from + THINNING);
    const last = group.at(-1);
    if (last) kept.push({ ...last, throttled: group.reduce((sum, { throttled }) => sum + throttled, 0) });
  }
  return kept;
}

function round(rate: number): number {
  return Math.round(rate * 10) / 10;
}
