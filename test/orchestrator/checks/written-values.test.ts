import type { AttributeValue, TableDescription } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AttributeMap, parseJsonValue } from '../../../core/attribute-value.ts';
import { ACCEPTABLE } from '../../../orchestrator/acceptable.ts';
import {
  accepting,
  indexKeyFindings,
  sampleFindings,
  type Target,
  valueFindings,
} from '../../../orchestrator/checks/written-values.ts';
import { AttributesSeen } from '../../../orchestrator/user-table/attributes-seen.ts';

const target = (name: string, json: string): Target => ({ name, values: [parseJsonValue(json)] });

function seen(...items: AttributeMap[]): AttributesSeen {
  const attributes = new AttributesSeen();
  for (const item of items) attributes.add(item);
  return attributes;
}

const times = (count: number, item: AttributeMap) => Array.from({ length: count }, () => item);
const checksOf = (findings: readonly { check: string; level: string }[]) =>
  findings.map(({ check, level }) => `${check} ${level}`);

describe('a value in DynamoDB JSON', () => {
  test.each([
    ['{"N":"1"}', '--value 1'],
    ['{"S":"none"}', `--value '"none"'`],
    ['{"S":"42"}', '--value 42'],
    ['{"BOOL":false}', '--value false'],
    ['{"NULL":true}', '--value true'],
    ['{"SS":["a","b"]}', 'without its type'],
    ['{"L":[{"S":"a"}]}', 'without its type'],
    ['{"M":{"a":{"S":"x"}}}', 'without its type'],
    ['{"B":"AQE="}', '--value'],
  ])('%s is refused, with how to write it', (json, advice) => {
    const [finding] = valueFindings([target('test', json)]);
    expect(finding).toMatchObject({ check: 'dynamodb-json', level: 'failure' });
    expect(finding?.advice).toContain(advice);
  });

  test.each([
    '1',
    '"N"',
    '{}',
    '{"N":"1","S":"a"}',
    '{"n":"1"}',
    '{"lang":"de"}',
    '{"M":1}',
    '{"BOOL":"yes"}',
    '{"SS":"a"}',
    '[{"N":"1"}]',
    'null',
  ])('%s is taken as it is', json => {
    expect(valueFindings([target('test', json)])).toEqual([]);
  });

  test('only a map with one member is taken for DynamoDB JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
        fc.pre(!isMap && JSON.stringify(value).length < 200);
        let given: AttributeValue;
        try {
          given = parseJsonValue(JSON.stringify(value));
        } catch {
          return;
        }
        expect(valueFindings([{ name: 'test', values: [given] }])).toEqual([]);
      }),
    );
  });
});

describe('a name with a dot', () => {
  const item: AttributeMap = {
    id: { S: 'a' },
    settings: { M: { lang: { S: 'de' } } },
    list: { L: [] },
    note: { S: 'x' },
  };

  test.each(['settings.theme', 'list[0]'])(
    '%s is a warning when the sample has the map or list that the name seems to point into',
    name => {
      const findings = sampleFindings([target(name, '"dark"')], seen(item, item));
      expect(checksOf(findings)).toEqual(['dotted-name warning']);
      expect(findings[0]?.message).toContain('top-level attribute');
      expect(findings[0]?.means).toContain('2 items');
    },
  );

  test.each(['other.theme', 'note.theme'])(
    '%s is a warning even when nothing of that name is a map or list',
    name => {
      expect(checksOf(sampleFindings([target(name, '"dark"')], seen(item)))).toEqual(['dotted-name warning']);
    },
  );

  test.each(['settings', 'theme', '.hidden', '[0]'])('%s is no such name', name => {
    expect(sampleFindings([{ name, values: [] }], seen(item))).toEqual([]);
  });
});

describe('an attribute that exists with another type', () => {
  test('is a warning, with the number of items of each type', () => {
    const attributes = seen(
      ...times(3, { test: { S: '1' } }),
      { test: { BOOL: true } },
      ...times(9, { id: { S: 'a' } }),
    );
    const findings = sampleFindings([target('test', '1')], attributes);
    expect(checksOf(findings)).toEqual(['other-type warning']);
    expect(findings[0]?.message).toBe(
      '"test" would be N, and is S in 3 items, BOOL in 1 items of the sample.',
    );
  });

  test.each([
    ['the same type', { test: { N: '2' } }],
    ['NULL, which the plan tells by itself', { test: { NULL: true } }],
    ['not there', { id: { S: 'a' } }],
  ])('is no matter when it is %s', (_, item) => {
    expect(sampleFindings([target('test', '1')], seen(item as AttributeMap))).toEqual([]);
  });
});

describe('items that a client library has signed', () => {
  test.each(['aws_dbe_head', 'aws_dbe_foot', '*amzn-ddb-map-desc*', '*amzn-ddb-map-sig*'])(
    '%s refuses the run',
    name => {
      const findings = sampleFindings(
        [target('test', '1')],
        seen({ id: { S: 'a' }, [name]: { B: new Uint8Array([1]) } }),
      );
      expect(checksOf(findings)).toEqual(['signed-items failure']);
    },
  );
});

describe('a key of an index', () => {
  const description: TableDescription = {
    AttributeDefinitions: [{ AttributeName: 'email', AttributeType: 'S' }],
    GlobalSecondaryIndexes: [
      { IndexName: 'by-email', KeySchema: [{ AttributeName: 'email', KeyType: 'HASH' }] },
      { IndexName: 'by-name', KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }] },
    ],
  };

  test('counts the items that no index can hold: NULL, empty, and of another type', () => {
    const attributes = seen(
      ...times(20, { email: { NULL: true } }),
      ...times(19, { email: { S: '' } }),
      ...times(18, { email: { N: '1' } }),
      ...times(5, { email: { S: 'a@b.example' } }),
    );
    const findings = indexKeyFindings([target('email', '"none"')], description, attributes);
    expect(checksOf(findings)).toEqual(['index-key warning']);
    expect(findings[0]?.message).toContain('NULL in 20, N in 18, empty in 19 items');
    expect(findings[0]?.means).toContain('"verified" does not cover them');
  });

  test('says nothing when every item can be in the index, or when the attribute is no key', () => {
    const good = seen({ email: { S: 'a@b.example' }, test: { NULL: true } });
    expect(indexKeyFindings([target('email', '"none"')], description, good)).toEqual([]);
    expect(indexKeyFindings([target('test', '1')], description, good)).toEqual([]);
  });
});

describe('accepting', () => {
  const failure = (check: string) => ({ check, level: 'failure' as const, message: 'm', advice: 'a' });

  test('turns only the named failure into a warning', () => {
    for (const check of ACCEPTABLE) {
      expect(accepting([failure(check), failure('pitr')], [check])).toEqual([
        { check, level: 'warning', message: 'm' },
        failure('pitr'),
      ]);
    }
  });

  test('does not accept what cannot be accepted', () => {
    expect(accepting([failure('pitr')], ['pitr'])).toEqual([failure('pitr')]);
  });
});
