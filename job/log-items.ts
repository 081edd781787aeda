import type { LogEntry } from '../core/undo/chunk.ts';
import type { UndoLogWriter } from '../core/undo/log-writer.ts';
import type { WorkItem } from './write-queue.ts';

/**
 * Puts what is about to be written into the undo log, if the run keeps one, and gives each item its entry. An item
 * without values has no entry until its values are computed.
 * @throws as UndoLogWriter.put
 */
export async function logItems(
  undoLog: UndoLogWriter | undefined,
  segment: number,
  items: readonly WorkItem[],
  signal: AbortSignal,
): Promise<void> {
  if (!undoLog) return;
  const written: WorkItem[] = [];
  const entries: LogEntry[] = [];
  for (const item of items) {
    if (!item.assignment) continue;
    written.push(item);
    entries.push(undoLog.entryOf(item.key, item.assignment.set));
  }
  if (entries.length === 0) return;
  const references = await undoLog.put(segment, entries, signal);
  for (const [index, item] of written.entries()) {
    item.entry = references[index];
    item.unanswered = false;
  }
}
