import { ConfigurationError } from '../errors.ts';

/** A place in an expression, and what is wrong there. */
export class ExpressionError extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** The message for people: the option, what is wrong, the line of the expression, and a caret under the place. */
export function expressionProblem(option: string, expression: string, error: ExpressionError) {
  const offset = Math.min(Math.max(0, error.offset), expression.length);
  const start = expression.lastIndexOf('\n', offset - 1) + 1;
  const end = expression.indexOf('\n', offset);
  const line = expression.slice(start, end < 0 ? undefined : end);
  const before = line.slice(0, offset - start).replace(/[^\t]/gu, ' ');
  return new ConfigurationError(`${option}: ${error.message}\n  ${line}\n  ${before}^`);
}
