import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startEngine } from '../../local/engine.ts';
import { type EngineSettings, readEngineSettings } from '../../local/engine-choice.ts';
import { askAll, PROBES } from './probes.ts';

export interface Conformance {
  readonly name: string;
  /** By engine. */
  readonly answers: Readonly<Record<string, string>>;
  readonly expected: string | undefined;
  readonly handled: string | undefined;
  /** Every engine answers the same, and what is documented; or the difference is handled. */
  readonly holds: boolean;
  readonly identical: boolean;
}

/** The folder of DynamoDB Local, by the variable or where scripts/dynamodb-local.mjs puts it. */
export function dynamodbLocalFolder(): string | undefined {
  const named = process.env['FLEETFILL_DYNAMODB_LOCAL'];
  const folder = named || resolve('.cache/dynamodb-local');
  return existsSync(join(folder, 'DynamoDBLocal.jar')) ? folder : undefined;
}

/** Asks every engine that is here. One of them alone is held against the documentation. */
export async function compareEngines(): Promise<Conformance[]> {
  const { path } = readEngineSettings();
  const folder = dynamodbLocalFolder();
  const engines: Record<string, EngineSettings> = {
    dynoxide: { ...readEngineSettings(), dynamodbLocal: undefined, endpoint: undefined },
    ...(folder && { 'DynamoDB Local': { dynamodbLocal: folder, path } }),
  };
  const answers = new Map<string, Record<string, string>>();
  for (const [engineName, settings] of Object.entries(engines)) {
    const engine = await startEngine({ settings });
    const client = new DynamoDBClient({
      endpoint: engine.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      maxAttempts: 1,
    });
    try {
      for (const { name, answer } of await askAll(client)) {
        answers.set(name, { ...answers.get(name), [engineName]: answer });
      }
    } finally {
      client.destroy();
      await engine.stop();
    }
  }
  return PROBES.map(({ name, expected, handled }) => {
    const given = answers.get(name) ?? {};
    const wanted = expected === undefined ? undefined : JSON.stringify(expected);
    const identical =
      new Set([...Object.values(given), ...(wanted === undefined ? [] : [wanted])]).size === 1;
    return {
      name,
      answers: given,
      expected: wanted,
      handled,
      identical,
      holds: identical || handled !== undefined,
    };
  });
}
