import { type Finding, failure, ok, warning } from './finding.ts';
import type { Target } from './written-values.ts';

const CHECK = 'ttl-values';

/** Epoch seconds reach this value in the year 5138; epoch milliseconds reached it in 1973. */
const MILLISECONDS_FROM = 100_000_000_000;

/** DynamoDB never deletes items that expired longer ago than this [developer guide, time to live: formatting]. */
const TOO_OLD_SECONDS = 5 * 365 * 86_400;

/** Names that people give to a time-to-live attribute, even before they enable time to live. */
const MEANS_EXPIRY = /ttl|expir|time_?to_?live/i;

export interface ComputedExpiryQuestion {
  readonly ttlAttribute: string | undefined;
  readonly allowExpiry: boolean;
  readonly nowMs: number;
}

/** Says what happens if a computed target is a time to live, from the values computed for the sample. */
export function computedExpiryFindings(
  targets: readonly Target[],
  { ttlAttribute, allowExpiry, nowMs }: ComputedExpiryQuestion,
): Finding[] {
  return targets.flatMap(({ name, values }) => {
    const isOn = name === ttlAttribute;
    if (values.length === 0 || !(isOn || MEANS_EXPIRY.test(name))) return [];
    const what = isOn ? `"${name}" is the time-to-live attribute` : `"${name}" is named like a time to live`;
    const share = (items: number) => `${items} of the ${values.length} values computed for the sample`;
    const refuse = isOn ? failure : warning;
    const numbers = values.flatMap(value => (value.N === undefined ? [] : [Number(value.N)]));
    const others = values.length - numbers.length;
    if (others > 0) {
      return [
        refuse(CHECK, {
          message: `${what}; ${share(others)} are not numbers.`,
          means: 'Such an item never expires.',
          advice: 'Compute the seconds since 1970 as an int, as in created / 1000 + 90 * 24 * 3600.',
        }),
      ];
    }
    const milliseconds = numbers.filter(number => number >= MILLISECONDS_FROM);
    if (milliseconds.length > 0) {
      return [
        failure(CHECK, {
          message: `${what}; ${share(milliseconds.length)} look like milliseconds, for instance ${milliseconds[0]}.`,
          means:
            'DynamoDB reads them as seconds, thousands of years from now, so such an item never expires.',
          advice: 'Divide by 1000 in the expression.',
        }),
      ];
    }
    const ages = numbers.map(number => nowMs / 1_000 - number);
    const expired = ages.filter(age => age > 0 && age <= TOO_OLD_SECONDS).length;
    const tooOld = ages.filter(age => age > TOO_OLD_SECONDS).length;
    const found: Finding[] = [];
    if (expired > 0) {
      const words = {
        message: `${what}; ${share(expired)} are already in the past.`,
        means: isOn
          ? 'DynamoDB would start to delete these items within minutes.'
          : 'DynamoDB deletes these items once time to live is switched on.',
      };
      found.push(
        allowExpiry
          ? warning(CHECK, words)
          : refuse(CHECK, { ...words, advice: 'If DynamoDB should delete these items: --allow-expiry.' }),
      );
    }
    if (tooOld > 0) {
      found.push(
        warning(CHECK, {
          message: `${what}; ${share(tooOld)} are more than five years ago.`,
          means: 'DynamoDB deletes nothing that expired so long ago: such an item stays.',
        }),
      );
    }
    if (found.length > 0) return found;
    const [first, last] = [
      numbers.reduce((a, b) => Math.min(a, b)),
      numbers.reduce((a, b) => Math.max(a, b)),
    ];
    return [
      ok(
        CHECK,
        `${what}; the values computed for the sample lie between ${dateOf(first)} and ${dateOf(last)}.`,
      ),
    ];
  });
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 10);
}
