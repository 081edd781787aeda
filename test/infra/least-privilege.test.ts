import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEED_NO_PERMISSION, PERMISSIONS } from '../../infra/permissions.ts';
import { faultsOf } from '../../local/fault/fault-proxy.ts';
import type { Observation } from '../../local/fault/observation.ts';
import { Stage } from '../e2e/support/stage.ts';
import { callOf, isAnswered, type Orchestrator, observedCalls } from './support/observed-calls.ts';
import { allowedBy, holdCalls, notShown, type ObservedCall } from './support/policies.ts';
import { loadTemplate } from './support/template.ts';

const CONTROL_TABLE = 'fleetfill-control';
const RATES = ['--max-write-rate', '100', '--max-read-rate', '2000'];

const allowed = allowedBy(loadTemplate('fleet'));
const calls = new Map<string, ObservedCall>();
const requests: Pick<Observation, 'service' | 'operation' | 'body' | 'client'>[] = [];
const denied: string[] = [];
/** `supervisor` while a run is resumed under the role of the supervisor's task. */
let orchestrator: Orchestrator = 'operator';
let stage: Stage;

/** Whether the policies of fleet.yaml would have denied the call. */
function isDenied(call: Parameters<typeof observedCalls>[0]): boolean {
  const missing = holdCalls(observedCalls(call, CONTROL_TABLE, orchestrator), allowed, NEED_NO_PERMISSION);
  denied.push(...missing);
  return missing.length > 0;
}

async function orchestrate(...args: string[]): Promise<number> {
  const child = stage.orchestrate(args);
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const exit = await child.exit;
  clearTimeout(late);
  if (exit === 1 || exit === 137)
    throw new Error(
      `orchestrate ${args.join(' ')}: ${child.stderr}\nDenied: ${[...new Set(denied)].join('; ')}`,
    );
  return exit;
}

/**
 * A whole run with everything that an operator does to it, on a stack that denies each call that the policies do not
 * allow. The tap records the calls, and the port tells who made them.
 */
beforeAll(async () => {
  stage = await Stage.open({ items: 2_500, seed: 'least privilege', stack: { faults: faultsOf() } });
  const { faults } = stage.stack;
  if (!faults) throw new Error('The stack has no fault proxy.');
  faults.add({
    name: 'one item in a hundred cannot be written by the fleet',
    service: 'dynamodb',
    operations: ['BatchExecuteStatement'],
    tables: ['stuff'],
    clients: ['fleet'],
    probability: 0.01,
    fault: { kind: 'fail', status: 400, error: 'ValidationException', parts: true },
  });
  faults.add({
    name: 'the policies of fleet.yaml',
    where: subject => isDenied(callOf(subject)),
    fault: { kind: 'deny' },
  });
  faults.tap({
    received: call => {
      if (call.client === 'application' || !isAnswered(call)) return;
      requests.push({
        service: call.service,
        operation: call.operation,
        body: call.body,
        client: call.client,
      });
      for (const observed of observedCalls(call, CONTROL_TABLE, orchestrator))
        calls.set(JSON.stringify(observed), observed);
    },
  });
  expect(await orchestrate('doctor', '--task', '--allow-no-pitr')).toBe(0);
  await orchestrate('plan', '--segments', '4', '--allow-no-pitr');
  const few = ['--segments', '2', '--allow-no-pitr', '--yes'];
  expect(await orchestrate('run', '--dry-run', ...few)).toBe(0);
  expect([0, 5]).toContain(await orchestrate('run', '--limit', '20', ...few));
  const run = stage.orchestrate(['run', '--segments', '4', ...RATES, '--allow-no-pitr', '--yes']);
  await run.waitFor(({ event }) => event === 'run.started');
  const { runId } = run;
  await fenceOffOne();
  expect(await orchestrate('rate', runId, '--max-write-rate', '400')).toBe(0);
  expect(await orchestrate('pause', runId)).toBe(0);
  expect(await run.exit).toBe(9);
  expect(await orchestrate('status')).toBe(0);
  orchestrator = 'supervisor';
  const resumed = stage.orchestrate(['resume', runId]);
  await fenceOffOne();
  expect(await resumed.exit).toBe(5);
  orchestrator = 'operator';
  expect(await orchestrate('failures', runId, '--retry')).toBe(0);
  expect(await orchestrate('verify')).toBe(0);
  expect(await orchestrate('report', runId, '--out', 'run.html')).toBe(0);
  expect(await orchestrate('run', '--write-api', 'single', ...few)).toBe(0);
}, 180_000);

afterAll(async () => {
  await stage?.close();
});

