import type { ScanCommandInput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, itemProjection, lackingFilter } from '../../core/item-write.ts';
import type { KeySchema } from '../../core/records.ts';
import { isMissing } from '../../core/write-rule.ts';

/** What a verification finds in one item. */
export type Judgement = 'missing' | 'null' | 'present';

/**
 * What a verification looks for: the attributes to read, the items that the engine may leave out of its answer, and how
 * to judge the others.
 */
export interface VerificationSubject {
  /**
   * Two subjects with the same name judge every item alike. A checkpoint with another subject's name cannot be used.
   */
  readonly name: string;
  readonly scan: Pick<
    ScanCommandInput,
    'ProjectionExpression' | 'FilterExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
  >;
  readonly judge: (item: AttributeMap) => Judgement;
  /** An attribute besides the key that is kept of each missing item. */
  readonly keeps?: string | undefined;
}

/**
 * Looks for items that lack an attribute. The engine returns only their keys, and the attribute where it is NULL.
 * @param alsoRead another attribute to read of items that lack this one
 */
export function lacksAttribute(
  keySchema: KeySchema,
  attribute: string,
  alsoRead?: string | undefined,
): VerificationSubject {
  const names = new Set(keySchema.map(({ name }) => name));
  if (alsoRead !== undefined && alsoRead !== attribute) names.add(alsoRead);
  const keyNames = [...names].map((name, index): [string, string] => [`#k${index}`, name]);
  return {
    name: JSON.stringify({ lacks: attribute, alsoRead: alsoRead ?? null }),
    scan: {
      ProjectionExpression: [...keyNames.map(([placeholder]) => placeholder), '#a'].join(', '),
      FilterExpression: 'attribute_not_exists(#a) OR attribute_type(#a, :null)',
      ExpressionAttributeNames: { '#a': attribute, ...Object.fromEntries(keyNames) },
      ExpressionAttributeValues: { ':null': { S: 'NULL' } },
    },
    judge: item => (Object.hasOwn(item, attribute) ? 'null' : 'missing'),
    keeps: alsoRead,
  };
}

/**
 * Looks for items in scope that lack a target, by evaluating the rule itself.
 * @param name of the rule; two rules with the same name judge every item alike
 * @param alsoRead another attribute to read
 */
export function missesByRule(
  write: Pick<ItemWrite, 'keySchema' | 'rule'>,
  name: string,
  alsoRead?: string | undefined,
): VerificationSubject {
  const projection = itemProjection(write, alsoRead === undefined ? [] : [alsoRead]);
  return {
    name: JSON.stringify({ rule: name, alsoRead: alsoRead ?? null }),
    scan: lackingFilter(write, projection),
    judge: item => (isMissing(write.rule.decide(item)) ? 'missing' : 'present'),
    keeps: alsoRead,
  };
}
