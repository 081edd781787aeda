import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../core/errors.ts';
import { type Engine, EngineStartError, startEngine } from '../../local/engine.ts';
import { chooseEngine, readEngineSettings } from '../../local/engine-choice.ts';
import { findFreePort } from '../../local/free-port.ts';
import { runBundled } from './support/bundled-process.ts';
import { isAlive, until } from './support/processes.ts';

/** For processes that run elsewhere and cannot see the optional dependency, or must use the same engine. */
const { FLEETFILL_DYNAMODB_LOCAL: dynamodbLocal, PATH = '' } = process.env;
const ENGINE_ENVIRONMENT = dynamodbLocal
  ? { FLEETFILL_DYNAMODB_LOCAL: dynamodbLocal, PATH }
  : { FLEETFILL_DYNOXIDE: chooseEngine(readEngineSettings()).command };

let directory: string;
const engines: Engine[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-engine-'));
});

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Parameters<typeof startEngine>[0] = {}): Promise<Engine> {
  const engine = await startEngine(options);
  engines.push(engine);
  return engine;
}

async function withClient<T>(engine: Engine, use: (client: DynamoDBClient) => Promise<T>): Promise<T> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new DynamoDBClient({
    endpoint: engine.endpoint,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

const putOne = (engine: Engine) =>
  withClient(engine, async client => {
    await client.send(
      new CreateTableCommand({
        TableName: 'kept',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    await client.send(new PutItemCommand({ TableName: 'kept', Item: { id: { S: 'one' } } }));
  });

const getOne = (engine: Engine) =>
  withClient(engine, async client => {
    const { Item } = await client.send(new GetItemCommand({ TableName: 'kept', Key: { id: { S: 'one' } } }));
    return Item;
  });

describe('an engine in memory', () => {
  test('answers on the loopback interface and is gone after stop', async () => {
    const engine = await start();
    expect(engine.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await putOne(engine);
    expect(await getOne(engine)).toEqual({ id: { S: 'one' } });
    await engine.stop();
    await engine.ended;
    expect(isAlive(engine.pid as number)).toBe(false);
    await expect(fetch(engine.endpoint)).rejects.toThrow();
  });

  test('two at once are two', async () => {
    const [a, b] = await Promise.all([start(), start()]);
    await putOne(a);
    await withClient(b, client =>
      expect(client.send(new DescribeTableCommand({ TableName: 'kept' }))).rejects.toThrow(),
    );
  });

  test('takes the port that it is given', async () => {
    const port = await findFreePort();
    expect((await start({ port })).endpoint).toBe(`http://127.0.0.1:${port}`);
  });

  test('says so when the port that it is given is taken', async () => {
    const other = createServer((_, response) => response.end('not DynamoDB'));
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      await expect(start({ port })).rejects.toThrow(EngineStartError);
      await expect(start({ port })).rejects.toThrow(/in use/);
    } finally {
      other.close();
    }
  });

  test('dies with the process that started it, even by kill -9', async () => {
    const parent = await runBundled(
      "import { startEngine } from './local/engine.ts'; console.log((await startEngine()).pid);",
      ENGINE_ENVIRONMENT,
    );
    try {
      const pid = Number(await parent.nextLine());
      expect(isAlive(pid)).toBe(true);
      parent.child.kill('SIGKILL');
      await until('the engine is gone', () => !isAlive(pid));
    } finally {
      await parent.remove();
    }
  });
});

describe('an engine with a directory', () => {
  test('finds the data of the one before', async () => {
    const first = await start({ directory });
    await putOne(first);
    await first.stop();
    expect(await getOne(await start({ directory }))).toEqual({ id: { S: 'one' } });
  });

  test('leaves no lock behind', async () => {
    const engine = await start({ directory });
    expect(await readdir(directory)).toContain('engine.json');
    await engine.stop();
    expect((await readdir(directory)).filter(name => name.startsWith('engine.json'))).toEqual([]);
  });

  test('serves a second start as well, and only the first stops it', async () => {
    const first = await start({ directory });
    const second = await start({ directory });
    expect(second).toMatchObject({ endpoint: first.endpoint, pid: first.pid });
    await second.stop();
    await putOne(first);
  });

  test('is one engine even when many start it at once', async () => {
    const started = await Promise.all(Array.from({ length: 8 }, () => start({ directory })));
    expect(new Set(started.map(({ pid }) => pid)).size).toBe(1);
  });

  test('is taken over from a process that was killed, with its data', async () => {
    const parent = await runBundled(
      `import { startEngine } from './local/engine.ts';
       const engine = await startEngine({ directory: ${JSON.stringify(directory)} });
       console.log(JSON.stringify({ endpoint: engine.endpoint, pid: engine.pid }));`,
      ENGINE_ENVIRONMENT,
    );
    try {
      const theirs = JSON.parse(await parent.nextLine()) as Engine;
      const shared = await start({ directory });
      expect(shared.pid).toBe(theirs.pid);
      await putOne(shared);
      parent.child.kill('SIGKILL');
      await until('the first engine is gone', () => !isAlive(theirs.pid as number));
      const ours = await start({ directory });
      expect(ours.pid).not.toBe(theirs.pid);
      expect(await getOne(ours)).toEqual({ id: { S: 'one' } });
    } finally {
      await parent.remove();
    }
  });

  test('is refused while a live process holds it and does not serve', async () => {
    const ours = await readFile(`/proc/${process.pid}/stat`, 'utf8');
    const began = ours.slice(ours.lastIndexOf(')') + 2).split(' ')[19];
    const holder = { claim: 'other', owner: { pid: process.pid, began } };
    await writeFile(join(directory, 'engine.json'), JSON.stringify(holder));
    await expect(start({ directory, startTimeoutMs: 100 })).rejects.toThrow(
      `held by process ${process.pid}, which does not serve it`,
    );
  });

  test('a lock whose pid is another process by now is a dead one', async () => {
    const holder = { claim: 'other', owner: { pid: process.pid, began: 'in another life' } };
    await writeFile(join(directory, 'engine.json'), JSON.stringify(holder));
    await start({ directory });
  });

  test('a lock that cannot be read is not overwritten', async () => {
    await writeFile(join(directory, 'engine.json'), 'notes of mine');
    await expect(start({ directory })).rejects.toThrow(ConfigurationError);
    expect(await readFile(join(directory, 'engine.json'), 'utf8')).toBe('notes of mine');
  });
});

describe('which engine', () => {
  const nothing = { path: '/nowhere' };

  test('one that runs already is used and left alone', async () => {
    const running = await start();
    const engine = await start({ settings: { ...nothing, endpoint: running.endpoint } });
    expect(engine.pid).toBeUndefined();
    await engine.stop();
    await putOne(running);
  });

  test('one that should run already and does not is an error', async () => {
    const endpoint = `http://127.0.0.1:${await findFreePort()}`;
    await expect(start({ settings: { ...nothing, endpoint }, startTimeoutMs: 50 })).rejects.toThrow(
      `Nothing answers at ${endpoint}`,
    );
  });

  test('a named binary that is not there is an error that names the variable', () => {
    expect(() => chooseEngine({ ...nothing, dynoxide: '/nowhere/dynoxide' })).toThrow(/FLEETFILL_DYNOXIDE/);
  });

  test('a named folder without DynamoDB Local is an error that names the variable', () => {
    expect(() => chooseEngine({ ...nothing, dynamodbLocal: directory })).toThrow(/FLEETFILL_DYNAMODB_LOCAL/);
  });

  test('DynamoDB Local needs java', async () => {
    await writeFile(join(directory, 'DynamoDBLocal.jar'), '');
    expect(() => chooseEngine({ ...nothing, dynamodbLocal: directory })).toThrow(/java/);
  });

  test('with none at all the error names every choice', async () => {
    const parent = await runBundled(`
      import { chooseEngine } from './local/engine-choice.ts';
      try { chooseEngine({ path: '/nowhere' }); } catch (error) { console.log(JSON.stringify(error.message)); }
    `);
    try {
      const message = await parent.nextLine();
      for (const choice of [
        '@dynoxide/linux-x64',
        'FLEETFILL_DYNOXIDE',
        'FLEETFILL_DYNAMODB_LOCAL',
        'ENDPOINT',
        'PATH',
      ]) {
        expect(message).toContain(choice);
      }
    } finally {
      await parent.remove();
    }
  });

  test('the environment is read by name, and set to nothing is not set', () => {
    expect(
      readEngineSettings({ FLEETFILL_DYNOXIDE: '/a', FLEETFILL_DYNAMODB_ENDPOINT: '', PATH: '/bin' }),
    ).toMatchObject({ dynoxide: '/a', endpoint: undefined, dynamodbLocal: undefined, path: '/bin' });
  });
});
