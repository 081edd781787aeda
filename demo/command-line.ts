import type { Argv } from 'yargs';

/** A wrong option or value. The message is one line for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * What the demo's commands have in common: nothing unknown, nothing twice, nothing beside the options; and a
 * {@link UsageError} instead of yargs's own page of help on stderr.
 */
export function strictOptions<Options>(parser: Argv<Options>): Argv<Options> {
  return parser
    .check(argv => {
      const [surplus] = argv['_'] as (string | number)[];
      if (surplus !== undefined) throw new UsageError(`Unknown argument: ${surplus}`);
      const twice = Object.entries(argv).find(([name, value]) => name !== '_' && Array.isArray(value));
      if (twice !== undefined) throw new UsageError(`--${twice[0]} is given twice.`);
      return true;
    })
    .strict()
    .version(false)
    .help()
    .wrap(110)
    .fail((message, error) => {
      throw error instanceof UsageError
        ? error
        : new UsageError(firstLine(message ?? error?.message ?? 'Wrong options.'));
    });
}

/** @throws UsageError unless the value of `--name` is a whole number in the range. */
export function requireWholeNumber(
  name: string,
  value: number,
  from: number,
  to = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return;
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from} on` : `from ${from} to ${to}`;
  throw new UsageError(`--${name} must be a whole number ${range}.`);
}

/** What an error says, on one line; one for several addresses of a host says nothing by itself. */
export function oneLine(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return oneLine(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\s+/g, ' ').trim();
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/**
 * Turns off the SDK's advice about coming versions of Node. It is meant for who maintains this repository, and
 * would stand above the one line that an operator is to read.
 */
export function silenceSdkAdvice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
