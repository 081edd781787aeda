import { randomUUID } from 'node:crypto';
import { askControlTable } from '../../core/ask-control-table.ts';
import type { Clock } from '../../core/clock.ts';
import type { CurrentVerification, RunRecord, VerificationFindings } from '../../core/records.ts';
import type { Supervision } from '../../core/run-store.ts';
import type { VerificationReader } from '../../core/verification-store.ts';
import type { Stores } from '../stores.ts';
import type { EndPhase } from './end-phase.ts';
import type { VerificationCheckpoints } from './verification.ts';

/** A verification that paused longer than this begins again, because nobody knows what was written meanwhile. */
const LONGEST_PAUSE_MS = 3_600_000;

/** The part of the reading that a crash may cost. */
export const MOST_UNSAVED_PART = 1 / 100;
const UNSAVED_PART = 1 / 200;

/** Never less than this many units, because with smaller pages rounding would cost too much. */
const LEAST_UNSAVED_UNITS = 4;

/**
 * Read units that may be in flight, or read and not saved, for a table of this many units. Smaller pages lose less in a
 * crash but cost more, because DynamoDB rounds each page up by half a unit on average. Assuming five crashes, the total
 * is lowest for small tables at the square root of a tenth of the table's units [d/dp (U / 2p + 5p) = 0].
 */
export function mostUnsavedUnits(unitsOfTable: number): number {
  const cheapest = Math.min(unitsOfTable * MOST_UNSAVED_PART, Math.sqrt(unitsOfTable / 10));
  return Math.max(LEAST_UNSAVED_UNITS, unitsOfTable * UNSAVED_PART, cheapest);
}

export interface VerificationOptions {
  readonly stores: Stores;
  readonly supervision: Supervision;
  readonly clock: Clock;
}

/**
 * Records the verification to continue, or a new one, in the run's record and returns it; undefined if the run must
 * pause or stop. `subject` names what the verification looks for. A verification with another subject cannot be
 * continued.
 */
export async function beginVerification(
  run: RunRecord,
  subject: string,
  totalSegments: number,
  { stores, supervision, clock }: VerificationOptions,
): Promise<CurrentVerification | undefined> {
  const at = clock.nowIso();
  const fresh: CurrentVerification = {
    id: `${String(run.pass).padStart(4, '0')}-${randomUUID().slice(0, 8)}`,
    pass: run.pass,
    totalSegments,
    subject,
    startedAt: at,
    activeAt: at,
  };
  const record = await stores.runs.supervise(supervision, now => {
    if (now.desired !== 'run') return undefined;
    const current = now.verification;
    const goesOn = current !== undefined && mayGoOn(current, now, subject, at);
    return { status: 'verifying', verification: goesOn ? { ...current, activeAt: at } : fresh };
  });
  return record.desired === 'run' ? record.verification : undefined;
}

/** Whether the pages that an earlier supervisor read still count. */
function mayGoOn(
  { pass, subject, startedAt, activeAt }: CurrentVerification,
  run: Pick<RunRecord, 'pass' | 'deployedAt'>,
  wanted: string,
  at: string,
): boolean {
  if (pass !== run.pass || subject !== wanted) return false;
  if (run.deployedAt !== undefined && Date.parse(run.deployedAt) > Date.parse(startedAt)) return false;
  return Date.parse(at) - Date.parse(activeAt) <= LONGEST_PAUSE_MS;
}

/** The checkpoints of every segment in the control table. They retry until the control table answers. */
export function checkpointsOf(
  reader: VerificationReader,
  { stores, clock }: Pick<VerificationOptions, 'stores' | 'clock'>,
  signal: AbortSignal,
  onClaimed: (segment: number, findings: VerificationFindings, done: boolean) => void,
): VerificationCheckpoints {
  const asking = { clock, signal, patienceMs: Number.POSITIVE_INFINITY };
  return {
    claim: async segment => {
      const claimed = await askControlTable(asking, () => stores.verifications.claim(reader, segment));
      const { sequence, findings, lastEvaluatedKey, done = false, at = '' } = claimed;
      if (sequence === undefined || findings === undefined) return undefined;
      onClaimed(segment, findings, done);
      return { segment, sequence, findings, lastEvaluatedKey, done, at };
    },
    save: position => askControlTable(asking, () => stores.verifications.save(reader, position)),
  };
}

/** Counts and saves what all supervisors of one verification have read. */
export class VerificationCount {
  readonly #id: string;
  readonly #phase: Pick<EndPhase, 'count'>;
  readonly #countedBefore: number;
  #before = 0;
  #here = 0;

  constructor(id: string, { counted }: Pick<RunRecord, 'counted'>, phase: Pick<EndPhase, 'count'>) {
    this.#id = id;
    this.#phase = phase;
    this.#countedBefore = counted?.id === id ? counted.counters.readUnits : 0;
  }

  /** Adds what the checkpoints of an earlier supervisor say. */
  readBefore(readUnits: number): void {
    this.#before += readUnits;
  }

  read(readUnits: number): void {
    this.#here += readUnits;
    this.tell();
  }

  tell(): void {
    // Pages that were counted count even if their checkpoint was lost, because they were read and paid for.
    this.#phase.count(this.#id, { readUnits: Math.max(this.#countedBefore, this.#before) + this.#here });
  }
}
