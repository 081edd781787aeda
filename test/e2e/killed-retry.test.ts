import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchWriteItemCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeAttributeMap } from '../../core/attribute-value.ts';
import { ControlTable } from '../../core/control-table.ts';
import { createTable } from '../../demo/create-table.ts';
import { STUFF_KEY } from '../../demo/item.ts';
import { type LocalStack, startLocalStack } from '../../local/local-stack.ts';
import { createStores, type Stores } from '../../orchestrator/stores.ts';
import { JOB, ORCHESTRATE, runBundle } from '../support/command.ts';
import { CREDENTIALS, documentClient, STUFF_KEY as KEYS, stuffItems, stuffKey } from '../support/engine.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { newRun, rates } from '../support/records.ts';
import { OrchestratorProcess } from './support/orchestrator-process.ts';

const RUN = 'run-with-quarantine';
const AT = '2026-01-01T00:00:00.000Z';

let stack: LocalStack;
let front: HttpFront;
let client: DynamoDBClient;
let stores: Stores;
let tableArn: string;
let directory: string;
let environment: Record<string, string>;

/** A run that has ended with items in quarantine. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-killed-retry-'));
  stack = await startLocalStack({ jobBundle: JOB, logDirectory: directory });
  front = await startHttpFront(stack.endpoints.dynamodb);
  environment = { ...stack.environment, AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
  client = new DynamoDBClient({
    endpoint: stack.endpoints.dynamodb,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
  await createTable(client, 'stuff', STUFF_KEY);
  const puts = stuffItems(20).map(Item => ({ PutRequest: { Item } }));
  await client.send(new BatchWriteItemCommand({ RequestItems: { stuff: puts } }));
  tableArn = (await client.send(new DescribeTableCommand({ TableName: 'stuff' }))).Table?.TableArn ?? '';
  const controlTable = stack.environment['FLEETFILL_CONTROL_TABLE'] ?? '';
  stores = createStores(new ControlTable(documentClient(client), controlTable));
  const run = await stores.runs.create(
    newRun({ runId: RUN, tableArn, keySchema: KEYS, controlTable, rates: rates(100, 100) }),
  );
  await stores.runs.supervise(run, () => ({ status: 'verifying' }));
  await stores.runs.supervise(run, () => ({ status: 'quarantined' }));
});

afterAll(async () => {
  client.destroy();
  await front.close();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

const keyOf = (index: number) => encodeAttributeMap(stuffKey(index));
const orchestrate = (...args: string[]) => runBundle(ORCHESTRATE, args, environment);

async function putIntoQuarantine(index: number): Promise<void> {
  const record = { runId: RUN, key: keyOf(index), reason: 'refused', attempts: 1, segment: 0, at: AT };
  await stores.quarantine.add(record);
}

/** Starts a retry, whose first write to the table gets no reply, and kills it. */
async function killRetryAtWork(): Promise<void> {
  let sent = () => {};
  const writing = new Promise<void>(resolve => {
    sent = resolve;
  });
  front.script = ({ operation, body }, answer) => {
    const writes = /^(BatchExecuteStatement|ExecuteStatement|UpdateItem)$/.test(operation);
    if (writes && JSON.stringify(body).includes('stuff')) sent();
    else void answer.pass();
  };
  const retry = new OrchestratorProcess(['failures', RUN, '--retry', '--json'], environment);
  await Promise.race([writing, retry.exit]);
  retry.kill('SIGKILL');
  expect(await retry.exit).toBe(137);
  front.script = (_, answer) => answer.pass();
}

test('a retry that was killed names the command that frees the table, and that command does', async () => {
  await putIntoQuarantine(1);
  await killRetryAtWork();
  const again = `orchestrate failures ${RUN} --retry`;
  const refused = await orchestrate('--segments', '2', '--yes', '--json');
  expect(refused.code).toBe(8);
  expect(refused.stderr).toContain(`A retry of the items in quarantine of run ${RUN} holds the table stuff.`);
  expect(refused.stderr).toContain(`If it was killed, repeat it: ${again}`);
  const planned = await orchestrate('plan', '--segments', '2');
  expect(planned.stdout + planned.stderr).toContain(`repeat it: ${again}`);
  const repeated = await orchestrate('failures', RUN, '--retry', '--json');
  expect(repeated.code).toBe(0);
  expect(repeated.stdout).toContain('"event":"failure.resolved"');
  expect(await stores.runs.holderOf(tableArn)).toBeUndefined();
  expect((await orchestrate('--segments', '2', '--yes', '--json')).code).toBe(0);
}, 120_000);

test('it also frees the table if the retry was killed after its last item', async () => {
  await putIntoQuarantine(2);
  await killRetryAtWork();
  await stores.quarantine.resolve(RUN, keyOf(2), { outcome: 'updated', at: AT, by: 'retry' });
  expect(await stores.runs.holderOf(tableArn)).toMatchObject({ runId: RUN });
  const repeated = await orchestrate('failures', RUN, '--retry', '--json');
  expect(repeated.code).toBe(0);
  expect(repeated.stderr).toContain(`No item of run ${RUN} is in quarantine.`);
  expect(await stores.runs.holderOf(tableArn)).toBeUndefined();
}, 120_000);
