import { openSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { ReadStream, WriteStream } from 'node:tty';
import { NotConfirmedError } from '../../core/errors.ts';
import { sameCommand } from './next-command.ts';

/** A terminal on which a person can be asked. */
interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly close: () => void;
}

/**
 * Asks on the terminal for the names of table, account and Region, so that nobody confirms out of habit.
 * @throws NotConfirmedError when the answer differs, or there is no terminal.
 */
export async function confirm(table: string, answer: string, signal: AbortSignal): Promise<void> {
  const terminal = openTerminal();
  if (!terminal) {
    throw new NotConfirmedError(
      `This run writes to ${table}, and there is no terminal to ask for confirmation. If you mean it, type:\n  ${sameCommand(['--yes'])}`,
    );
  }
  const lines = createInterface(terminal);
  try {
    const given = await lines.question(`To begin, type ${answer}: `, { signal }).catch((cause: unknown) => {
      // Ctrl-C or Ctrl-D was the answer. The signal may also be the operator's.
      throw new NotConfirmedError('\nNot confirmed. Nothing was written.', { cause });
    });
    if (given.trim() !== answer)
      throw new NotConfirmedError(`Not confirmed: "${given.trim()}" is not ${answer}. Nothing was written.`);
  } finally {
    lines.close();
    terminal.close();
  }
}

/**
 * A person who types at a terminal can be asked wherever the output goes. With `2>&1 | tee run.log`, the question
 * appears on the terminal itself.
 */
function openTerminal(): Terminal | undefined {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return undefined;
  if (stderr.isTTY) return { input: stdin, output: stderr, close: () => {} };
  try {
    const input = new ReadStream(openSync('/dev/tty', 'r'));
    const output = new WriteStream(openSync('/dev/tty', 'w'));
    const close = () => {
      input.destroy();
      output.destroy();
    };
    return { input, output, close };
  } catch {
    return undefined;
  }
}
