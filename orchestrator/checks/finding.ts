import { describeError } from '../../core/errors.ts';

/**
 * What one check found. A failure refuses a run, or would stop its tasks; a warning is only reported. `message` says
 * what was found, `means` what follows from it, and `advice` what to do.
 */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'failure';
  readonly message: string;
  readonly means?: string;
  readonly advice?: string;
  /** A question that the endpoint cannot answer or that this role may not ask, and why. */
  readonly unanswered?: { readonly what: string; readonly because: string };
}

type Words = Pick<Finding, 'message' | 'means' | 'advice'>;

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message };
}

export function warning(check: string, words: Words): Finding {
  return { check, level: 'warning', ...words };
}

export function failure(check: string, words: Words): Finding {
  return { check, level: 'failure', ...words };
}

/** A question without an answer becomes a warning, because its subject stays unknown. */
export function unanswered(check: string, what: string, error: unknown): Finding {
  const because = reasonOf(error);
  const advice = adviceFor(error);
  return {
    ...warning(check, {
      message: `This check could not find out ${what}: ${because}`,
      ...(advice && { advice }),
    }),
    unanswered: { what, because },
  };
}

/** @returns the reply, or a warning if there is none. */
export async function ask<T extends object>(
  check: string,
  what: string,
  question: () => Promise<T>,
): Promise<{ readonly reply: T } | { readonly finding: Finding }> {
  try {
    return { reply: await question() };
  } catch (error) {
    return { finding: unanswered(check, what, error) };
  }
}

/**
 * Returns the findings of `check`, or a warning if its questions get no answer. If an error is an answer in itself,
 * `explain` turns it into a finding.
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
    return [explained ?? unanswered(check, what, error)];
  }
}

/** A finding as text for people. */
export function wordsOf({ message, means, advice }: Finding): string {
  return [message, means, advice].filter(part => part !== undefined).join(' ');
}

/** The findings of one level as lines. Questions that failed for the same reason share one line. */
export function linesOf(findings: readonly Finding[], level: Finding['level']): string[] {
  const chosen = findings.filter(finding => finding.level === level);
  const open = new Map<string, string[]>();
  for (const { unanswered: question } of chosen) {
    if (question) open.set(question.because, [...(open.get(question.because) ?? []), question.what]);
  }
  return [
    ...chosen.filter(finding => !finding.unanswered).map(wordsOf),
    ...[...open].map(
      ([because, questions]) => `The checks could not find out ${questions.join(', or ')}: ${because}`,
    ),
  ];
}

/** Another service behind this endpoint answers with long text that the client cannot parse. */
function reasonOf(error: unknown): string {
  const unreadable = error instanceof Error && /Deserialization error/.test(error.message);
  return unreadable
    ? 'Something answers at that endpoint, but it is not that service.'
    : describeError(error);
}

function adviceFor(error: unknown): string | undefined {
  const denied =
    error instanceof Error && /AccessDenied|UnauthorizedOperation|NotAuthorized/.test(error.name);
  return denied
    ? "Attach the stack's OperatorPolicy to your role. It allows every check of doctor."
    : undefined;
}
