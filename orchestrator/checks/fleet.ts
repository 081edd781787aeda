import {
  type ContainerDefinition,
  DescribeClustersCommand,
  DescribeTaskDefinitionCommand,
  type ECSClient,
  type TaskDefinition,
} from '@aws-sdk/client-ecs';
import { TASK_ENVIRONMENT_VARIABLES } from '../../core/task-environment.ts';
import type { FleetLocation } from '../fleet/fleet.ts';
import { asking, type Finding, failure, ok, warning } from './finding.ts';

const CLUSTER = 'cluster';
const DEFINITION = 'task-definition';

/** The worker exits within 25 seconds of SIGTERM. */
const LEAST_STOP_TIMEOUT_SECONDS = 30;

/** Checks that the cluster exists and accepts tasks. */
export async function checkCluster(
  ecs: ECSClient,
  cluster: string,
  spot: boolean,
): Promise<readonly Finding[]> {
  return asking(
    CLUSTER,
    'whether the cluster is there',
    async () => {
      const { clusters } = await ecs.send(new DescribeClustersCommand({ clusters: [cluster] }));
      const found = clusters?.[0];
      if (found?.status !== 'ACTIVE') {
        return [
          failure(CLUSTER, {
            message: found ? `The cluster ${cluster} is ${found.status}.` : `There is no cluster ${cluster}.`,
            advice: 'Name the right one with --cluster or --stack; infra/fleet.yaml creates one.',
          }),
        ];
      }
      if (spot && !found.capacityProviders?.includes('FARGATE_SPOT')) {
        return [
          failure(CLUSTER, {
            message: `The cluster ${cluster} does not have the capacity provider FARGATE_SPOT.`,
            advice:
              'Leave --spot out, or use the cluster of infra/fleet.yaml, which has that capacity provider.',
          }),
        ];
      }
      return [ok(CLUSTER, `The cluster ${cluster} is ACTIVE.`)];
    },
    error =>
      error.name === 'ClusterNotFoundException'
        ? failure(CLUSTER, {
            message: `There is no cluster ${cluster}.`,
            advice: 'Name the right one with --cluster or --stack.',
          })
        : undefined,
  );
}

/** @returns the task definition, or what is wrong if there is none. */
export async function readTaskDefinition(
  ecs: ECSClient,
  taskDefinition: string,
): Promise<{ definition?: TaskDefinition; findings: readonly Finding[] }> {
  let definition: TaskDefinition | undefined;
  const findings = await asking(
    DEFINITION,
    'the task definition',
    async () => {
      const reply = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
      definition = reply.taskDefinition;
      return [];
    },
    error =>
      error.name === 'ClientException'
        ? failure(DEFINITION, {
            message: `There is no task definition ${taskDefinition}: ${error.message}`,
            advice: 'Name the right one with --task-definition or --stack.',
          })
        : undefined,
  );
  return definition ? { definition, findings } : { findings };
}

/** Finds what in a task definition would keep the worker from starting, working or stopping in time. */
export function judgeTaskDefinition(
  definition: TaskDefinition,
  { container: name }: Pick<FleetLocation, 'container'>,
): readonly Finding[] {
  const containers = definition.containerDefinitions ?? [];
  const container = containers.find(other => other.name === name);
  const label = `${definition.family}:${definition.revision}`;
  if (!container) {
    return [
      failure(DEFINITION, {
        message: `The task definition ${label} has no container ${name}; it has ${containers.map(other => other.name).join(', ') || 'none'}.`,
        advice: 'Name it with --container.',
      }),
    ];
  }
  const findings = [...judgeTask(definition), ...judgeContainer(container), ...judgeLog(container)];
  const sidecars = containers.filter(other => other !== container && other.essential !== false);
  if (sidecars.length > 0) {
    findings.push(
      warning(DEFINITION, {
        message: `${sidecars.map(other => other.name).join(', ')} is essential too, so the worker stops when it stops.`,
      }),
    );
  }
  return findings.some(({ level }) => level === 'failure')
    ? findings
    : [
        ok(
          DEFINITION,
          `The task definition ${label} starts ${container.image} with the settings that the worker needs.`,
        ),
        ...findings,
      ];
}

