import { expect, test } from 'vitest';
import { describeStatus, statusText } from '../../../orchestrator/commands/status.ts';
import type { Stores } from '../../../orchestrator/stores.ts';
import { runRecord, taskRecord } from '../../support/records.ts';

const run = runRecord({ tasks: 3 });

async function textOf(tasks: readonly ReturnType<typeof taskRecord>[]): Promise<string[]> {
  const stores = { segments: { list: async () => [] }, tasks: { list: async () => tasks } };
  return statusText(run, await describeStatus(stores as unknown as Stores, run)).split('\n');
}

const throttled = { count: 7, reason: 'TableWriteMaxOnDemandThroughputExceeded on arn:aws:dynamodb:…' };

test('says which limit throttles the tasks, as long as one of those in authority says so', async () => {
  const lines = await textOf([
    taskRecord({ launchId: 'a', status: 'running', throttled }),
    taskRecord({ launchId: 'b', status: 'running', throttled }),
    taskRecord({ launchId: 'c', status: 'running' }),
  ]);
  expect(lines).toContain('  tasks     3 of 3 at work');
  expect(lines.at(-1)).toBe(
    `  throttled 2 of the tasks at work at their last heartbeat: ${throttled.reason}`,
  );
});

test('what a task said before it ended is over', async () => {
  const lines = await textOf([taskRecord({ launchId: 'a', status: 'finished', throttled })]);
  expect(lines).toContain('  tasks     0 of 3 at work');
  expect(lines.join('\n')).not.toContain('throttled');
});
