import { createHash } from 'node:crypto';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchWriteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ScanCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, type ExpectStatic, expect, test } from 'vitest';
import { ControlTable } from '../../core/control-table.ts';
import { RunStore } from '../../core/run-store.ts';
import { createTable } from '../../demo/create-table.ts';
import { STUFF_KEY } from '../../demo/item.ts';
import { type LocalStack, startLocalStack } from '../../local/local-stack.ts';
import { type CloudFormationStub, startCloudFormationStub } from '../support/cloudformation-stub.ts';
import { type Ended, JOB, ORCHESTRATE, runBundle, runShell } from '../support/command.ts';
import { CREDENTIALS, documentClient, stuffItems } from '../support/engine.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { newRun } from '../support/records.ts';

let stack: LocalStack;
let front: HttpFront;
let cloudFormation: CloudFormationStub;
let client: DynamoDBClient;
let environment: Record<string, string>;
let directory: string;

const TABLES = ['stuff', 'held', 'computed', 'replicated', 'expiring'];
const RECIPE = { set: [{ name: 'gsi1pk', expression: '"STATUS#" + status' }], where: 'kind == "ORDER"' };
const WRITES = /^(Put|Update|Delete|BatchWrite|BatchExecute|Execute|Transact)/;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-bad-input-'));
  await symlink(ORCHESTRATE, join(directory, 'orchestrate'));
  stack = await startLocalStack({ jobBundle: JOB, logDirectory: join(directory, 'logs') });
  // Between the commands and DynamoDB, to see every call and to describe what neither engine can be.
  front = await startHttpFront(stack.endpoints.dynamodb, async (call, answer) => {
    if (call.operation !== 'DescribeTable' || call.body.TableName !== 'replicated') return answer.pass();
    const { status, body } = await answer.forward();
    // Describes a global table as the service model does, because neither engine has replicas.
    const Replicas = [{ RegionName: 'eu-west-1', ReplicaStatus: 'ACTIVE' }];
    answer.reply(status, { ...body, Table: { ...(body['Table'] as object), Replicas } });
  });
  cloudFormation = await startCloudFormationStub();
  environment = { ...stack.environment, AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
  client = new DynamoDBClient({
    endpoint: stack.endpoints.dynamodb,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
  for (const table of [...TABLES, 'confirmed']) await createFilled(table);
  await client.send(
    new UpdateTimeToLiveCommand({
      TableName: 'expiring',
      TimeToLiveSpecification: { Enabled: true, AttributeName: 'expires' },
    }),
  );
  const runs = new RunStore(new ControlTable(documentClient(client), controlTable()));
  await runs.create(newRun({ runId: 'run-that-holds', ...(await named('held')), attribute: 'another' }));
  const { value: _, ...computed } = newRun({ runId: 'run-that-computes', ...(await named('computed')) });
  await runs.create({ ...computed, attribute: 'gsi1pk', recipe: RECIPE });
});

afterAll(async () => {
  client.destroy();
  await front.close();
  await cloudFormation.close();
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
});

const controlTable = () => stack.environment['FLEETFILL_CONTROL_TABLE'] ?? '';

async function named(table: string): Promise<{ readonly table: string; readonly tableArn: string }> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  return { table, tableArn: Table?.TableArn ?? '' };
}

async function createFilled(TableName: string): Promise<void> {
  await createTable(client, TableName, STUFF_KEY);
  const puts = stuffItems(20).map(Item => ({ PutRequest: { Item } }));
  await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }));
}

/** Hashes of every item of every table that a command must not touch, including the control table. */
async function hashOfTables(): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const TableName of [...TABLES, controlTable()]) {
    const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
    const text = Items.map(item => JSON.stringify(item, inOrder))
      .sort()
      .join('\n');
    hashes[TableName] = `${Items.length} items, ${createHash('sha256').update(text).digest('hex')}`;
  }
  return hashes;
}

