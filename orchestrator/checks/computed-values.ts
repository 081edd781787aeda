import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { AttributesSeen } from '../user-table/attributes-seen.ts';
import type { ComputedSample } from '../user-table/computed-sample.ts';
import { type ComputedExpiryQuestion, computedExpiryFindings } from './computed-expiry.ts';
import { type Finding, failure, ok, warning } from './finding.ts';
import { indexValueFindings } from './index-keys.ts';
import type { Target } from './written-values.ts';

export interface ComputedValuesQuestion extends ComputedExpiryQuestion {
  readonly description: TableDescription;
}

/**
 * Checks the values that the recipe computes for the sample: whether they can be written, and what they would cause.
 */
export function computedValueFindings(
  targets: readonly Target[],
  computed: ComputedSample,
  question: ComputedValuesQuestion,
): Finding[] {
  return [
    ...scopeFindings(computed),
    ...computedExpiryFindings(targets, question),
    ...indexValueFindings(targets, question.description),
  ];
}

/** Clients of Amplify DataStore notice a change only by the version, which Amplify's resolvers increment. */
export function amplifyFindings(attributes: AttributesSeen): Finding[] {
  if (!['_version', '_lastChangedAt'].every(name => attributes.has(name))) return [];
  return [
    warning('amplify', {
      message: 'Items of the sample have _version and _lastChangedAt, as Amplify DataStore keeps them.',
      means:
        'DataStore clients do not see a change that bypasses the AppSync resolvers until the item changes again.',
      advice: 'If clients must see the attribute soon, write through AppSync instead.',
    }),
  ];
}

function scopeFindings({ inScope, outOfScope, notComputable, reasons }: ComputedSample): Finding[] {
  const lacking = inScope + outOfScope;
  if (lacking === 0) return [];
  if (inScope === 0) {
    return [
      warning('scope', {
        message: `None of the ${lacking} items of the sample that lack a target is in scope.`,
        means: 'A run would find little or nothing to write.',
        advice: 'Check --where, and the names and types of the attributes that it compares.',
      }),
    ];
  }
  if (notComputable === 0) {
    return [
      ok('scope', `The values can be computed for each of the ${inScope} items of the sample in scope.`),
    ];
  }
  const [example] = reasons;
  const words = {
    message:
      `${notComputable} of the ${inScope} items of the sample in scope cannot be computed, for instance ` +
      `${example?.key}: ${example?.reason}.`,
    means: 'Such an item goes into quarantine with the reason, and still lacks the targets.',
    advice: 'Exclude them with --where, or let the expression handle them, as in has(item.a) ? item.a : "".',
  };
  return [notComputable === inScope ? failure('scope', words) : warning('scope', words)];
}
