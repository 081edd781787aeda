import type { ScanCommandInput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, itemProjection, lackingFilter } from '../../core/item-write.ts';
import type { KeySchema } from '../../core/records.ts';
import { isMissing } from '../../core/write-rule.ts';

/** What one item of a page means to a verification. */
export type Judgement = 'missing' | 'null' | 'present';

/**
 * What a verification looks for: which part of the items it reads, which of them the engine need not return, and what
 * each of the others is.
 */
export interface VerificationSubject {
  /** Two subjects with one name judge every item alike: a checkpoint of another one is worth nothing. */
  readonly name: string;
  readonly scan: Pick<
    ScanCommandInput,
    'ProjectionExpression' | 'FilterExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
  >;
  readonly judge: (item: AttributeMap) => Judgement;
  /** An attribute beside the key that is kept of a missing item. */
  readonly keeps?: string | undefined;
}

/**
 * Items that lack an attribute. Only keys travel, and the attribute where it is NULL.
 * @param alsoRead another attribute to bring along, where an item lacks the one that is looked for
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
 * Items that a rule would have something to write for, by the rule itself: those in scope that lack a target.
 * @param name of the rule; two rules of one name judge every item alike
 * @param alsoRead another attribute to bring along
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
