import { encodeAttributeMap } from '../../core/attribute-value.ts';
import type { VerificationFindings } from '../../core/records.ts';
import type { Standing } from '../../core/undo/item-removal.ts';
import { identityOf, type LoggedChunk, type LoggedValue } from '../../core/undo/log-reader.ts';
import type { VerificationPosition } from '../../core/verification-store.ts';

/** The most keys that are kept for the report. */
export const MOST_KEYS = 1_000;

/** An item of the control table has at most 400 KB, and each checkpoint pays for its whole size. */
const MOST_NAMED_BYTES = 200_000;

/** The chunk and the number of its values after which reading continues. */
interface Place {
  readonly chunk: string;
  readonly values: number;
}

/**
 * How far the verification of an undo is in one segment of the log, and what it has found so far. The log of an ended
 * run does not change, so a chunk's name and a number of values are enough to continue.
 */
export class LogSegment {
  readonly segment: number;
  readonly counts: Record<Standing, number> = { ours: 0, changed: 0, removed: 0, deleted: 0 };
  readonly ours: string[] = [];
  /** By identity: values that the run may have set and that the items still have. */
  readonly unknown = new Map<string, string>();
  read = 0;
  readUnits = 0;
  #done = false;
  #sequence = 0;
  #namedBytes = 0;
  #place: Place | undefined;
  #behind: boolean;

  constructor(segment: number, position?: VerificationPosition) {
    this.segment = segment;
    if (position) this.#goOnFrom(position);
    this.#behind = this.#place === undefined;
  }

  get done(): boolean {
    return this.#done;
  }

  /** How many values of this chunk an earlier supervisor has read; undefined if it read all of them. */
  looked({ name }: LoggedChunk): number | undefined {
    if (this.#behind) return 0;
    if (this.#place?.chunk !== name) return undefined;
    this.#behind = true;
    return this.#place.values;
  }

  add(value: LoggedValue, known: boolean, standing: Standing): void {
    this.read += 1;
    if (known) this.counts[standing] += 1;
    if (standing !== 'ours') return;
    const key = encodeAttributeMap(value.key);
    if (!known) this.#name(identityOf(value), key);
    else if (this.ours.length < MOST_KEYS) {
      this.ours.push(key);
      this.#namedBytes += key.length;
    }
  }

  /**
   * @returns the checkpoint for this place. It is undefined if the named keys do not fit into an item of the control
   * table; after a crash, everything from here on is then read again.
   */
  position(chunk: string, values: number, at: string): VerificationPosition | undefined {
    this.#place = { chunk, values };
    this.#sequence += 1;
    return this.#position(JSON.stringify(this.#place), false, at);
  }

  /** @throws RangeError when the chunk to continue after no longer exists. */
  end(at: string): VerificationPosition | undefined {
    if (!this.#behind) throw new RangeError(`The undo log has no chunk ${this.#place?.chunk} any more.`);
    this.#done = true;
    this.#sequence += 1;
    return this.#position(undefined, true, at);
  }

  #name(identity: string, key: string): void {
    if (this.unknown.has(identity)) return;
    this.unknown.set(identity, key);
    this.#namedBytes += identity.length + key.length;
  }

  #goOnFrom({ sequence, done, lastEvaluatedKey, findings }: VerificationPosition): void {
    const { removed = 0, changed = 0, deleted = 0, unknown = [] } = findings.log ?? {};
    Object.assign(this.counts, { ours: findings.missing, removed, changed, deleted });
    this.ours.push(...findings.open);
    for (const [identity, key] of unknown) this.#name(identity, key);
    this.#namedBytes += findings.open.reduce((sum, key) => sum + key.length, 0);
    this.read = findings.scanned;
    this.readUnits = findings.readUnits;
    this.#sequence = sequence;
    this.#done = done;
    this.#place = lastEvaluatedKey === undefined ? undefined : (JSON.parse(lastEvaluatedKey) as Place);
  }

  #position(lastEvaluatedKey: string | undefined, done: boolean, at: string) {
    if (this.#namedBytes > MOST_NAMED_BYTES) return undefined;
    const { ours, removed, changed, deleted } = this.counts;
    const findings: VerificationFindings = {
      ...{ scanned: this.read, missing: ours, quarantined: 0, nulls: 0, readUnits: this.readUnits },
      ...{ open: this.ours, sample: [] },
      log: { removed, changed, deleted, unknown: [...this.unknown] },
    };
    return { segment: this.segment, sequence: this.#sequence, lastEvaluatedKey, done, findings, at };
  }
}
