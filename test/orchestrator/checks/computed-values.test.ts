import type { AttributeValue, TableDescription } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { compileRecipe } from '../../../core/recipe/compile.ts';
import type { KeySchema } from '../../../core/records.ts';
import { computedExpiryFindings } from '../../../orchestrator/checks/computed-expiry.ts';
import { amplifyFindings, computedValueFindings } from '../../../orchestrator/checks/computed-values.ts';
import type { Finding } from '../../../orchestrator/checks/finding.ts';
import { indexValueFindings } from '../../../orchestrator/checks/index-keys.ts';
import { sourceAttributeFindings } from '../../../orchestrator/checks/source-attributes.ts';
import type { Target } from '../../../orchestrator/checks/written-values.ts';
import { AttributesSeen } from '../../../orchestrator/user-table/attributes-seen.ts';
import { ComputedSample } from '../../../orchestrator/user-table/computed-sample.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW = NOW_MS / 1_000;
const DAY = 86_400;

const target = (name: string, ...values: AttributeValue[]): Target => ({ name, values });
const seconds = (...numbers: number[]): AttributeValue[] => numbers.map(number => ({ N: String(number) }));
const texts = (count: number, of: (index: number) => string): AttributeValue[] =>
  Array.from({ length: count }, (_, index) => ({ S: of(index) }));
const said = ({ level, message, means = '', advice = '' }: Finding) =>
  `${level}: ${message} ${means} ${advice}`;

describe('a computed time to live', () => {
  const ttl = (values: AttributeValue[], { on = true, allowExpiry = false } = {}) =>
    computedExpiryFindings([target('expiresAt', ...values)], {
      ttlAttribute: on ? 'expiresAt' : undefined,
      allowExpiry,
      nowMs: NOW_MS,
    }).map(said);

  test('in milliseconds is refused, whether time to live is on or only the name suggests it', () => {
    const values = seconds(NOW + DAY, NOW_MS + DAY);
    for (const on of [true, false]) {
      expect(ttl(values, { on })).toEqual([
        expect.stringMatching(/^failure: .*1 of the 2 values .* look like milliseconds.*Divide by 1000/),
      ]);
    }
  });

  test('that is over is counted, and refused without --allow-expiry', () => {
    const values = seconds(NOW - DAY, NOW - 2 * DAY, NOW + DAY);
    expect(ttl(values)).toEqual([
      expect.stringMatching(/^failure: .*2 of the 3 values .* are already in the past.*--allow-expiry/),
    ]);
    expect(ttl(values, { allowExpiry: true })).toEqual([expect.stringMatching(/^warning: .*2 of the 3/)]);
    expect(ttl(values, { on: false })).toEqual([expect.stringMatching(/^warning: .*2 of the 3/)]);
  });

  test('of more than five years ago is reported: DynamoDB deletes nothing', () => {
    expect(ttl(seconds(NOW - 6 * 365 * DAY))).toEqual([
      expect.stringMatching(/^warning: .*1 of the 1 values .* more than five years ago/),
    ]);
  });

  test('that is not a number is refused when time to live is on', () => {
    expect(ttl([{ S: '2026-01-01' }])).toEqual([expect.stringMatching(/^failure: .*are not numbers/)]);
    expect(ttl([{ S: '2026-01-01' }], { on: false })).toEqual([expect.stringMatching(/^warning: /)]);
  });

  test('in the future is in order, with its first and last day', () => {
    expect(ttl(seconds(NOW + DAY, NOW + 10 * DAY))).toEqual([
      expect.stringMatching(/^ok: .*between 2026-01-02 and 2026-01-11/),
    ]);
  });

  test('does not concern an attribute of another name', () => {
    const question = { ttlAttribute: 'expiresAt', allowExpiry: false, nowMs: NOW_MS };
    expect(computedExpiryFindings([target('price', ...seconds(NOW_MS))], question)).toEqual([]);
  });
});

describe('computed keys of an index', () => {
  const description: TableDescription = {
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'N' },
      { AttributeName: 'name', AttributeType: 'S' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-pk',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      },
      {
        IndexName: 'by-name',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'name', KeyType: 'RANGE' },
        ],
      },
    ],
  };
  const of = (name: string, ...values: AttributeValue[]) =>
    indexValueFindings([target(name, ...values)], description).map(said);

  test.each([
    ['of another type', 'sk', { S: '7' }, /1 of 1 are of another type/],
    ['empty', 'name', { S: '' }, /1 of 1 are empty/],
    ['too long for a sort key', 'name', { S: 'x'.repeat(1_025) }, /1 of 1 are longer than 1024 bytes/],
    ['too long for a partition key', 'pk', { S: 'ä'.repeat(1_025) }, /1 of 1 are longer than 2048 bytes/],
  ])('%s are refused', (_, name, value, words) => {
    const [finding = ''] = of(name, value);
    expect(finding).toMatch(/^failure: /);
    expect(finding).toMatch(words);
  });

  test.each([
    ['name', 'x'.repeat(1_024)],
    ['pk', 'ä'.repeat(1_024)],
  ])('of exactly the longest are fit: %s', (name, text) => {
    expect(of(name, ...texts(1, () => text))[0]).toMatch(/^ok: /);
  });

  test('are a warning when one of them is hot, and in order when none is', () => {
    const hot = of('pk', ...texts(20, index => (index < 5 ? 'STATUS#OPEN' : `STATUS#${index}`)));
    expect(hot[0]).toMatch(/^warning: .*25 % are \{"S":"STATUS#OPEN"\}.*The index grows/);
    expect(of('pk', ...texts(20, index => `STATUS#${index}`))[0]).toMatch(/^ok: .*5 % of the sample/);
  });
});

