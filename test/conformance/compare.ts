import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { startEngine } from '../../local/engine.ts';
import { type EngineSettings, readEngineSettings } from '../../local/engine-choice.ts';
import { askAll, type OnAws, PROBES } from './probes.ts';

export interface Conformance {
  readonly name: string;
  /** Answers by engine. */
  readonly answers: Readonly<Record<string, string>>;
  readonly aws: OnAws;
  readonly handled: string | undefined;
  /** Every engine answers as AWS does, or the difference is handled. */
  readonly holds: boolean;
  readonly identical: boolean;
}

/** Where scripts/dynoxide-rs.mjs puts the program that it builds. */
const BUILT = resolve('.cache/dynoxide-rs-3.2.0/bin/dynoxide');

/**
 * The engines on this machine: the one from npm, a later one of the same project if it was built from source, and the
 * vendor's DynamoDB Local if somebody names it. DynamoDB Local has its own terms, so nothing here downloads it.
 */
export function enginesHere(): Readonly<Record<string, EngineSettings>> {
  const settings = readEngineSettings();
  const { path, dynamodbLocal } = settings;
  return {
    'dynoxide 1.2.1': { ...settings, dynoxide: undefined, dynamodbLocal: undefined, endpoint: undefined },
    ...(existsSync(BUILT) && { 'dynoxide-rs 3.2.0': { dynoxide: BUILT, path } }),
    ...(dynamodbLocal !== undefined && { 'DynamoDB Local': { dynamodbLocal, path } }),
  };
}

/** Asks every engine on this machine and compares each answer with what AWS does. */
export async function compareEngines(): Promise<Conformance[]> {
  const answers = new Map<string, Record<string, string>>();
  for (const [engineName, settings] of Object.entries(enginesHere())) {
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
  return PROBES.map(({ name, aws, handled }) => {
    const given = answers.get(name) ?? {};
    const identical = Object.values(given).every(answer => answer === JSON.stringify(aws.answer));
    return { name, answers: given, aws, handled, identical, holds: identical || handled !== undefined };
  });
}
