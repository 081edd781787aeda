import type { AttributeValue, TableDescription } from '@aws-sdk/client-dynamodb';
import type { IndexKey } from '../../core/records.ts';
import { bytesOf, indexKeysOf, isEmpty, LONGEST_KEY_BYTES } from '../user-table/index-keys.ts';
import { type Finding, failure, ok, warning } from './finding.ts';
import type { Target } from './written-values.ts';

const CHECK = 'index-values';

/**
 * A key with this share of the items counts as hot, because one partition takes only 1,000 write units a second
 * [developer guide].
 */
const HOT_SHARE = 0.1;

/**
 * Checks computed values as keys of indexes. DynamoDB refuses a write if the value is empty, too long or of another
 * type than the key. Accepted values fill the index, which costs money.
 */
export function indexValueFindings(targets: readonly Target[], description: TableDescription): Finding[] {
  return targets.flatMap(({ name, values }) =>
    values.length === 0 ? [] : indexKeysOf(description, name).flatMap(key => findingsOf(key, values)),
  );
}

function findingsOf(key: IndexKey, values: readonly AttributeValue[]): Finding[] {
  const what = `"${key.name}" is the ${key.kind === 'HASH' ? 'partition' : 'sort'} key of the index ${key.index}, of type ${key.type}`;
  const bad = {
    'of another type': values.filter(value => value[key.type] === undefined).length,
    empty: values.filter(isEmpty).length,
    [`longer than ${LONGEST_KEY_BYTES[key.kind]} bytes`]: values.filter(
      value => bytesOf(value) > LONGEST_KEY_BYTES[key.kind],
    ).length,
  };
  const problems = Object.entries(bad).filter(([, items]) => items > 0);
  if (problems.length > 0) {
    const counts = problems
      .map(([problem, items]) => `${items} of ${values.length} are ${problem}`)
      .join(', ');
    return [
      failure(CHECK, {
        message: `${what}. Of the values computed for the sample, ${counts}.`,
        means: 'DynamoDB would refuse these writes, and the items would go into quarantine.',
        advice: 'Change the expression, or exclude such items with --where.',
      }),
    ];
  }
  const fills =
    'Every item that has all keys of the index enters the index. The index grows, and you pay for each of these writes there too.';
  if (key.kind !== 'HASH')
    return [ok(CHECK, `${what}, and the values computed for the sample fit it. ${fills}`)];
  const [text = '', share = 0] = hottestOf(values);
  const words = {
    message: `${what}. Of the values computed for the sample, ${Math.round(share * 100)} % are ${text}.`,
    means: `${fills} One key accepts 1,000 write units a second, so this key would slow down the run and the table.`,
    advice: 'Build the key so that no value is so frequent, or keep --max-write-rate low.',
  };
  return [
    share > HOT_SHARE && values.length >= 10
      ? warning(CHECK, words)
      : ok(CHECK, `${what}. Its most frequent value is ${Math.round(share * 100)} % of the sample. ${fills}`),
  ];
}

function hottestOf(values: readonly AttributeValue[]): [string, number] {
  const counts = new Map<string, number>();
  for (const value of values) {
    const text = JSON.stringify(value.B ? { B: Buffer.from(value.B).toString('base64') } : value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [text, items] = [...counts].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0]);
  return [text, items / values.length];
}
