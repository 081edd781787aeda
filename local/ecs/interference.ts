import type { WireError } from '../wire/error.ts';
import type { RunTaskRequest } from './requests.ts';

/** An entry of `failures` in a reply that is otherwise a success. */
interface Failure {
  readonly arn?: string;
  readonly reason: string;
  readonly detail?: string;
}

/**
 * What a test can make of a RunTask call: refuse it with an error, answer it with failures and no task, or place the
 * task and stop it before its container starts, with `failToStart` as its stoppedReason.
 */
type RunTaskInterference =
  | { readonly error: WireError }
  | { readonly failures: readonly Failure[] }
  | { readonly failToStart: string }
  | undefined;

export type BeforeRunTask = (request: RunTaskRequest) => RunTaskInterference | Promise<RunTaskInterference>;
