import { createInterface } from 'node:readline/promises';
import { NotConfirmedError } from '../../core/errors.ts';
import { sameCommand } from './next-command.ts';

/**
 * Asks on the terminal for the table, account and Region by name, so that nobody confirms out of habit.
 * @throws NotConfirmedError when the answer is another one, or there is no terminal to ask on.
 */
export async function confirm(table: string, answer: string, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new NotConfirmedError(
      `This run writes to ${table}, and there is no terminal to confirm it. If that is meant:\n  ${sameCommand(['--yes'])}`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const given = await terminal
      .question(`To begin, type ${answer}: `, { signal })
      .catch((cause: unknown) => {
        // Ctrl-C or Ctrl-D instead of an answer; the signal is the operator's as well.
        throw new NotConfirmedError('\nNot confirmed. Nothing was written.', { cause });
      });
    if (given.trim() !== answer)
      throw new NotConfirmedError(`Not confirmed: "${given.trim()}" is not ${answer}. Nothing was written.`);
  } finally {
    terminal.close();
  }
}
