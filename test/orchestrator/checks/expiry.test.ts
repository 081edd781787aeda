import { describe, expect, test } from 'vitest';
import { parseJsonValue } from '../../../core/attribute-value.ts';
import { type ExpiryQuestion, expiryFindings } from '../../../orchestrator/checks/expiry.ts';

const NOW = Date.UTC(2026, 10, 27);
const IN_A_YEAR = String(NOW / 1_000 + 365 * 86_400);
const LAST_YEAR = String(NOW / 1_000 - 365 * 86_400);
const LONG_AGO = String(NOW / 1_000 - 6 * 365 * 86_400);

function found(name: string, json: string, more: Partial<ExpiryQuestion> = {}) {
  const question = { table: 'stuff', ttlAttribute: undefined, allowExpiry: false, nowMs: NOW, ...more };
  return expiryFindings([{ name, values: [parseJsonValue(json)] }], question);
}

const ON = { ttlAttribute: 'expiresAt' };

describe('a time to live in milliseconds', () => {
  test('is refused by the name alone, with the seconds', () => {
    const [finding] = found('expiresAt', '1767225600000');
    expect(finding).toMatchObject({ level: 'failure', check: 'expiry-name' });
    expect(finding?.advice).toContain('Give seconds: 1767225600.');
    expect(finding?.advice).toContain('--accept expiry-name');
  });

  test('is refused for good where time to live is on', () => {
    expect(found('expiresAt', '1767225600000', { ...ON, allowExpiry: true })).toMatchObject([
      { level: 'failure', check: 'ttl' },
    ]);
  });

  test.each(['ttl', 'TTL', 'expires', 'expireAt', 'expiry', 'timeToLive', 'time_to_live'])(
    '%s is such a name',
    name => {
      expect(found(name, '1767225600000')).toMatchObject([{ level: 'failure' }]);
    },
  );

  test('does not concern an attribute of another name', () => {
    expect(found('created', '1767225600000')).toEqual([]);
  });
});

describe('a time that is over', () => {
  test.each([{}, ON])('is refused unless --allow-expiry is given (%j)', more => {
    expect(found('expiresAt', LAST_YEAR, more)).toMatchObject([{ level: 'failure' }]);
    expect(found('expiresAt', LAST_YEAR, { ...more, allowExpiry: true })).toMatchObject([
      { level: 'warning' },
    ]);
  });

  test('is never read when it is over five years old', () => {
    expect(found('expiresAt', LONG_AGO, ON)).toMatchObject([{ level: 'failure', check: 'ttl' }]);
    expect(found('expiresAt', LONG_AGO)).toMatchObject([{ level: 'warning' }]);
  });
});

describe('a time to come', () => {
  test('needs a confirmation when time to live is on, and says when the items expire', () => {
    const [finding] = found('expiresAt', IN_A_YEAR, ON);
    expect(finding).toMatchObject({ level: 'failure', check: 'ttl' });
    expect(finding?.means).toContain('after 2027-11-27T00:00:00.000Z');
    expect(finding?.advice).toContain('--allow-expiry');
    expect(found('expiresAt', IN_A_YEAR, { ...ON, allowExpiry: true })).toMatchObject([{ level: 'warning' }]);
  });

  test('is in order when only the name suggests an expiry', () => {
    expect(found('expiresAt', IN_A_YEAR)).toEqual([]);
  });
});

test.each(['"2027-01-01"', 'true', 'null'])('%s is never read as an expiry', json => {
  expect(found('expiresAt', json, ON)).toMatchObject([{ level: 'failure', check: 'ttl' }]);
  expect(found('expiresAt', json)).toMatchObject([{ level: 'warning', check: 'expiry-name' }]);
});

test('time to live on another attribute is reported', () => {
  expect(found('test', '1', ON)).toMatchObject([{ level: 'ok', check: 'ttl' }]);
});
