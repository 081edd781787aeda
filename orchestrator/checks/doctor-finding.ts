import { describeError } from '../../core/errors.ts';

/** What one check found. A failure would stop a run or its tasks; a warning could not be asked, or may be meant. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'failure';
  /** What is, and what it means. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
  /** What could not be asked, and why, where that is the warning. */
  readonly unanswered?: { readonly what: string; readonly because: string };
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message });

export const warning = (check: string, message: string, advice?: string): Finding => ({
  check,
  level: 'warning',
  message,
  ...(advice !== undefined && { advice }),
});

export const failure = (check: string, message: string, advice: string): Finding => ({
  check,
  level: 'failure',
  message,
  advice,
});

/**
 * Findings of questions that an endpoint may be unable to answer, or that this role may not ask: then what they are
 * about is not known, which is a warning. Where the answer is an error that says something, `explain` turns it into
 * a finding.
 */
export async function asking(
  check: string,
  what: string,
  question: () => Promise<readonly Finding[]>,
  explain: (error: Error) => Finding | undefined = () => undefined,
): Promise<readonly Finding[]> {
  try {
    return await question();
  } catch (error) {
    const explained = error instanceof Error ? explain(error) : undefined;
    if (explained) return [explained];
    const unanswered = { what, because: because(error) };
    const words = `Not known: ${what}. ${unanswered.because}`;
    return [{ ...warning(check, words, adviceFor(error)), unanswered }];
  }
}

/** An endpoint of another service answers in a form that the client cannot read, and at length. */
function because(error: unknown): string {
  const unreadable = error instanceof Error && /Deserialization error/.test(error.message);
  return unreadable ? 'The endpoint answers, and not as that service would.' : describeError(error);
}

function adviceFor(error: unknown): string | undefined {
  const denied =
    error instanceof Error && /AccessDenied|UnauthorizedOperation|NotAuthorized/.test(error.name);
  return denied
    ? "Ask with the permissions of the stack's OperatorPolicy, which allows every question of doctor."
    : undefined;
}