describe('the scope of a recipe', () => {
  const keySchema: KeySchema = [{ name: 'id', type: 'S' }];
  const rule = compileRecipe(
    { set: [{ name: 'upper', expression: 'name + "!"' }], where: 'kind == "A"' },
    keySchema,
  );
  const findings = (...items: Record<string, AttributeValue>[]) => {
    const computed = new ComputedSample({ keySchema, rule });
    for (const [index, found] of items.entries()) {
      const item = { id: { S: `id-${index}` }, ...found };
      computed.add(item, rule.decide(item));
    }
    const question = { ttlAttribute: undefined, allowExpiry: false, nowMs: NOW_MS, description: {} };
    return computedValueFindings([target('upper', ...computed.valuesOf('upper'))], computed, question).map(
      said,
    );
  };
  const [a, b, nameless] = [
    { kind: { S: 'A' }, name: { S: 'n' } },
    { kind: { S: 'B' }, name: { S: 'n' } },
    { kind: { S: 'A' } },
  ];

  test('that contains no item is a warning', () => {
    expect(findings(b, b)).toEqual([expect.stringMatching(/^warning: None of the 2 items/)]);
  });

  test('whose values can all be computed is in order', () => {
    expect(findings(a, b)).toEqual([
      expect.stringMatching(/^ok: The values can be computed for each of the 1 items/),
    ]);
  });

  test('with some values that cannot be computed names one; with none that can, it is refused', () => {
    expect(findings(a, nameless)).toEqual([expect.stringMatching(/^warning: 1 of the 2 .*id-1.*name/)]);
    expect(findings(nameless)).toEqual([expect.stringMatching(/^failure: 1 of the 1 /)]);
  });
});

test('items of Amplify DataStore are reported, but one of its two attributes alone is not', () => {
  const seen = (item: Record<string, AttributeValue>) => {
    const attributes = new AttributesSeen();
    attributes.add(item);
    return amplifyFindings(attributes).map(({ level }) => level);
  };
  expect(seen({ _version: { N: '1' }, _lastChangedAt: { N: '1' } })).toEqual(['warning']);
  expect(seen({ _version: { N: '1' } })).toEqual([]);
});

describe('sources of a recipe', () => {
  const KEY: KeySchema = [
    { name: 'id', type: 'S' },
    { name: 'created', type: 'N' },
  ];
  const rule = compileRecipe(
    {
      set: [
        { name: 'expiresAt', expression: 'created / 1000 + days' },
        { name: 'pk', expression: 'profile.email + id' },
      ],
      where: 'kind == "A"',
    },
    KEY,
  );
  const stack = (outputs: Record<string, string>) => ({ name: 'fleet', status: 'CREATE_COMPLETE', outputs });
  const saidOf = (outputs: Record<string, string>) =>
    sourceAttributeFindings(rule, KEY, stack(outputs)).map(said);

  test('that the roles of the stack may not read are refused, all of them, with what to give it', () => {
    expect(saidOf({ Attributes: 'expiresAt,pk', SourceAttributes: 'kind' })).toEqual([
      expect.stringMatching(/^failure: .*"days", "profile".*SourceAttributes=kind,days,profile/),
    ]);
    expect(saidOf({ Attributes: 'expiresAt,pk' })).toEqual([expect.stringMatching(/^failure: .*"kind"/)]);
  });

  test('that they may read are in order, keys always, and another target of the stack too', () => {
    expect(saidOf({ Attributes: 'expiresAt,pk,days', SourceAttributes: 'kind,profile' })).toEqual([
      expect.stringMatching(/^ok: /),
    ]);
  });

  test('are in order where the roles of the stack are not restricted', () => {
    expect(saidOf({ Attributes: 'expiresAt,pk', RestrictAttributes: 'false' })).toEqual([
      expect.stringMatching(/^ok: /),
    ]);
    expect(saidOf({ Attributes: 'expiresAt,pk', RestrictAttributes: 'true' })).toEqual([
      expect.stringMatching(/^failure: /),
    ]);
  });

  test('are not judged without a stack, nor for a constant', () => {
    expect(sourceAttributeFindings(rule, KEY, undefined)).toEqual([]);
    const constant = { sources: [], targets: ['test'] as const };
    expect(sourceAttributeFindings(constant, KEY, stack({ Attributes: 'test' }))).toEqual([]);
  });
});