function judgeTask(definition: TaskDefinition): Finding[] {
  const findings: Finding[] = [];
  if (definition.networkMode !== 'awsvpc' || !definition.requiresCompatibilities?.includes('FARGATE')) {
    findings.push(
      failure(DEFINITION, {
        message:
          'The task definition is not for Fargate (requiresCompatibilities FARGATE, networkMode awsvpc).',
        advice: 'Use the one of infra/fleet.yaml.',
      }),
    );
  }
  if (definition.taskRoleArn === undefined) {
    findings.push(
      warning(DEFINITION, {
        message: 'The task definition has no task role, so the worker would have no permission on any table.',
        advice: 'Use the one of infra/fleet.yaml. orchestrate doctor --task tests what the worker may do.',
      }),
    );
  }
  if (definition.executionRoleArn === undefined) {
    findings.push(
      warning(DEFINITION, {
        message:
          'The task definition has no execution role, so Fargate cannot pull an image from ECR or write a log.',
      }),
    );
  }
  return findings;
}

function judgeContainer(container: ContainerDefinition): Finding[] {
  const findings: Finding[] = [];
  const own = (container.environment ?? []).map(({ name = '' }) => name);
  const ours = own.filter(name => TASK_ENVIRONMENT_VARIABLES.includes(name));
  if (ours.length > 0) {
    findings.push(
      failure(DEFINITION, {
        message: `The task definition's environment has ${ours.join(', ')}. A task that somebody starts by hand would act as part of a run.`,
        advice: 'Remove them. The orchestrator sets them for each task.',
      }),
    );
  }
  const others = own.filter(name => name.startsWith('FLEETFILL_') && !ours.includes(name));
  if (others.length > 0) {
    findings.push(
      warning(DEFINITION, {
        message: `The task definition's environment has ${others.join(', ')}, which the worker does not read.`,
      }),
    );
  }
  const endpoints = own.filter(name => name.startsWith('AWS_ENDPOINT_URL'));
  if (endpoints.length > 0) {
    findings.push(
      warning(DEFINITION, {
        message: `The task definition's environment has ${endpoints.join(', ')}, so the worker would call another endpoint instead of AWS.`,
      }),
    );
  }
  const command = [...(container.entryPoint ?? []), ...(container.command ?? [])].join(' ');
  if (command !== '' && command !== 'node job.mjs') {
    findings.push(
      warning(DEFINITION, {
        message: `The container's command is "${command}", not "node job.mjs".`,
        advice: 'To test whether this starts the worker: orchestrate doctor --task',
      }),
    );
  }
  const stopTimeout = container.stopTimeout ?? 30;
  if (stopTimeout < LEAST_STOP_TIMEOUT_SECONDS) {
    findings.push(
      failure(DEFINITION, {
        message: `stopTimeout is ${stopTimeout} s; the worker needs up to 25 s after SIGTERM for its last checkpoint.`,
        advice: 'Set it to 120, the maximum.',
      }),
    );
  }
  if (container.readonlyRootFilesystem !== true) {
    findings.push(
      warning(DEFINITION, {
        message: "The container's root file system is writable, and the worker writes no files.",
        advice: 'Set readonlyRootFilesystem.',
      }),
    );
  }
  if (container.user === undefined || /^(root|0)(:|$)/.test(container.user)) {
    findings.push(
      warning(DEFINITION, {
        message: `The container's user is ${container.user ?? "the image's"}.`,
        advice: 'Set user to "1000:1000".',
      }),
    );
  }
  return findings;
}

function judgeLog({ logConfiguration }: ContainerDefinition): Finding[] {
  if (logConfiguration === undefined) {
    return [
      warning('log', {
        message: 'The container has no log configuration, so the logs of the workers are lost.',
        advice: 'Use awslogs with mode non-blocking, as infra/fleet.yaml does.',
      }),
    ];
  }
  const { logDriver, options } = logConfiguration;
  if (logDriver === 'awslogs' && options?.['mode'] !== 'non-blocking') {
    return [
      warning('log', {
        message:
          'The log mode is blocking. A worker that has to wait for CloudWatch Logs misses its heartbeat and loses its authority.',
        advice: 'Set mode to non-blocking.',
      }),
    ];
  }
  return [ok('log', `Workers log to ${options?.['awslogs-group'] ?? logDriver}.`)];
}
