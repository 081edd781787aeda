/**
 * A refusal as it goes over the wire: `__type`, `message`, and what the error's own shape adds.
 * Whatever else is thrown while a request is served is a fault of ours and is told as HTTP 500.
 */
export class WireError extends Error {
  readonly type: string;
  readonly status: number;
  readonly members: Readonly<Record<string, unknown>>;

  /**
   * @param type name of the error's shape in the service's API model
   * @param options.status HTTP status, 400 when not given
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
