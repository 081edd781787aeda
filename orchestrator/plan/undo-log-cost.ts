import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import type { KeySchema } from '../../core/records.ts';
import { encodeChunks } from '../../core/undo/chunk.ts';

/** A page is what a worker writes in about this time, and 1 MB at most: see job/scan-stage.ts. */
const PAGE_SECONDS = 3;
const PAGE_BYTES = 1_024 * 1_024;

/** Outcomes of an active segment are recorded once in this time: see core/undo/log-writer.ts. */
const OUTCOME_SECONDS = 2;

/** Names, keys and numbers of a chunk's item beside its data. */
const CHUNK_OVERHEAD_BYTES = 150;

/** An item whose keys are not known: a GUID, a time, and a little. */
const UNKNOWN_KEY_BYTES = 30;

const WRITE_UNIT_BYTES = 1_024;

export interface UndoLogQuestion {
  readonly keySchema: KeySchema;
  /** Keys from the sample; none when there was no sample. */
  readonly keys: readonly AttributeMap[];
  /** For each target that is computed, values from the sample. */
  readonly values: readonly (readonly AttributeValue[])[];
  readonly itemBytes: number;
  /** Write units of one write to the table. */
  readonly writeUnitsPerItem: number;
  /** Of one task, write units a second. */
  readonly taskUnitsPerSecond: number;
  /** Write units of all writes of the run. */
  readonly writeUnits: number;
}

export interface UndoLogCost {
  readonly bytesPerItem: number;
  /** To the control table. */
  readonly writeUnits: number;
  /** Of the writes' own units. */
  readonly share: number;
}

/** What the undo log takes at the chosen rate, by its own encoding of what the sample holds. */
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