/** An engine returns the entries of a map in any order. */
function inOrder(_: string, value: unknown): unknown {
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
  return plain ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
}

/** Only `run` asks for a confirmation. */
const confirmed = (args: readonly string[]) => (args[0]?.startsWith('--') ? [...args, '--yes'] : args);

const orchestrate = (...args: string[]): Promise<Ended> => runBundle(ORCHESTRATE, args, environment);

/** Expects one clear message and no output for programs. */
function expectRefused(
  { code, stdout, stderr }: Ended,
  wanted: number,
  says: RegExp,
  expecting: ExpectStatic,
): void {
  expecting(stderr).toMatch(says);
  expecting(stderr).not.toMatch(/^\s+at .+:\d+:\d+/m);
  expecting(stderr).not.toMatch(/Internal error|undefined|\[object/);
  expecting(code).toBe(wanted);
  expecting(stdout).toBe('');
}

type Case = readonly [args: readonly string[], says: RegExp];

const WHOLE_NUMBERS = ['segments', 'tasks', 'passes', 'max-attempts'];
const RATES = ['max-write-rate', 'max-read-rate', 'unattended-rate'];

const USAGE: Case[] = [
  ...WHOLE_NUMBERS.map(
    (name): Case => [[`--${name}`, 'many'], new RegExp(`--${name} is not a whole number: many`)],
  ),
  ...WHOLE_NUMBERS.map((name): Case => [[`--${name}`, '0'], new RegExp(`--${name} is not between 1 and`)]),
  ...RATES.map(
    (name): Case => [[`--${name}`, 'fast'], new RegExp(`--${name} is not a number of capacity units`)],
  ),
  ...RATES.map((name): Case => [[`--${name}`, '0.5'], new RegExp(`--${name} is below 1 capacity unit`)]),
  [['--segments', '-4'], /--segments/],
  [['--segments', '2.5'], /--segments is not a whole number: 2\.5/],
  [['--segments', '1000001'], /--segments is not between 1 and 1000000/],
  [['--segments', '2', '--tasks', '3'], /--tasks 3 is more than --segments 2/],
  [['--segments'], /--segments needs a value/],
  [['--segments', '2', '--segments', '3'], /--segments is given more than once/],
  [
    ['--segments', 'x', '--tasks', 'y'],
    /--segments is not a whole number: x\n--tasks is not a whole number: y/,
  ],
  [['--max-quarantine', '-1'], /--max-quarantine/],
  [['--table', 'no'], /--table is not a table name: no/],
  [['--table', 'with space'], /--table is not a table name/],
  [['--attribute', ''], /--attribute is empty/],
  [['--attribute', 'a'.repeat(256)], /--attribute is longer than 255 characters/],
  [['--value', 'one'], /The value one is not JSON/],
  [['--value', '{"a":}'], /is not JSON/],
  [['--value', '9007199254740993'], /would become 9007199254740992/],
  [['--value', '[0.1234567890123456789]'], /would become/],
  [['--value', '1e126'], /outside the range of DynamoDB/],
  [['--write-api', 'fast'], /write-api/],
  [['--account', '12'], /--account is not a 12-digit account: 12/],
  [['--subnets', 'a,,b'], /--subnets has an empty name in its list/],
  [['--control-table', '!'], /--control-table is not a table name/],
  [['--stack', ''], /--stack/],
  [['--segmnets', '4'], /There is no option --segmnets. Did you mean --segments\?/],
  [['status', '--segments', '4'], /orchestrate status takes no option --segments/],
  [['--frobnicate'], /There is no option --frobnicate/],
  [['stauts'], /There is no command stauts. Did you mean status\?/],
  [['resume'], /Name the run:/],
  [['rate', 'run-x', '--max-write-rate', 'none'], /--max-write-rate is not a number/],
  ...['status', 'resume', 'pause', 'cancel', 'failures', 'report', 'dashboard'].map(
    (command): Case => [[command, 'no-such-run'], /There is no run no-such-run/],
  ),
  [['rate', 'no-such-run', '--max-write-rate', '5'], /There is no run no-such-run/],
];

/** An expression is shown with a caret under the place. */
const RECIPES: Case[] = [
  [['--set', 'a=status +'], /--set a[\s\S]*\n( *)status \+\n\1 {7,}\^/],
  [['--set', 'a=status', '--where', 'kind = "A"'], /--where[\s\S]*\n( *)kind = "A"\n\1 {5,}\^/],
  [['--set', 'a=shout(status)'], /shout[\s\S]*\n( *)shout\(status\)\n\1 *\^/],
  [['--set', 'a="x" + 1'], /\n( *)"x" \+ 1\n\1 *\^/],
  [['--set', 'a=timestamp(status)'], /\n( *)timestamp\(status\)\n\1 *\^/],
  [['--set', 'a=status', '--where', '"text"'], /--where[\s\S]*\n( *)"text"\n\1 *\^/],
  [['--set', 'a=a + 1'], /\n( *)a \+ 1\n\1\^/],
  [['--set', 'a=status', '--set', 'b=a + "!"'], /--set b[\s\S]*\n( *)a \+ "!"\n\1\^/],
  [['--set', 'id=status'], /"id" is part of the table's key/],
  [['--set', 'a=status', '--set', 'created=1'], /"created" is part of the table's key/],
  [['--set', 'a=status', '--set', 'a=kind'], /--set a is given twice/],
  [['--set', 'a=status', '--value', '2'], /leave out --value/],
  [['--set', 'a=status', '--attribute', 'a'], /leave out --attribute/],
  [['--set', 'a=string(item)'], /\n( *)string\(item\)\n\1 *\^/],
  [['--set', 'status'], /--set takes NAME=EXPRESSION/],
  [['--where', 'kind == "A"'], /--where needs --set/],
];

/** Another recipe than the one of the run, and a constant instead of one. */
const RESUMED: Case[] = [
  [['--set', 'gsi1pk="S#" + status'], /"STATUS#" \+ status/],
  [['--set', 'gsi1pk="STATUS#" + status'], /kind == "ORDER"/],
  [['--set', 'gsi1pk="STATUS#" + status', '--where', 'kind == "BILL"'], /kind == "ORDER"/],
  [['--value', '1'], /"STATUS#" \+ status, where kind == "ORDER", not --value 1\./],
  [['--limit', '5'], /--limit is not set, not 5/],
];

const PREFLIGHT: Case[] = [
  [['--table', 'absent'], /The table absent does not exist in us-east-1/],
  [['verify', '--table', 'absent'], /The table absent does not exist in us-east-1/],
  [['plan', '--table', 'absent'], /The table absent does not exist in us-east-1/],
  [['--control-table', 'absent'], /The control table absent does not exist in us-east-1/],
  [['--control-table', 'stuff'], /stuff is not a control table: its keys are id S and created N/],
  [['status', '--control-table', 'absent'], /The control table absent does not exist/],
  [['resume', 'run-x', '--control-table', 'absent'], /The control table absent does not exist/],
  [['--attribute', 'id'], /"id" is a key of the table stuff/],
  [['--attribute', 'created'], /"created" is a key of the table stuff/],
  [['--table', 'expiring', '--attribute', 'expires'], /"expires" is the time-to-live attribute of expiring/],
  [['--table', 'replicated'], /replicated is replicated to eu-west-1[\s\S]*--single-writer-region/],
  [['--account', '123456789012'], /in account 000000000000, not in 123456789012/],
  [['--task-definition', 'absent'], /The task definition absent cannot be used/],
  [['--container', 'absent'], /has no container absent/],
  [
    ['--write-api', 'batch', '--attribute', 'a.b'],
    /The name "a\.b" is not made of letters, digits, - and _ alone/,
  ],
];

describe.concurrent('a command that is refused, and changes nothing', () => {
  let before: Record<string, string>;

  beforeAll(async () => {
    before = await hashOfTables();
    front.calls.length = 0;
  });

  afterAll(async () => {
    const writes = front.calls.filter(({ operation }) => WRITES.test(operation));
    // The proof of the engine writes its own items into the control table, and nothing elsewhere.
    expect(writes.filter(({ bytes }) => !bytes.includes('PROOF#')).map(({ operation }) => operation)).toEqual(
      [],
    );
    expect(await hashOfTables()).toEqual(before);
  });

  test.for(USAGE)('for its usage, with 2: %j', async ([args, says], { expect }) => {
    expectRefused(await orchestrate(...confirmed(args), '--json'), 2, says, expect);
  });

  test.for(RECIPES)('for its recipe, with 2: %j', async ([args, says], { expect }) => {
    expectRefused(await orchestrate(...args, '--yes', '--json'), 2, says, expect);
    expectRefused(await orchestrate('plan', ...args, '--json'), 2, says, expect);
  });

  test.for(RESUMED)(
    'for a recipe that is not the one to be resumed, with 2: %j',
    async ([args, says], { expect }) => {
      const ended = await orchestrate('resume', 'run-that-computes', ...args, '--json');
      expectRefused(ended, 2, says, expect);
      expect(ended.stderr).toContain('run-that-computes');
    },
  );

  test('for a source that the roles of the stack may not read, with 3', async ({ expect }) => {
    const { FLEETFILL_CLUSTER = '', ...others } = environment;
    const located = { ...others, AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint };
    const ask = (command: string, outputs: Record<string, string>): Promise<Ended> => {
      cloudFormation.stack = {
        status: 'CREATE_COMPLETE',
        outputs: { Cluster: FLEETFILL_CLUSTER, Attributes: 'gsi1pk', ...outputs },
      };
      const recipe = ['--set', 'gsi1pk=kind + string(rank)', '--where', 'kind == "ORDER"'];
      return runBundle(ORCHESTRATE, [command, ...recipe, '--json'], located);
    };
    const DENIED =
      /reads "rank", which the roles of the stack fleetfill may not read[\s\S]*SourceAttributes=kind,rank/;
    for (const command of ['run', 'plan']) {
      const refused = await ask(command, { SourceAttributes: 'kind' });
      // A plan that is refused is still told.
      if (command === 'plan') expect(refused.stdout).toMatch(/^{"event":"plan.finished".*\n$/);
      const stdout = command === 'plan' ? '' : refused.stdout;
      const stderr = refused.stderr.replace(/\n {2,}/g, ' ');
      expectRefused({ ...refused, stdout, stderr }, 3, DENIED, expect);
      for (const allowed of [{ SourceAttributes: 'kind,rank' }, { RestrictAttributes: 'false' }]) {
        const { code, stderr } = await ask(command, allowed);
        expect(stderr).not.toContain('may not read');
        expect(code, stderr).toBe(command === 'run' ? 4 : 0);
      }
    }
  });

  test.for(PREFLIGHT)('for what it finds, with 3: %j', async ([args, says], { expect }) => {
    expectRefused(await orchestrate(...confirmed(args), '--json'), 3, says, expect);
  });

  test('for an unfinished run that holds the table, whatever its attribute, with 8', async ({ expect }) => {
    const ended = await orchestrate('--table', 'held', '--yes', '--json');
    expectRefused(ended, 8, /The unfinished run run-that-holds holds the table held/, expect);
    for (const way of ['status', 'resume', 'cancel']) {
      expect(ended.stderr).toContain(`orchestrate ${way} run-that-holds`);
    }
  });

  test('for lack of a confirmation, with 4', async ({ expect }) => {
    expectRefused(await orchestrate('--json'), 4, /orchestrate --json --yes/, expect);
  });

  test('without --json says the same', async ({ expect }) => {
    expectRefused(await orchestrate('--segments', 'x'), 2, /--segments is not a whole number: x/, expect);
    expectRefused(await orchestrate('--table', 'absent', '--yes'), 3, /does not exist/, expect);
  });

  test('for a variable that stands for an option, which is named', async ({ expect }) => {
    const wrong = { ...environment, FLEETFILL_SEGMENTS: 'many' };
    expectRefused(
      await runBundle(ORCHESTRATE, ['--yes'], wrong),
      2,
      /--segments is not a whole number: many/,
      expect,
    );
  });
});

describe('the command that is printed for lack of a confirmation', () => {
  test('works as it is printed, odd characters included', async () => {
    const value = `{"it's": "a \\"quoted\\" $value"}`;
    const refused = await orchestrate('--table', 'confirmed', '--segments', '2', '--value', value);
    expect(refused.code).toBe(4);
    expect(refused.stdout).toBe('');
    const line = refused.stderr.split('\n').find(each => each.trim().startsWith('orchestrate '));
    const PATH = `${directory}:${process.env['PATH']}`;
    const ended = await runShell(line ?? 'false', { ...environment, PATH });
    expect(ended.stderr).toContain('Verified');
    expect(ended.code).toBe(0);
    const { Items = [] } = await client.send(new ScanCommand({ TableName: 'confirmed' }));
    expect(Items).toHaveLength(20);
    for (const item of Items) expect(item['test']).toEqual({ M: { "it's": { S: 'a "quoted" $value' } } });
  });
});

describe.concurrent('the worker', () => {
  const GOOD = {
    FLEETFILL_RUN_ID: 'no-such-run',
    FLEETFILL_LAUNCH: 'launch-1',
    FLEETFILL_SEGMENTS: '0',
    FLEETFILL_TOTAL_SEGMENTS: '2',
    FLEETFILL_TABLE: 'stuff',
    FLEETFILL_ATTRIBUTE: 'test',
    FLEETFILL_VALUE: '1',
    FLEETFILL_CONTROL_TABLE: 'fleetfill-control',
    FLEETFILL_NAMESPACE: 'Fleetfill',
  };
  const aws = () => ({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
  });

  test('without an environment names each variable, and exits 2', async ({ expect }) => {
    const { code, stdout, stderr } = await runBundle(JOB, []);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    // Both are absent if the run's record has a recipe.
    const needed = Object.keys(GOOD).filter(name => !/_(ATTRIBUTE|VALUE)$/.test(name));
    expect(stderr.trim().split('\n').slice(1)).toEqual([
      ...needed.map(name => `${name} is not set`),
      'FLEETFILL_ATTRIBUTE and FLEETFILL_VALUE are not set, which is right only for a run with a recipe',
    ]);
  });

  test('names problems of all kinds at once', async ({ expect }) => {
    const { code, stderr } = await runBundle(JOB, [], {
      ...GOOD,
      FLEETFILL_LAUNCH: '',
      FLEETFILL_SEGMENTS: '0,0',
      FLEETFILL_TOTAL_SEGMENTS: '0',
      FLEETFILL_VALUE: 'one',
    });
    expect(code).toBe(2);
    for (const says of [
      /FLEETFILL_LAUNCH is empty/,
      /FLEETFILL_SEGMENTS names a segment twice/,
      /FLEETFILL_TOTAL_SEGMENTS is not between 1 and 1000000/,
      /FLEETFILL_VALUE is not JSON/,
    ]) {
      expect(stderr).toMatch(says);
    }
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('of a run that does not exist says so, and exits 2', async ({ expect }) => {
    const { code, stdout } = await runBundle(JOB, [], { ...GOOD, ...aws() });
    expect(code).toBe(2);
    expect(stdout).toContain('There is no run no-such-run in the control table fleetfill-control.');
  });

  test('with a value that JSON changes does not write it', async ({ expect }) => {
    const { code, stdout, stderr } = await runBundle(JOB, [], {
      ...GOOD,
      FLEETFILL_VALUE: '9007199254740993',
    });
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/would become 9007199254740992/);
  });
});
