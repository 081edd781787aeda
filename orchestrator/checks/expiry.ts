import { type Finding, failure, ok, warning } from './finding.ts';
import type { Target } from './written-values.ts';

const CHECK = 'ttl';

/** The check whose findings rest on the attribute's name alone. */
const NAME_CHECK = 'expiry-name';

/** Epoch seconds reach this value in the year 5138; epoch milliseconds reached it in 1973. */
const MILLISECONDS_FROM = 100_000_000_000;

/** DynamoDB never deletes items that expired longer ago than this [developer guide, time to live: formatting]. */
const TOO_OLD_SECONDS = 5 * 365 * 86_400;

/** Names that people give to a time-to-live attribute, even before they enable time to live. */
const MEANS_EXPIRY = /ttl|expir|time_?to_?live/i;

export interface ExpiryQuestion {
  readonly table: string;
  /** The table's time-to-live attribute; undefined if time to live is off. */
  readonly ttlAttribute: string | undefined;
  readonly allowExpiry: boolean;
  readonly nowMs: number;
}

/**
 * Says what happens if a target is an expiry time. DynamoDB reads a value of type N as epoch seconds and deletes the
 * item within days after that time. It ignores values of other types, and times more than five years ago.
 */
export function expiryFindings(targets: readonly Target[], question: ExpiryQuestion): Finding[] {
  const { table, ttlAttribute, allowExpiry, nowMs } = question;
  const findings = targets.flatMap(({ name, values }) => {
    const isOn = name === ttlAttribute;
    if (!isOn && !MEANS_EXPIRY.test(name)) return [];
    const what = isOn
      ? `"${name}" is the time-to-live attribute of ${table}.`
      : `"${name}" is named like a time to live, but time to live is off.`;
    const problem = values.map(value => problemOf(value.N, nowMs)).find(found => found !== undefined);
    if (problem?.kind === 'unreadable') {
      const words = {
        message: `${what} ${problem.words}`,
        means: 'Such an item never expires.',
        advice: problem.advice,
      };
      if (isOn) return [failure(CHECK, words)];
      if (!problem.sure) return [warning(NAME_CHECK, words)];
      const advice = `${words.advice} If it is not a time to live: --accept ${NAME_CHECK}.`;
      return [failure(NAME_CHECK, { ...words, advice })];
    }
    if (problem?.kind === 'expired') {
      const words = {
        message: `${what} ${problem.words}`,
        means: isOn
          ? 'DynamoDB would start to delete every item that gets this value within minutes.'
          : 'When somebody switches time to live on, DynamoDB deletes every item with this value.',
      };
      if (allowExpiry) return [warning(CHECK, words)];
      return [failure(CHECK, { ...words, advice: 'If DynamoDB should delete these items: --allow-expiry.' })];
    }
    if (!isOn) return [];
    const until =
      values[0]?.N === undefined ? '' : ` after ${new Date(Number(values[0].N) * 1_000).toISOString()}`;
    const words = { message: what, means: `DynamoDB deletes the items that get this value${until}.` };
    if (allowExpiry) return [warning(CHECK, words)];
    return [failure(CHECK, { ...words, advice: 'If that is meant: --allow-expiry.' })];
  });
  if (findings.length > 0 || ttlAttribute === undefined) return findings;
  return [
    ok(
      CHECK,
      `Items of ${table} expire by "${ttlAttribute}"; items that expire during the run count as deleted. The run does not change when an item expires.`,
    ),
  ];
}

type Problem =
  | { readonly kind: 'unreadable'; readonly words: string; readonly advice: string; readonly sure: boolean }
  | { readonly kind: 'expired'; readonly words: string };

/** `number`: the value as DynamoDB's decimal text; undefined for any other type. */
function problemOf(number: string | undefined, nowMs: number): Problem | undefined {
  if (number === undefined) {
    return {
      kind: 'unreadable',
      words: 'The value is not a number.',
      advice: 'Give the seconds since 1970, as a number.',
      sure: false,
    };
  }
  const seconds = Number(number);
  if (seconds >= MILLISECONDS_FROM) {
    return {
      kind: 'unreadable',
      words: `${number} looks like milliseconds; DynamoDB reads it as seconds, in the year ${new Date(Math.min(seconds, 8.64e12) * 1_000).getUTCFullYear()}.`,
      advice: `Give seconds: ${Math.floor(seconds / 1_000)}.`,
      sure: true,
    };
  }
  const ageSeconds = nowMs / 1_000 - seconds;
  if (ageSeconds > TOO_OLD_SECONDS) {
    return {
      kind: 'unreadable',
      words: `${number} is more than five years ago.`,
      advice: 'Give a time in the future, in seconds since 1970.',
      sure: false,
    };
  }
  if (ageSeconds > 0) {
    return {
      kind: 'expired',
      words: `${number} is ${new Date(seconds * 1_000).toISOString()}, which is in the past.`,
    };
  }
  return undefined;
}
