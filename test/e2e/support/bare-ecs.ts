import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

interface Override {
  readonly name: string;
  readonly command?: readonly string[];
  readonly environment?: readonly { readonly name: string; readonly value: string }[];
}

export interface BareTask {
  readonly taskArn: string;
  readonly command: readonly string[];
  readonly child: ChildProcess;
  readonly startedAtMs: number;
  exitCode: number | undefined;
}

export interface BareEcs {
  readonly endpoint: string;
  readonly tasks: BareTask[];
  /** Every requested operation, known or not. */
  readonly operations: Set<string>;
  close(): Promise<void>;
}

/**
 * The smallest possible ECS: it starts the command in the override and knows four operations. It shares no code with
 * local/, so that the tool cannot depend on more of ECS than this.
 * @param bundles by the names that the commands use
 * @param environment of every task: Region, credentials and endpoints
 */
export async function startBareEcs(
  bundles: Readonly<Record<string, string>>,
  environment: () => Readonly<Record<string, string>>,
): Promise<BareEcs> {
  const tasks: BareTask[] = [];
  const byToken = new Map<string, BareTask>();
  const operations = new Set<string>();

  const start = (override: Override, standard: readonly string[]): BareTask => {
    const command = override.command ?? standard;
    const [program = '', script = '', ...args] = command;
    if (program !== 'node') throw new Error(`Not a command of the image: ${command.join(' ')}`);
    const given = Object.fromEntries((override.environment ?? []).map(({ name, value }) => [name, value]));
    const child = spawn(process.execPath, [bundles[basename(script)] ?? script, ...args], {
      cwd: mkdtempSync(join(tmpdir(), 'bare-ecs-')),
      env: { PATH: process.env['PATH'], HOME: '/nowhere', ...environment(), ...given },
      stdio: 'ignore',
    });
    const taskArn = `arn:aws:ecs:us-east-1:000000000000:task/bare/${randomUUID().replaceAll('-', '')}`;
    const task: BareTask = { taskArn, command, child, startedAtMs: performance.now(), exitCode: undefined };
    child.once('exit', (code, signal) => {
      task.exitCode = code ?? (signal === 'SIGTERM' ? 143 : 137);
    });
    tasks.push(task);
    return task;
  };
  const describe = ({ taskArn, exitCode }: BareTask, name: string) => ({
    taskArn,
    lastStatus: exitCode === undefined ? 'RUNNING' : 'STOPPED',
    desiredStatus: exitCode === undefined ? 'RUNNING' : 'STOPPED',
    ...(exitCode !== undefined && { stopCode: 'EssentialContainerExited', stoppedReason: 'it has ended' }),
    containers: [{ name, ...(exitCode !== undefined && { exitCode }) }],
  });
  const nameOf = ({ command }: BareTask) =>
    command.some(word => word.endsWith('job.mjs')) ? 'job' : 'supervisor';

  // biome-ignore lint/suspicious/noExplicitAny: requests of four shapes.
  const answer = (operation: string, body: any): unknown => {
    switch (operation) {
      case 'RunTask': {
        const [override = { name: 'job' }] = body.overrides?.containerOverrides ?? [];
        const task = byToken.get(body.clientToken) ?? start(override, ['node', 'job.mjs']);
        if (body.clientToken) byToken.set(body.clientToken, task);
        return { tasks: [describe(task, nameOf(task))], failures: [] };
      }
      case 'DescribeTasks': {
        const found = tasks.filter(({ taskArn }) => body.tasks.includes(taskArn));
        return { tasks: found.map(task => describe(task, nameOf(task))), failures: [] };
      }
      case 'StopTask': {
        const task = tasks.find(({ taskArn }) => taskArn === body.task);
        task?.child.kill('SIGTERM');
        return { task: task && describe(task, nameOf(task)) };
      }
      case 'DescribeTaskDefinition':
        return {
          taskDefinition: {
            taskDefinitionArn: body.taskDefinition,
            family: body.taskDefinition,
            cpu: '256',
            memory: '512',
            containerDefinitions: [{ name: 'job' }],
          },
        };
      default:
        return undefined;
    }
  };
  const server = createServer(async (request, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
    operations.add(operation);
    const reply = answer(operation, text === '' ? {} : JSON.parse(text));
    response.writeHead(reply === undefined ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(reply ?? { __type: 'UnknownOperationException' }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tasks,
    operations,
    close: async () => {
      for (const { child, exitCode } of tasks) if (exitCode === undefined) child.kill('SIGKILL');
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
