import { describeError } from '../../core/errors.ts';

/**
 * One thing that was looked at. A refusal stops the run, a warning is told. `message` is what was found, `means` what
 * follows from it, `todo` what to do.
 */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'refusal';
  readonly check: string;
  readonly message: string;
  readonly means?: string;
  readonly todo?: string;
  /** A question that the endpoint cannot answer, or that this role may not ask: what, and why. */
  readonly unanswered?: { readonly what: string; readonly because: string };
}

type Words = Pick<Finding, 'message' | 'means' | 'todo'>;

export function ok(check: string, message: string): Finding {
  return { level: 'ok', check, message };
}

export function warning(check: string, words: Words): Finding {
  return { level: 'warning', check, ...words };
}

export function refusal(check: string, words: Words): Finding {
  return { level: 'refusal', check, ...words };
}

export function unanswered(check: string, what: string, because: string): Finding {
  return {
    level: 'warning',
    check,
    message: `It is not known ${what}: ${because}`,
    unanswered: { what, because },
  };
}

/** The reply, or a warning that there is none. */
export async function ask<T extends object>(
  check: string,
  what: string,
  question: () => Promise<T>,
): Promise<{ readonly reply: T } | { readonly finding: Finding }> {
  try {
    return { reply: await question() };
  } catch (error) {
    return { finding: unanswered(check, what, describeError(error)) };
  }
}

/** A finding as people read it. */
export function wordsOf({ message, means, todo }: Finding): string {
  return [message, means, todo].filter(part => part !== undefined).join(' ');
}

/** Findings of one level as lines; what could not be answered for the same reason is one of them. */
export function linesOf(findings: readonly Finding[], level: Finding['level']): string[] {
  const chosen = findings.filter(finding => finding.level === level);
  const open = new Map<string, string[]>();
  for (const { unanswered: question } of chosen) {
    if (question) open.set(question.because, [...(open.get(question.because) ?? []), question.what]);
  }
  return [
    ...chosen.filter(finding => !finding.unanswered).map(wordsOf),
    ...[...open].map(([because, questions]) => `It is not known ${questions.join('; nor ')}: ${because}`),
  ];
}
