import { ECSClient } from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { doubting } from '../../../core/aws-clients.ts';
import { OPERATOR_CLIENTS, useClientSettings } from '../../../core/client-settings.ts';
import type { TaskEnvironment } from '../../../core/task-environment.ts';
import { Fleet, InactiveTaskDefinitionError, LaunchRefusedError } from '../../../orchestrator/fleet/fleet.ts';
import { CREDENTIALS } from '../../support/engine.ts';
import { type HttpFront, type Script, startHttpFront } from '../../support/http-front.ts';

/** ECS by its API model, with answers made here. The local control plane has its own tests. */
let ecs: HttpFront;
let client: ECSClient;
let fleet: Fleet;

const LOCATION = {
  cluster: 'fleetfill',
  taskDefinition: 'fleetfill-job:7',
  container: 'job',
  subnets: ['subnet-1', 'subnet-2'],
  securityGroups: ['sg-1'],
  assignPublicIp: false,
};

const TASK: TaskEnvironment = {
  runId: 'run-1',
  launchId: '7a1d6a3e-0000-4000-8000-000000000001',
  segments: [0, 32, 64],
  totalSegments: 96,
  table: 'stuff',
  attribute: 'test',
  value: '1',
  controlTable: 'control',
  namespace: 'Fleetfill',
};

beforeAll(async () => {
  ecs = await startHttpFront(undefined);
  useClientSettings(OPERATOR_CLIENTS);
  client = doubting(
    new ECSClient({
      endpoint: ecs.endpoint,
      region: 'us-east-1',
      credentials: CREDENTIALS,
      maxAttempts: 1,
    }),
    'ECS',
  );
  fleet = new Fleet(LOCATION, client);
});

afterAll(async () => {
  client.destroy();
  await ecs.close();
});

afterEach(() => {
  ecs.calls.length = 0;
  vi.restoreAllMocks();
});

const arn = (number: number) => `arn:aws:ecs:us-east-1:000000000000:task/fleetfill/${number}`;
const started: Script = (_, answer) => answer.reply(200, { tasks: [{ taskArn: arn(1) }], failures: [] });
const refused = (...failures: { reason?: string; detail?: string }[]): Script => {
  return (_, answer) => answer.reply(200, { tasks: [], failures });
};
/** The first calls fail in this way. */
const failingFirst = (times: number, type: string, status: number, then: Script = started): Script => {
  let left = times;
  return (call, answer) => (left-- > 0 ? answer.refuse(type, 'said so', {}, status) : then(call, answer));
};

/** Makes the pauses between tries pass at once. */
function withoutPauses(): void {
  const real = setTimeout;
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms = 0) =>
    real(run, ms >= 200 && ms <= 60_000 ? 0 : ms)) as typeof setTimeout);
}

