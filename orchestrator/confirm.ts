import { createInterface } from 'node:readline/promises';
import { NotConfirmedError } from '../core/errors.ts';

/**
 * Asks on the terminal for the table, account and Region by name, so that nobody confirms out of habit.
 * @throws NotConfirmedError when the answer is another one, or there is no terminal to ask on.
 */
export async function confirm(table: string, answer: string, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new NotConfirmedError(
      `This run writes to ${table}, and there is no terminal to confirm it. If that is meant:\n  ${commandLine(['--yes'])}`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const given = await terminal.question(`To begin, type ${answer}: `, { signal });
    if (given.trim() !== answer)
      throw new NotConfirmedError(`Not confirmed: "${given.trim()}" is not ${answer}. Nothing was written.`);
  } finally {
    terminal.close();
  }
}

/** The present command, for a shell, with more words after it. */
export function commandLine(more: readonly string[]): string {
  return ['orchestrate', ...process.argv.slice(2), ...more].map(quoteForShell).join(' ');
}

export function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
