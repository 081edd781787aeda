import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { statusFindings } from '../../../orchestrator/checks/table-status.ts';

const found = (TableStatus: string, more: TableDescription = {}) =>
  statusFindings('stuff', { TableStatus: TableStatus as TableDescription['TableStatus'], ...more });

test('ACTIVE is in order', () => {
  expect(found('ACTIVE')).toMatchObject([{ level: 'ok' }]);
});

test('UPDATING is usable: a warning says what changes', () => {
  const [finding] = found('UPDATING', {
    GlobalSecondaryIndexes: [
      { IndexName: 'by-email', IndexStatus: 'CREATING' },
      { IndexName: 'by-name', IndexStatus: 'ACTIVE' },
    ],
  });
  expect(finding).toMatchObject({ level: 'warning' });
  expect(finding?.message).toBe('The table stuff is UPDATING: the index by-email is being created.');
  expect(finding?.advice).toContain('write units of its own');
  expect(found('UPDATING')).toMatchObject([{ level: 'warning', message: 'The table stuff is UPDATING.' }]);
});

test.each([
  ['CREATING', /Wait until it is ACTIVE: aws dynamodb wait table-exists --table-name stuff/],
  ['DELETING', /Check that it is the table that you mean/],
  ['INACCESSIBLE_ENCRYPTION_CREDENTIALS', /Enable the key/],
  ['ARCHIVING', /Restore the table from the backup/],
  ['ARCHIVED', /Restore the table from that backup/],
  ['SOMETHING_NEW', /Wait until it is ACTIVE/],
])('%s is refused, with what helps', (status, advice) => {
  const [finding] = found(status);
  expect(finding).toMatchObject({
    level: 'failure',
    check: 'status',
    message: `The table stuff is ${status}.`,
  });
  expect(finding?.advice).toMatch(advice);
});

test.each(['INACCESSIBLE_ENCRYPTION_CREDENTIALS', 'ARCHIVED', 'DELETING'])(
  '%s is not worth waiting for',
  status => {
    const [finding] = found(status);
    expect(`${finding?.means} ${finding?.advice}`).not.toMatch(/Wait until/);
  },
);