describe('starting a task', () => {
  test('is one call for one task: the launch is the token, the run who started it, the worker’s environment the override', async () => {
    ecs.script = started;
    expect(await fleet.start(TASK, false)).toBe(arn(1));
    expect(ecs.calls).toHaveLength(1);
    expect(ecs.calls[0]?.body).toEqual({
      cluster: 'fleetfill',
      taskDefinition: 'fleetfill-job:7',
      launchType: 'FARGATE',
      count: 1,
      clientToken: TASK.launchId,
      startedBy: 'run-1',
      propagateTags: 'TASK_DEFINITION',
      enableECSManagedTags: true,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-1', 'subnet-2'],
          securityGroups: ['sg-1'],
          assignPublicIp: 'DISABLED',
        },
      },
      overrides: {
        containerOverrides: [
          {
            name: 'job',
            environment: [
              { name: 'FLEETFILL_RUN_ID', value: 'run-1' },
              { name: 'FLEETFILL_LAUNCH', value: TASK.launchId },
              { name: 'FLEETFILL_SEGMENTS', value: '0,32,64' },
              { name: 'FLEETFILL_TOTAL_SEGMENTS', value: '96' },
              { name: 'FLEETFILL_TABLE', value: 'stuff' },
              { name: 'FLEETFILL_ATTRIBUTE', value: 'test' },
              { name: 'FLEETFILL_VALUE', value: '1' },
              { name: 'FLEETFILL_CONTROL_TABLE', value: 'control' },
              { name: 'FLEETFILL_NAMESPACE', value: 'Fleetfill' },
            ],
          },
        ],
      },
    });
  });

  test('on Spot names the capacity provider, and then no launch type', async () => {
    ecs.script = started;
    await fleet.start(TASK, true);
    const body = ecs.calls[0]?.body;
    expect(body.capacityProviderStrategy).toEqual([{ capacityProvider: 'FARGATE_SPOT', weight: 1 }]);
    expect(body).not.toHaveProperty('launchType');
  });

  test('gives tasks a public address when asked to', async () => {
    ecs.script = started;
    await new Fleet({ ...LOCATION, assignPublicIp: true }, client).start(TASK, false);
    expect(ecs.calls[0]?.body.networkConfiguration.awsvpcConfiguration.assignPublicIp).toBe('ENABLED');
  });

  test.each([
    ['ThrottlingException', 400],
    ['TooManyRequestsException', 400],
    ['ServerException', 500],
    ['ServiceUnavailable', 503],
    ['SomethingNew', 502],
  ])('is tried again after %s, with the same token', async (type, status) => {
    withoutPauses();
    ecs.script = failingFirst(3, type, status);
    expect(await fleet.start(TASK, false)).toBe(arn(1));
    expect(ecs.calls).toHaveLength(4);
    expect(new Set(ecs.calls.map(({ body }) => body.clientToken)).size).toBe(1);
  });

  test('is tried again when its reply was lost', async () => {
    withoutPauses();
    let calls = 0;
    ecs.script = (call, answer) => (calls++ === 0 ? answer.cut() : started(call, answer));
    expect(await fleet.start(TASK, false)).toBe(arn(1));
  });

  test('gives up after a few tries', async () => {
    withoutPauses();
    ecs.script = failingFirst(1_000, 'ServerException', 500);
    await expect(fleet.start(TASK, false)).rejects.toThrow('said so');
    expect(ecs.calls).toHaveLength(6);
  });

  test.each([
    'AccessDeniedException',
    'ClusterNotFoundException',
    'ClientException',
    'InvalidParameterException',
  ])('is not tried again after %s', async type => {
    ecs.script = failingFirst(1_000, type, 400);
    await expect(fleet.start(TASK, false)).rejects.toThrow('said so');
    expect(ecs.calls).toHaveLength(1);
  });

  test('that succeeds but lists failures has started nothing: it reports the reasons', async () => {
    ecs.script = refused({ reason: 'RESOURCE:ENI', detail: 'none left' }, { reason: 'AGENT' }, {});
    const starting = fleet.start(TASK, false);
    await expect(starting).rejects.toThrow(LaunchRefusedError);
    await expect(starting).rejects.toMatchObject({
      reasons: ['RESOURCE:ENI (none left)', 'AGENT', 'no reason given'],
    });
  });

  test.each([
    'Capacity is unavailable at this time. Please try again later or in a different availability zone',
    'You’ve reached the limit on the number of tasks you can run concurrently',
    "You've reached the limit on the number of vCPUs you can run concurrently",
  ])('for which there is no room is refused, not broken: %s', async message => {
    ecs.script = (_, answer) => answer.refuse('ClientException', message);
    await expect(fleet.start(TASK, false)).rejects.toThrow(LaunchRefusedError);
  });
});

describe('a role that ECS cannot use', () => {
  const MESSAGE = 'ECS was unable to assume the role arn:aws:iam::000000000000:role/fleetfill-execution';
  const PASS_ROLE = 'User: arn is not authorized to perform: iam:PassRole on resource: arn';

  test.each([
    ['ClientException', MESSAGE],
    ['AccessDeniedException', PASS_ROLE],
  ])(
    'may be new: for a minute the refusal counts as no room, then it is reported (%s)',
    async (type, message) => {
      let nowMs = 1_000;
      const waiting = new Fleet(LOCATION, client, undefined, () => nowMs);
      ecs.script = (_, answer) => answer.refuse(type, message);
      await expect(waiting.start(TASK, false)).rejects.toThrow(LaunchRefusedError);
      nowMs += 59_000;
      await expect(waiting.start(TASK, false)).rejects.toThrow(LaunchRefusedError);
      nowMs += 2_000;
      const told = waiting.start(TASK, false);
      await expect(told).rejects.not.toBeInstanceOf(LaunchRefusedError);
      await expect(told).rejects.toThrow(message);
    },
  );

  test('is usable again once a task has started, and its minute begins anew', async () => {
    let nowMs = 0;
    const waiting = new Fleet(LOCATION, client, undefined, () => nowMs);
    ecs.script = (_, answer) => answer.refuse('ClientException', MESSAGE);
    await expect(waiting.start(TASK, false)).rejects.toThrow(LaunchRefusedError);
    ecs.script = started;
    await waiting.start(TASK, false);
    nowMs += 100_000;
    ecs.script = (_, answer) => answer.refuse('ClientException', MESSAGE);
    await expect(waiting.start(TASK, false)).rejects.toThrow(LaunchRefusedError);
  });
});

