/**
 * A refusal as sent to the client: `__type`, `message`, and the members of the error's own shape. Anything else that is
 * thrown while a request is served is our own fault and becomes HTTP 500.
 */
export class WireError extends Error {
  readonly type: string;
  readonly status: number;
  readonly members: Readonly<Record<string, unknown>>;

  /**
   * @param type name of the error's shape in the service's API model
   * @param options.status HTTP status; 400 by default
   */
  constructor(
    type: string,
    message: string,
    options: ErrorOptions & { readonly status?: number; readonly members?: Record<string, unknown> } = {},
  ) {
    super(message, options);
    this.name = type;
    this.type = type;
    this.status = options.status ?? 400;
    this.members = options.members ?? {};
  }
}
