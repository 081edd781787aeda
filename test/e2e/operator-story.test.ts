import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BatchWriteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  paginateScan,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import { createTable } from '../../demo/create-table.ts';
import { STUFF_KEY } from '../../demo/item.ts';
import { type LocalStack, startLocalStack } from '../../local/local-stack.ts';
import { JOB } from '../support/command.ts';
import { CREDENTIALS, type Item } from '../support/engine.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { commandAfter, Operator, type Screen } from './support/operator.ts';

/** As in the help's examples, so that they can be typed unchanged. */
const TABLE = 'orders';
const ITEMS = 5_000;
const DAY_MS = 86_400_000;

let directory: string;
let stack: LocalStack;
let front: HttpFront;
let client: DynamoDBClient;
let operator: Operator;

afterEach(async () => {
  await operator.close();
  client.destroy();
  await front.close();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

const itemOf = (id: string, createdMs: number, more: Item = {}): Item => ({
  id: { S: id },
  created: { N: String(createdMs) },
  ...more,
});

const put = (item: Item) => client.send(new PutItemCommand({ TableName: TABLE, Item: item }));

async function fill(): Promise<void> {
  const old = Date.now() - 30 * DAY_MS;
  for (let from = 0; from < ITEMS; from += 25) {
    const puts = Array.from({ length: 25 }, (_, index) => ({
      PutRequest: { Item: itemOf(`old-${from + index}`, old + from + index) },
    }));
    await client.send(new BatchWriteItemCommand({ RequestItems: { [TABLE]: puts } }));
  }
}

/**
 * Neither engine has point-in-time recovery or replicas, so these answers are built from the service model. The rest
 * comes from the engine.
 */
async function withBackupsAndReplicas(endpoint: string): Promise<HttpFront> {
  let recovery = 'DISABLED';
  return startHttpFront(endpoint, async (call, answer) => {
    const { TableName, PointInTimeRecoverySpecification: asked } = call.body;
    if (/ContinuousBackups$/.test(call.operation) && TableName === TABLE) {
      if (asked) recovery = asked.PointInTimeRecoveryEnabled ? 'ENABLED' : 'DISABLED';
      return answer.reply(200, {
        ContinuousBackupsDescription: {
          ContinuousBackupsStatus: 'ENABLED',
          PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: recovery },
        },
      });
    }
    if (call.operation !== 'DescribeTable' || TableName !== TABLE) return answer.pass();
    const { status, body } = await answer.forward();
    const Replicas = [{ RegionName: 'eu-west-1', ReplicaStatus: 'ACTIVE' }];
    answer.reply(status, { ...body, Table: { ...(body['Table'] as object), Replicas } });
  });
}

/** Does what `aws dynamodb update-continuous-backups …` does, with the words that were printed. */
async function turnRecoveryOn({ text }: Screen): Promise<void> {
  const [, table = '', enabled] =
    /aws dynamodb update-continuous-backups --table-name (\S+) .*PointInTimeRecoveryEnabled=(true)/.exec(
      text,
    ) ?? [];
  const through = new DynamoDBClient({
    endpoint: front.endpoint,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
  await through.send(
    new UpdateContinuousBackupsCommand({
      TableName: table,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: enabled === 'true' },
    }),
  );
  through.destroy();
}

/** Puts an item of the largest size that the engine accepts. */
async function putFull(): Promise<Item> {
  const created = Date.now();
  for (let size = 400 * 1_024; ; size--) {
    const item = itemOf('full', created, { filling: { S: 'x'.repeat(size) } });
    const refused = await put(item).then(
      () => false,
      (error: Error) => {
        if (!/size/i.test(error.message)) throw error;
        return true;
      },
    );
    if (!refused) return item;
  }
}

/** Code that inserts items without the attribute, until it is replaced. */
function oldCode(): { replace(): Promise<void> } {
  let live = true;
  const inserting = (async () => {
    for (let index = 0; live; index++) {
      await put(itemOf(`by-old-code-${index}`, Date.now()));
      await delay(40);
    }
  })();
  return {
    replace: async () => {
      live = false;
      await inserting;
    },
  };
}

async function until(screen: Screen, says: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = says.exec(screen.text);
    if (found) return found;
    const ended = await Promise.race([screen.exit, delay(50)]);
    if (ended !== undefined && !says.test(screen.text)) {
      throw new Error(`${screen.line}\nended without ${says}:\n${screen.text}`);
    }
  }
}

/** Waits until this many items have the attribute, as the engine counts them. */
async function untilWritten(items: number): Promise<void> {
  for (let count = 0; count < items; ) {
    await delay(100);
    count = 0;
    for await (const page of paginateScan(
      { client },
      { TableName: TABLE, Select: 'COUNT', FilterExpression: 'attribute_exists(version)' },
    )) {
      count += page.Count ?? 0;
    }
  }
}

/** Without a terminal a run cannot be confirmed, and it says how to do it. */
async function confirmed(line: string): Promise<string> {
  return commandAfter(await operator.expect(4, line), 'If you mean it, type:');
}

test('from a run that is refused for four reasons to a verified one, by help text and messages alone', async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-story-'));
  stack = await startLocalStack({ jobBundle: JOB, logDirectory: join(directory, 'logs') });
  client = new DynamoDBClient({
    endpoint: stack.endpoints.engine,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
  await createTable(client, TABLE, STUFF_KEY);
  await fill();
  front = await withBackupsAndReplicas(stack.endpoints.dynamodb);
  operator = await Operator.at(directory, {
    ...stack.environment,
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
    FLEETFILL_SEGMENTS: '4',
  });

  // What the operator begins with: a misnamed container, and a deployment that did not reach everything.
  const help = await operator.expect(0, 'orchestrate --help');
  const first = commandAfter(help, '# limit the write rate');
  expect(first).toContain(`--table ${TABLE} --attribute version`);
  const deployedAt = new Date(Date.now() - DAY_MS).toISOString();
  await put(itemOf('by-a-forgotten-job', Date.now()));

  // Refused for all four reasons at once.
  const refused = await operator.expect(3, `${first} --deployed-at ${deployedAt} --container worker`);
  const reasons = refused.text.split('\n').filter(line => line.startsWith('- '));
  expect(reasons).toHaveLength(4);
  expect(reasons.join('\n')).toMatch(
    /Point-in-time recovery is off[\s\S]*eu-west-1|eu-west-1[\s\S]*Point-in/,
  );
  expect(refused.text).toContain('"S":"by-a-forgotten-job"');
  await turnRecoveryOn(refused);
  const [, oneRegion = ''] = /no other Region writes to the table, use (--[\w-]+)/.exec(refused.text) ?? [];
  const [, container = ''] = /has no container worker; it has (\w+)\./.exec(refused.text) ?? [];
  expect(refused.text).toMatch(
    /First deploy code[^.]*\. Then run with the time of that deployment as --deployed-at/,
  );
  await delay(10);
  const mended = commandAfter(refused, 'When it is fixed, check again:')
    .replace(deployedAt, new Date().toISOString())
    .replace('--container worker', `--container ${container}`);

  // A plan, then a canary.
  const plan = await operator.expect(0, `${mended} ${oneRegion}`);
  const canary = await operator.expect(0, await confirmed(commandAfter(plan, 'Then a canary:')));
  expect(canary.text).toContain('Canary: 100 items were written');

  // The rest of the table. Somebody pauses the run, and it continues.
  const pause = await operator.exampleOf('pause');
  const changeRate = await operator.exampleOf('rate', '--max-write-rate');
  const running = operator.type(await confirmed(commandAfter(canary, 'for the rest:')));
  const [, run = ''] = await until(running, /Run (\S+) has begun/);
  await untilWritten(200);
  const paused = await operator.expect(0, pause(run));
  expect(await running.exit).toBe(9);
  // The run's terminal knows its container; the other terminal has the default.
  const resume = commandAfter(running, 'Continue with:');
  expect(resume).toBe(`${commandAfter(paused, 'Continue with:')} --container ${container}`);
  const resumed = operator.type(resume);
  await until(resumed, /continues/);

  // Another rate. Then the orchestrator is killed, and a second start is refused and says how to continue.
  const rate = await operator.expect(0, changeRate(run));
  expect(rate.text).toContain('in force');
  resumed.kill('SIGKILL');
  expect(await resumed.exit).toBe(137);
  const held = await operator.expect(8, running.line);

  // Live code does not set the attribute. The end of the run says so, and what to do first.
  const code = oldCode();
  const incomplete = await operator.expect(6, commandAfter(held, 'Continue it:'));
  await code.replace();
  expect(incomplete.text).toMatch(
    /were created after the deployment of \S+, by code that does not set "version"\. Deploy code that sets it, then run again/,
  );

  // The code is deployed. One item has no room for the attribute, which only its owner can fix.
  const full = await putFull();
  const again = await confirmed(commandAfter(incomplete, 'Then:'));
  const quarantined = await operator.expect(5, again);
  const listed = await operator.expect(0, commandAfter(quarantined, 'See:'));
  expect(listed.text).toMatch(/"S":"full".*[Ss]ize/);
  const early = await operator.expect(5, commandAfter(listed, 'When the cause is fixed, try them again:'));
  await put({ ...full, filling: { S: 'less' } });
  const retried = await operator.expect(0, commandAfter(early, 'When the cause is fixed, try them again:'));

  // Proved, and proved again by a whole run.
  const verified = await operator.expect(0, commandAfter(retried, 'Verify the table:'));
  expect(verified.text).toMatch(/None of \d+ items lacks "version"/);
  const whole = await operator.expect(0, again);
  expect(whole.text).toContain('Verified: in a strongly consistent scan of every segment no item lacked');
}, 240_000);