describe('starting a task after an update of the stack', () => {
  const NEXT = 'fleetfill-job:8';
  const inactive = (type: string): Script => {
    return (call, answer) =>
      call.body.taskDefinition === NEXT
        ? started(call, answer)
        : answer.refuse(type, 'TaskDefinition is inactive');
  };

  test.each(['ClientException', 'InvalidParameterException'])(
    'takes the definition that the stack names now when ECS says with %s that the old one is inactive',
    async type => {
      let asked = 0;
      const own = new Fleet(LOCATION, client, async () => {
        asked += 1;
        return NEXT;
      });
      ecs.script = inactive(type);
      expect(await own.start(TASK, false)).toBe(arn(1));
      expect(await own.start({ ...TASK, launchId: 'another' }, false)).toBe(arn(1));
      expect(ecs.calls.map(({ body }) => body.taskDefinition)).toEqual(['fleetfill-job:7', NEXT, NEXT]);
      expect(asked).toBe(1);
    },
  );

  test.each([undefined, 'fleetfill-job:7'])(
    'says what to name instead, where the stack names %s',
    async current => {
      ecs.script = inactive('InvalidParameterException');
      const starting = new Fleet(LOCATION, client, async () => current).start(TASK, false);
      await expect(starting).rejects.toThrow(InactiveTaskDefinitionError);
      await expect(starting).rejects.toThrow(/is INACTIVE.*--task-definition fleetfill-job names the newest/);
    },
  );

  test('finds the task that it started earlier when ECS says that the token has other parameters', async () => {
    ecs.script = (_, answer) =>
      answer.refuse('ConflictException', 'already in use', { resourceIds: [arn(5)] });
    expect(await fleet.start(TASK, false)).toBe(arn(5));
    expect(ecs.calls).toHaveLength(1);
  });
});

describe('asking for tasks', () => {
  const stopped = {
    taskArn: arn(2),
    lastStatus: 'STOPPED',
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    containers: [
      { name: 'sidecar', exitCode: 0 },
      { name: 'job', exitCode: 143, reason: 'asked to' },
    ],
  };

  test('says which are alive, which have stopped and how, and which ECS no longer knows', async () => {
    ecs.script = (_, answer) =>
      answer.reply(200, {
        tasks: [{ taskArn: arn(1), lastStatus: 'PENDING' }, stopped],
        failures: [{ arn: arn(3), reason: 'MISSING' }],
      });
    expect(await fleet.describe([1, 2, 3, 4].map(arn))).toEqual(
      new Map<string, unknown>([
        [arn(1), { state: 'alive', lastStatus: 'PENDING' }],
        [
          arn(2),
          {
            state: 'stopped',
            stopCode: 'EssentialContainerExited',
            reason: 'Essential container in task exited; asked to',
            exitCode: 143,
          },
        ],
        [arn(3), { state: 'gone' }],
      ]),
    );
  });

  test('of a task that never started says so without an exit code', async () => {
    const task = {
      taskArn: arn(1),
      lastStatus: 'STOPPED',
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'no image',
    };
    ecs.script = (_, answer) => answer.reply(200, { tasks: [task], failures: [] });
    expect((await fleet.describe([arn(1)])).get(arn(1))).toEqual({
      state: 'stopped',
      stopCode: 'TaskFailedToStart',
      reason: 'no image',
      exitCode: undefined,
    });
  });

  test('asks for at most a hundred in a call', async () => {
    ecs.script = ({ body }, answer) =>
      answer.reply(200, {
        tasks: body.tasks.map((taskArn: string) => ({ taskArn, lastStatus: 'RUNNING' })),
        failures: [],
      });
    const arns = Array.from({ length: 250 }, (_, number) => arn(number));
    expect((await fleet.describe(arns)).size).toBe(250);
    expect(ecs.calls.map(({ body }) => body.tasks.length)).toEqual([100, 100, 50]);
  });

  test('sends nothing when there are no tasks', async () => {
    expect((await fleet.describe([])).size).toBe(0);
    expect(ecs.calls).toHaveLength(0);
  });

  test('is tried again while ECS throttles', async () => {
    withoutPauses();
    ecs.script = failingFirst(2, 'ThrottlingException', 400, (_, answer) =>
      answer.reply(200, { tasks: [{ taskArn: arn(1), lastStatus: 'RUNNING' }], failures: [] }),
    );
    expect((await fleet.describe([arn(1)])).get(arn(1))).toEqual({ state: 'alive', lastStatus: 'RUNNING' });
  });
});

test('stopping a task says why', async () => {
  ecs.script = (_, answer) => answer.reply(200, {});
  await fleet.stop(arn(1), 'no authority any more');
  expect(ecs.calls[0]?.body).toEqual({
    cluster: 'fleetfill',
    task: arn(1),
    reason: 'no authority any more',
  });
});

test('a missing task definition is reported in ECS’s own words', async () => {
  ecs.script = (_, answer) => answer.refuse('ClientException', 'Unable to describe task definition.');
  await expect(fleet.describeTaskDefinition()).rejects.toThrow('Unable to describe task definition.');
});
