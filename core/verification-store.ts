import type { ControlTable } from './control-table.ts';
import { SupersededError } from './errors.ts';
import { fromItem } from './record-item.ts';
import {
  VERIFICATION_CHECKPOINT_PREFIX,
  type VerificationCheckpoint,
  type VerificationFindings,
  verificationCheckpointItem,
} from './records.ts';

const NO_LATER_SUPERVISOR = 'attribute_not_exists(#epoch) OR #epoch < :epoch OR #epoch = :epoch';
const SAME_EPOCH = '#epoch = :epoch';
const LATER_SEQUENCE = 'attribute_not_exists(#sequence) OR #sequence < :sequence';

/** The supervisor that reads a segment of a verification. */
export interface VerificationReader {
  readonly runId: string;
  /** The id of the verification. */
  readonly id: string;
  readonly epoch: number;
}

/** How far a segment is. Without a key, and if not done, it starts from its beginning. */
export interface VerificationPosition {
  readonly segment: number;
  readonly sequence: number;
  readonly lastEvaluatedKey: string | undefined;
  readonly done: boolean;
  readonly findings: VerificationFindings;
  readonly at: string;
}

/**
 * Checkpoints of a verification, one item for each of its segments.
 *
 * The sort key contains the id. So a verification that began again has its own items, and a process that still writes
 * to the old ones changes nothing. Within one verification, a supervisor claims a segment and reads its progress in the
 * same write. From then on, every other supervisor is refused:
 *
 *     supervisor A (epoch 1)   claim ── page ── save 1 ── page ── (frozen) ────────────────────── save 2 ✗ leaves
 *     supervisor B (epoch 2)                                     claim: epoch 2, save 1 ── page ── save 2 ✓
 *
 * The sequence keeps a delayed or repeated save from taking the segment back.
 */
export class VerificationStore {
  readonly #table: ControlTable;

  constructor(table: ControlTable) {
    this.#table = table;
  }

  /** @throws SupersededError when a later supervisor reads the segment. */
  async claim(
    { runId: run, id, epoch }: VerificationReader,
    segment: number,
  ): Promise<VerificationCheckpoint> {
    const outcome = await this.#table.update(
      { run, item: verificationCheckpointItem(id, segment) },
      { set: { id, segment, epoch } },
      [NO_LATER_SUPERVISOR],
      { epoch },
    );
    if (outcome.refused) throw superseded(run);
    return fromItem<VerificationCheckpoint>(outcome.item);
  }

  /** @throws SupersededError when a later supervisor reads the segment. */
  async save({ runId: run, id, epoch }: VerificationReader, position: VerificationPosition): Promise<void> {
    const { segment, lastEvaluatedKey, ...rest } = position;
    const outcome = await this.#table.update(
      { run, item: verificationCheckpointItem(id, segment) },
      {
        set: { ...rest, lastEvaluatedKey },
        ...(lastEvaluatedKey === undefined && { remove: ['lastEvaluatedKey'] }),
      },
      [SAME_EPOCH, LATER_SEQUENCE],
      { epoch, sequence: position.sequence },
    );
    if (!outcome.refused) return;
    const existing = outcome.existing && fromItem<VerificationCheckpoint>(outcome.existing);
    // The reply to the first try was lost: the write is this supervisor's own.
    if (existing?.epoch === epoch && (existing.sequence ?? 0) >= position.sequence) return;
    throw superseded(run);
  }

  async list(run: string, id: string): Promise<VerificationCheckpoint[]> {
    return (await this.#table.query(run, `${VERIFICATION_CHECKPOINT_PREFIX}${id}#`)).map(
      fromItem<VerificationCheckpoint>,
    );
  }
}

function superseded(run: string): SupersededError {
  return new SupersededError(`Another orchestrator took over run ${run}.`);
}