/** Freezes a working worker until the supervisor has fenced it off and asked ECS to stop it. */
async function fenceOffOne(): Promise<void> {
  const before = requests.length;
  const since = () => requests.slice(before);
  // One that has sent its first heartbeat. Before that, it would get minutes to start.
  await until(() =>
    since().some(
      ({ client, operation, body }) =>
        client === 'fleet' && operation === 'BatchExecuteStatement' && writesToUser(body),
    ),
  );
  const frozen = stage.stack.ecs
    .tasks()
    .filter(({ lastStatus, launch }) => lastStatus === 'RUNNING' && hasBeaten(launch))
    .slice(0, 1);
  expect(frozen).toHaveLength(1);
  for (const { pid = 0 } of frozen) process.kill(pid, 'SIGSTOP');
  await until(() => since().some(({ operation }) => operation === 'StopTask'));
  for (const { pid = 0 } of frozen) process.kill(pid, 'SIGCONT');
}

function hasBeaten(launch: string | undefined): boolean {
  return requests.some(
    ({ client, operation, body }) =>
      client === 'fleet' && operation === 'UpdateItem' && JSON.stringify(body).includes(`TASK#${launch}`),
  );
}

function writesToUser(body: Observation['body']): boolean {
  return JSON.stringify(body).includes('UPDATE \\"stuff\\"');
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 400) throw new Error(`It did not come about: ${holds}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

describe('the calls of a whole run', () => {
  it('are allowed, every one, but for the whole items that the plan would like to sample', () => {
    expect(new Set(denied)).toEqual(
      new Set([
        expect.stringMatching(
          /^The operator calls dynamodb:Scan on the user table with .*dynamodb:Select ALL_ATTRIBUTES, and no policy of fleet.yaml allows it$/,
        ),
      ]),
    );
  });

  it('show every permission that is said to be seen', () => {
    expect(notShown([...calls.values()], PERMISSIONS)).toEqual([]);
  });

  it.each(PERMISSIONS.filter(({ evidence }) => evidence === 'seen'))(
    'name what fails when $action on the $on is taken from $principal',
    ({ principal, action, on }) => {
      const rest = allowed.filter(
        entry => entry.principal !== principal || entry.action !== action || entry.on !== on,
      );
      expect(holdCalls([...calls.values()], rest, NEED_NO_PERMISSION)).toContainEqual(
        expect.stringContaining(`The ${principal} calls ${action}`),
      );
    },
  );
});

/** The Python of moto's environment, which has botocore and so AWS's own service models. */
const PYTHON = fileURLToPath(new URL('../../.cache/moto-5.2.5/bin/python', import.meta.url));
const VALIDATOR = fileURLToPath(new URL('support/validate_requests.py', import.meta.url));
const canValidate = existsSync(PYTHON);

if (!canValidate && !process.env['CI']) {
  console.warn(
    "\n!!! SKIPPED: the requests were NOT held against AWS's service models.\n!!! Run scripts/moto.sh once, which installs botocore.\n",
  );
}

describe.skipIf(!canValidate && !process.env['CI'])(
  "the requests of a whole run, by AWS's own models",
  () => {
    it('keep every constraint: required members, lengths, patterns, ranges, lists, enumerations', async () => {
      const distinct = new Map(
        requests.map(request => [
          JSON.stringify([request.service, request.operation, request.body]),
          request,
        ]),
      );
      const child = promisify(execFile)(PYTHON, [VALIDATOR], { maxBuffer: 1 << 24 });
      child.child.stdin?.end(JSON.stringify([...distinct.values()]));
      const report = JSON.parse((await child).stdout) as {
        checked: Record<string, number>;
        problems: string[];
      };
      expect(report.problems).toEqual([]);
      expect(Object.keys(report.checked)).toEqual(
        expect.arrayContaining([
          'cloudwatch PutMetricData',
          'cloudwatch GetMetricData',
          'ecs RunTask',
          'ecs StopTask',
        ]),
      );
    });

    it('are refused by the validator where they break one', async () => {
      const broken = [
        { service: 'ecs', operation: 'RunTask', body: { cluster: 'c' } },
        { service: 'ecs', operation: 'RunTask', body: { taskDefinition: 't', launchType: 'MOON' } },
        { service: 'cloudwatch', operation: 'PutMetricData', body: { Namespace: ':x', MetricData: [] } },
        {
          service: 'dynamodb',
          operation: 'Scan',
          body: { TableName: '', TotalSegments: 1_000_001, Segment: 0 },
        },
      ];
      const child = promisify(execFile)(PYTHON, [VALIDATOR]);
      child.child.stdin?.end(JSON.stringify(broken));
      const { problems } = JSON.parse((await child).stdout) as { problems: string[] };
      expect(problems).toEqual([
        expect.stringMatching(/ecs RunTask.*Missing required parameter.*taskDefinition/s),
        expect.stringMatching(/ecs RunTask.*launchType.*MOON/s),
        expect.stringMatching(/cloudwatch PutMetricData.*Namespace.*pattern/s),
        expect.stringMatching(/dynamodb Scan/s),
      ]);
    });
  },
);
