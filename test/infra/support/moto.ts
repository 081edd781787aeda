import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { ACCOUNT, REGION, type TemplateName, templateText } from './template.ts';

/**
 * The command of moto's server (scripts/moto.sh prints it), or the address of a running one; undefined without moto.
 */
export const MOTO = process.env['FLEETFILL_MOTO'];

const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };

/** Warns loudly that tests that need moto are skipped. */
export function warnWithoutMoto(what: string, file: string): void {
  if (MOTO) return;
  console.warn(
    `\n!!! SKIPPED: ${what}.\n!!! Run: FLEETFILL_MOTO="$(scripts/moto.sh)" npx vitest run ${file}\n`,
  );
}

/** Moto, a third-party implementation of AWS, as a process of this test. */
export class Moto {
  readonly endpoint: string;
  readonly #server: ChildProcess | undefined;
  readonly #cloudFormation: CloudFormationClient;

  readonly #region: string;

  private constructor(endpoint: string, region: string, server: ChildProcess | undefined) {
    this.endpoint = endpoint;
    this.#region = region;
    this.#server = server;
    this.#cloudFormation = new CloudFormationClient(this.clientOptions);
  }

  /** `place`: account and Region of its ARNs, if they must be those of another stack. */
  static async start({ account, region } = { account: ACCOUNT, region: REGION }): Promise<Moto> {
    const command = MOTO ?? '';
    if (/^https?:/.test(command)) return new Moto(command, region, undefined);
    const port = await freePort();
    const server = spawn(command, ['--host', '127.0.0.1', '--port', String(port)], {
      stdio: 'ignore',
      env: { ...process.env, MOTO_ACCOUNT_ID: account },
    });
    const endpoint = `http://127.0.0.1:${port}`;
    await answering(endpoint, server);
    return new Moto(endpoint, region, server);
  }

  /** One attempt, so that a template that moto cannot take says so, and not "already exists" on a second attempt. */
  get clientOptions() {
    return { endpoint: this.endpoint, region: this.#region, credentials, maxAttempts: 1 };
  }

  /** The environment of a process that uses moto as AWS. */
  get environment(): Record<string, string> {
    return {
      AWS_REGION: this.#region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL: this.endpoint,
    };
  }

  /**
   * Creates everything of the founding case.
   * @returns the outputs of the fleet's stack and of those that it depends on
   */
  async createAll(parameters: Readonly<Record<string, string>> = {}) {
    const network = await this.create('network', {});
    const repository = await this.create('repository', {});
    const table = await this.create('table', {});
    const fleet = await this.create('fleet', {
      TableName: table['TableName'] ?? '',
      Attributes: 'test',
      VpcId: network['VpcId'] ?? '',
      SubnetIds: network['SubnetIds'] ?? '',
      AssignPublicIp: 'DISABLED',
      ImageUri: `${repository['RepositoryUri']}:1.0`,
      ...parameters,
    });
    const dashboard = await this.create('dashboard', {
      TableName: table['TableName'] ?? '',
      Namespace: fleet['Namespace'] ?? '',
      LogGroup: fleet['LogGroup'] ?? '',
      ExpectedItems: '5000000',
    });
    return { network, repository, table, fleet, dashboard };
  }

  /** @returns the outputs of the stack, which is named `fleetfill`, or `fleetfill-` and the template's name. */
  async create(
    name: TemplateName,
    parameters: Readonly<Record<string, string>>,
    StackName = name === 'fleet' ? 'fleetfill' : `fleetfill-${name}`,
    TemplateBody = templateText(name),
  ): Promise<Record<string, string>> {
    await this.#cloudFormation.send(
      new CreateStackCommand({
        StackName,
        TemplateBody,
        Capabilities: ['CAPABILITY_IAM'],
        Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
      }),
    );
    await waitUntilStackCreateComplete(
      { client: this.#cloudFormation, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
      { StackName },
    );
    const { Stacks } = await this.#cloudFormation.send(new DescribeStacksCommand({ StackName }));
    return Object.fromEntries(
      (Stacks?.[0]?.Outputs ?? []).map(output => [output.OutputKey, output.OutputValue ?? '']),
    );
  }

  async stop(): Promise<void> {
    this.#cloudFormation.destroy();
    if (this.#server?.exitCode !== null || this.#server.signalCode !== null) return;
    this.#server.kill();
    await once(this.#server, 'exit');
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port');
  return address.port;
}

/** Moto's dashboard answers once the server listens. */
async function answering(endpoint: string, process: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 120; attempt++) {
    if (process.exitCode !== null) throw new Error(`moto ended with ${process.exitCode} before it answered`);
    try {
      await fetch(`${endpoint}/moto-api/`);
      return;
    } catch {
      await sleep(250);
    }
  }
  throw new Error('moto does not answer');
}
