import type { AttributeValue, ScanCommandInput } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { type ItemWrite, itemProjection } from '../../core/item-write.ts';
import type { IndexKey, KeySchema, KeyType } from '../../core/records.ts';
import { isMissing } from '../../core/write-rule.ts';
import { canBeKey } from '../user-table/index-keys.ts';

/** What a verification finds in one item. */
export interface Judgement {
  readonly missing: boolean;
  /** An attribute is NULL. */
  readonly isNull: boolean;
  /** An attribute has a value that its index cannot hold as a key. */
  readonly notIndexed: boolean;
}

type SubjectScan = Pick<
  ScanCommandInput,
  'ProjectionExpression' | 'FilterExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
>;

/**
 * What a verification looks for: the attributes to read, the items that the engine may leave out of its answer, and how
 * to judge the others.
 */
export interface VerificationSubject {
  /**
   * Two subjects with the same name judge every item alike. A checkpoint with another subject's name cannot be used.
   */
  readonly name: string;
  readonly scan: SubjectScan;
  readonly judge: (item: AttributeMap) => Judgement;
  /** An attribute besides the key that is kept of each missing item. */
  readonly keeps?: string | undefined;
}

export interface SubjectOptions {
  /** Another attribute to read of items that are missing. */
  readonly alsoRead?: string | undefined;
  /** The indexes of which an attribute of the subject is a key. */
  readonly indexKeys?: readonly IndexKey[] | undefined;
}

/**
 * Looks for items that lack an attribute. The engine returns only their keys, and the attribute where it is NULL or
 * where no index can hold it.
 */
export function lacksAttribute(
  keySchema: KeySchema,
  attribute: string,
  { alsoRead, indexKeys = [] }: SubjectOptions = {},
): VerificationSubject {
  const names = new Set(keySchema.map(({ name }) => name));
  if (alsoRead !== undefined && alsoRead !== attribute) names.add(alsoRead);
  const keyNames = [...names].map((name, index): [string, string] => [`#k${index}`, name]);
  return {
    name: nameOf({ lacks: attribute, alsoRead: alsoRead ?? null }, indexKeys),
    scan: {
      ProjectionExpression: [...keyNames.map(([placeholder]) => placeholder), '#a'].join(', '),
      ExpressionAttributeNames: { '#a': attribute, ...Object.fromEntries(keyNames) },
      ...filterOf([['#a', attribute]], indexKeys),
    },
    judge: item => ({
      missing: !Object.hasOwn(item, attribute),
      isNull: item[attribute]?.NULL === true,
      notIndexed: isNotIndexed(item, indexKeys),
    }),
    keeps: alsoRead,
  };
}

/**
 * Looks for items in scope that lack a target, by evaluating the rule itself.
 * @param name of the rule; two rules with the same name judge every item alike
 */
export function missesByRule(
  write: Pick<ItemWrite, 'keySchema' | 'rule'>,
  name: string,
  { alsoRead, indexKeys = [] }: SubjectOptions = {},
): VerificationSubject {
  const projection = itemProjection(write, alsoRead === undefined ? [] : [alsoRead]);
  const targets = Object.entries(projection.ExpressionAttributeNames).filter(([, name]) =>
    write.rule.targets.includes(name),
  );
  // A value counts only in an item that the run would write if the item lacked it.
  const isInScopeWithout = (item: AttributeMap, target: string) => {
    const { [target]: _, ...rest } = item;
    return isMissing(write.rule.decide(rest));
  };
  return {
    name: nameOf({ rule: name, alsoRead: alsoRead ?? null }, indexKeys),
    scan: { ...projection, ...filterOf(targets, indexKeys) },
    judge: item => ({
      missing: isMissing(write.rule.decide(item)),
      isNull: write.rule.targets.some(target => item[target]?.NULL && isInScopeWithout(item, target)),
      notIndexed: indexKeys.some(key => isNotIndexed(item, [key]) && isInScopeWithout(item, key.name)),
    }),
    keeps: alsoRead,
  };
}

function nameOf(question: object, indexKeys: readonly IndexKey[]): string {
  return JSON.stringify({ ...question, ...(indexKeys.length > 0 && { indexKeys }) });
}

/** An item that lacks the attribute counts as missing only. */
function isNotIndexed(item: AttributeMap, indexKeys: readonly IndexKey[]): boolean {
  return indexKeys.some(key => {
    const value = item[key.name];
    return value !== undefined && !canBeKey(value, key);
  });
}

/** The smallest non-empty values. Only an empty value is smaller, and DynamoDB might refuse an empty operand. */
const LEAST: Partial<Record<KeyType, AttributeValue>> = { S: { S: '\0' }, B: { B: Uint8Array.of(0) } };

/**
 * Finds items that lack a target, and items whose target is NULL or has a value that its index cannot hold.
 * @param targets with the placeholder of each
 */
function filterOf(
  targets: readonly (readonly [placeholder: string, target: string])[],
  indexKeys: readonly IndexKey[],
): Required<Pick<SubjectScan, 'FilterExpression' | 'ExpressionAttributeValues'>> {
  const values: Record<string, AttributeValue> = { ':null': { S: 'NULL' } };
  const conditions = targets.flatMap(([placeholder, target]) => [
    `attribute_not_exists(${placeholder}) OR attribute_type(${placeholder}, :null)`,
    ...indexKeys
      .filter(({ name }) => name === target)
      .slice(0, 1)
      .flatMap(({ type }) => {
        values[`:type${type}`] = { S: type };
        const isOther = `NOT attribute_type(${placeholder}, :type${type})`;
        const least = LEAST[type];
        if (!least) return [isOther];
        values[`:least${type}`] = least;
        return [isOther, `${placeholder} < :least${type}`];
      }),
  ]);
  return { FilterExpression: conditions.join(' OR '), ExpressionAttributeValues: values };
}
