/**
 * Every error that the project raises on purpose. `code` is stable and appears in logs and events; the exit
 * code of the orchestrator is decided from it once, in orchestrator/cli/exit-codes.ts.
 */
export class FleetfillError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What a person or the orchestrator passed in is not usable: an option, a value, an environment variable. */
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

/** Another unfinished run holds the table. */
export class TableLockedError extends FleetfillError {
  readonly holder: string;
  /** The holder's control table, its starter and its start, where that is another control table. */
  readonly elsewhere:
    | { readonly controlTable: string; readonly holder: string; readonly at: string }
    | undefined;

  constructor(holder: string, message: string, elsewhere?: TableLockedError['elsewhere']) {
    super('TableLocked', message);
    this.holder = holder;
    this.elsewhere = elsewhere;
  }
}

/** Another orchestrator has taken this run's supervision over; this one must leave without another write. */
export class SupersededError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Superseded', message, options);
  }
}

/** The record of a run was written by a later version, and this one would not know what it reads. */
export class UnknownFormatError extends PreflightError {
  constructor(run: string, format: unknown, known: number) {
    super(
      `Run ${run} was begun by a later version of Fleetfill. Its record has format ${format}, and this version reads format ` +
        `${known}. Use that version. For tasks, name its image in the stack (ImageUri).`,
    );
  }
}

/** Someone has cancelled the run; nobody may go on with it. */
export class RunCancelledError extends ConfigurationError {}

/** This launch no longer owns its task record or a segment; whatever it would write next is not its to write. */
export class AuthorityLostError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('AuthorityLost', message, options);
  }
}

/** Something that retrying cannot mend and that holds for every item: no permission, no table, unknown. */
export class SystemicError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Systemic', message, options);
  }
}

/** AWS has not accepted the credentials for so long that it is believed. */
export class CredentialsError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Credentials', message, options);
  }
}

/** A service has not answered for so long that whoever asked must know. */
export class UnreachableError extends FleetfillError {
  constructor(message: string, options?: ErrorOptions) {
    super('Unreachable', message, options);
  }
}

/** One line for a log or a message: the name says more than the text alone. */
export function describeError(error: unknown): string {
  if (error instanceof FleetfillError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
