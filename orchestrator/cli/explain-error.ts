import { describeError } from '../../core/errors.ts';
import { EXIT, exitCodeOfError } from './exit-codes.ts';

/** An error as people read it at the end of a command. */
export function explainError(error: unknown, debug: boolean): string {
  if (debug && error instanceof Error) return error.stack ?? String(error);
  const internal = exitCodeOfError(error) === EXIT.internal;
  return internal ? `Internal error: ${describeError(error)}\nMore with --debug.` : describeError(error);
}
