import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Whether a task reports that the reply to a write did not come in time. Such a write may have taken effect. If it did,
 * its repetition is refused, and the tool counts the item as already set.
 *
 * @param directory the stack's log directory, with a file of JSON lines for each task
 */
export async function lostReplies(directory: string): Promise<boolean> {
  for (const name of await readdir(directory).catch(() => [])) {
    const lines = (await readFile(join(directory, name), 'utf8')).split('\n');
    if (lines.some(tellsOfLostReply)) return true;
  }
  return false;
}

/** In the words of core/rate/patience.ts, as job/trouble.ts logs them. */
function tellsOfLostReply(line: string): boolean {
  return line.includes('"slowed down"') && line.includes('"no reply to a write within ');
}
