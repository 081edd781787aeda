import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { createTable } from '../../../demo/create-table.ts';
import { type KeySchema, STUFF_KEY } from '../../../demo/item.ts';
import { type Engine, startEngine } from '../../../local/engine.ts';

export interface EngineForTests {
  /** The SDK's variables, for a process under test. */
  readonly environment: Record<string, string>;
  /** For another client of the same engine. */
  readonly settings: DynamoDBClientConfig;
  /** With `maxAttempts: 1`, as the application requires. */
  readonly client: DynamoDBClient;
  /**
   * Creates an empty table.
   * @returns its name, a new one each time.
   */
  createTable(key?: KeySchema): Promise<string>;
}

/** A real engine for the tests of one file. It starts before the first test and ends after the last. */
export function useEngine(): EngineForTests {
  let engine: Engine | undefined;
  let client: DynamoDBClient | undefined;
  let tables = 0;

  beforeAll(async () => {
    engine = await startEngine();
    client = new DynamoDBClient({ ...settingsOf(engine), maxAttempts: 1 });
  });
  afterAll(async () => {
    client?.destroy();
    await engine?.stop();
  });

  function started<Thing>(thing: Thing | undefined): Thing {
    if (thing === undefined) throw new Error('The engine runs only inside tests.');
    return thing;
  }

  return {
    get settings() {
      return settingsOf(started(engine));
    },
    get client() {
      return started(client);
    },
    get environment() {
      return {
        AWS_ENDPOINT_URL_DYNAMODB: started(engine).endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
      };
    },
    async createTable(key = STUFF_KEY) {
      tables += 1;
      const name = `stuff-${tables}`;
      await createTable(started(client), name, key);
      return name;
    },
  };
}

function settingsOf(engine: Engine): DynamoDBClientConfig {
  return {
    endpoint: engine.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
}
