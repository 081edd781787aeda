import { expect, test } from 'vitest';
import { diagnose } from '../../../orchestrator/verify/diagnosis.ts';
import { type Item, STUFF_KEY } from '../../support/engine.ts';

const START = '2026-11-24T12:00:00.000Z';
const RUN = { attribute: 'test', keySchema: STUFF_KEY, createdAt: START };

const at = (iso: string) => ({ N: String(Date.parse(iso)) });
const item = (id: string, created: Item[string], more: Item = {}): Item => ({
  id: { S: id },
  created,
  ...more,
});

const BEFORE = '2026-11-24T09:00:00.000Z';
const AFTER = '2026-11-24T12:00:07.000Z';

test('without items it says nothing', () => {
  expect(diagnose(RUN, [])).toBeUndefined();
});

test('items that were created after the start come from code that does not set it', () => {
  const found = diagnose(
    RUN,
    ['a', 'b', 'c'].map(id => item(id, at(AFTER))),
  );
  expect(found).toMatchObject({ createdSince: 3, lost: 0, unknown: 0, since: START });
  expect(found?.words).toMatch(
    /^3 items were created after the start, by code that does not set "test"\. Deploy code that sets it, then run again\. For instance \{"created":\{"N":"\d+"\},"id":\{"S":"a"\}\}\.$/,
  );
});

test('an old item had it when the sweep was complete: a stale writer took it away', () => {
  const found = diagnose(RUN, [item('old', at(BEFORE))]);
  expect(found).toMatchObject({ createdSince: 0, lost: 1 });
  expect(found?.words).toMatch(/^1 item was created before the start and had "test".*stale writer/);
});

test('both kinds are distinguished, each with its own example', () => {
  const found = diagnose(RUN, [item('old', at(BEFORE)), item('new', at(AFTER))]);
  expect(found).toMatchObject({ createdSince: 1, lost: 1 });
  expect(found?.words.split('\n')).toEqual([
    expect.stringContaining('"S":"new"'),
    expect.stringContaining('"S":"old"'),
  ]);
});

test('with a deployment time, items are compared with it', () => {
  const deployedAt = '2026-11-24T08:00:00.000Z';
  const found = diagnose({ ...RUN, deployedAt }, [item('between', at(BEFORE))]);
  expect(found).toMatchObject({ createdSince: 1, lost: 0, since: deployedAt });
  expect(found?.words).toContain(`created after the deployment of ${deployedAt}`);
});

test('the named attribute gives the creation time, in ISO 8601 too', () => {
  const found = diagnose({ ...RUN, createdKey: 'madeAt' }, [item('x', { N: '7' }, { madeAt: { S: AFTER } })]);
  expect(found).toMatchObject({ createdSince: 1, unknown: 0 });
});

test('without any time it names both kinds of code, and how to know next time', () => {
  const found = diagnose(RUN, [item('x', { N: '7' })]);
  expect(found).toMatchObject({ createdSince: 0, lost: 0, unknown: 1 });
  expect(found?.words).toContain('--created-key');
});

test('says so when it has not examined all the items', () => {
  expect(diagnose(RUN, [item('a', at(AFTER))], 1_200)?.words).toMatch(
    /^The run examined 1 of the 1200 items:\n1 item was created after/,
  );
});
