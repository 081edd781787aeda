import type { Argv } from 'yargs';

/** A wrong option or value. The message is one line for people. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * The strict rules of all demo commands: no unknown option, no option twice, no argument without an option, and a
 * {@link UsageError} instead of yargs's help page on stderr.
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
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .fail((message, error) => {
      throw error instanceof UsageError
        ? error
        : new UsageError(firstLine(message ?? error?.message ?? 'The options are not valid.'));
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
  const range = to === Number.MAX_SAFE_INTEGER ? `of ${from} or more` : `from ${from} to ${to}`;
  throw new UsageError(`--${name} must be a whole number ${range}.`);
}

/** An error's message on one line. An error for several addresses of a host has no message of its own. */
export function oneLine(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return oneLine(error.errors[0]);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\s+/g, ' ').trim();
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/**
 * Turns off the SDK's notice about future Node versions. The notice is for maintainers and would appear above the one
 * line for the operator.
 */
export function silenceSdkAdvice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
