/**
 * The base of every error that the project raises on purpose. `code` is stable and appears in logs and events.
 * orchestrator/cli/exit-codes.ts decides the exit code of the orchestrator from it.
 */
export class FleetfillError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Input of a person or of the orchestrator cannot be used: an option, a value, an environment variable. */
export class ConfigurationError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Configuration', message, options);
  }
}

/** The table, the control table or the fleet is not in a state in which a run may begin. */
export class PreflightError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Preflight', message, options);
  }
}

/** A run that writes was not confirmed. */
export class NotConfirmedError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('NotConfirmed', message, options);
  }
}

/** Another unfinished run, or a retry of a run's quarantine, holds the table. */
export class TableLockedError extends FleetfillError {
  /** The run that holds the table, or whose quarantine is being retried. */
  readonly holder: string;
  /** A retry of that run's quarantine holds the table. The run itself has ended. */
  readonly retry: boolean;
  /** The holder's control table, who started it and when, if it is another control table. */
  readonly elsewhere:
    | { readonly controlTable: string; readonly holder: string; readonly at: string }
    | undefined;

  constructor(
    holder: string,
    message: string,
    { retry = false, elsewhere }: Partial<Pick<TableLockedError, 'retry' | 'elsewhere'>> = {},
  ) {
    super('TableLocked', message);
    this.holder = holder;
    this.retry = retry;
    this.elsewhere = elsewhere;
  }
}

/** Another orchestrator has taken over supervision of this run. This one must leave and not write again. */
export class SupersededError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Superseded', message, options);
  }
}

/** A later version wrote the record of the run, so this version cannot read it safely. */
export class UnknownFormatError extends PreflightError {
  constructor(run: string, format: unknown, known: number) {
    super(
      `Run ${run} was begun by a later version of Fleetfill. Its record has format ${format}, and this version reads format ` +
        `${known}. Use that version. For tasks, name its image in the stack (ImageUri).`,
    );
  }
}

/** Someone has cancelled the run; it cannot be continued. */
export class RunCancelledError extends ConfigurationError {}

/** This launch no longer owns its task record or a segment. It must not write again. */
export class AuthorityLostError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('AuthorityLost', message, options);
  }
}

/** An error that concerns every item and that retrying cannot fix: no permission, no table, or an unknown error. */
export class SystemicError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Systemic', message, options);
  }
}

/** AWS has rejected the credentials for so long that this is believed. */
export class CredentialsError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Credentials', message, options);
  }
}

/** A service has not answered for so long that the caller must be told. */
export class UnreachableError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Unreachable', message, options);
  }
}

/** An error as one line for a log or a message. For foreign errors it includes the name. */
export function describeError(error: unknown): string {
  if (error instanceof FleetfillError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
