import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import type { KeySchema } from '../../core/records.ts';
import { encodeChunks } from '../../core/undo/chunk.ts';

/** A page holds about as many items as a worker writes in this time, and at most 1 MB: see job/scan-stage.ts. */
const PAGE_SECONDS = 3;
const PAGE_BYTES = 1_024 * 1_024;

/** An active segment records its outcomes once in this time: see core/undo/log-writer.ts. */
const OUTCOME_SECONDS = 2;

/** The names, keys and numbers in a chunk's item, besides its data. */
const CHUNK_OVERHEAD_BYTES = 150;

/** Assumed size of a key that was not sampled: a GUID, a timestamp and some overhead. */
const UNKNOWN_KEY_BYTES = 30;

const WRITE_UNIT_BYTES = 1_024;

export interface UndoLogQuestion {
  readonly keySchema: KeySchema;
  /** Keys from the sample; empty without a sample. */
  readonly keys: readonly AttributeMap[];
  /** Sampled values of each computed target. */
  readonly values: readonly (readonly AttributeValue[])[];
  readonly itemBytes: number;
  /** Write units of one write to the user's table. */
  readonly writeUnitsPerItem: number;
  /** The rate of one task, in write units a second. */
  readonly taskUnitsPerSecond: number;
  /** Write units of all writes of the run to the user's table. */
  readonly writeUnits: number;
}

export interface UndoLogCost {
  readonly bytesPerItem: number;
  /** Write units of the control table. */
  readonly writeUnits: number;
  /** The log's write units divided by those of the run's writes. */
  readonly share: number;
}

/** The cost of the undo log at the chosen rate. It encodes the sampled keys and values as the log itself does. */
export function undoLogCost(question: UndoLogQuestion): UndoLogCost {
  const { keySchema, keys, values, itemBytes, writeUnitsPerItem, taskUnitsPerSecond, writeUnits } = question;
  const itemsPerSecond = taskUnitsPerSecond / Math.max(1, writeUnitsPerItem);
  const pageItems = Math.max(
    1,
    Math.min(itemsPerSecond * PAGE_SECONDS, PAGE_BYTES / Math.max(1, itemBytes || PAGE_BYTES)),
  );
  const computed = values.filter(({ length }) => length > 0);
  const some = keys
    .slice(0, Math.ceil(pageItems))
    .map((key, index) => ({ key, values: computed.map(known => known[index % known.length]) }));
  const targets = computed.map((_, index) => ({ name: `${index}` }));
  const encoded = encodeChunks({ keySchema, targets }, some);
  const bytesPerItem =
    some.length === 0
      ? UNKNOWN_KEY_BYTES
      : encoded.reduce((sum, { data }) => sum + data.length, 0) / some.length;
  const chunkUnits = Math.ceil((pageItems * bytesPerItem + CHUNK_OVERHEAD_BYTES) / WRITE_UNIT_BYTES);
  const outcomeUnits = pageItems / Math.max(itemsPerSecond, 1e-9) / OUTCOME_SECONDS;
  const share = (chunkUnits + outcomeUnits) / (pageItems * Math.max(1, writeUnitsPerItem));
  return { bytesPerItem, writeUnits: writeUnits * share, share };
}
