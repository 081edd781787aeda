import type { ScanCommandInput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import type { KeySchema } from '../../core/records.ts';

/** What a page's item is to a verification. */
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
  };
}
