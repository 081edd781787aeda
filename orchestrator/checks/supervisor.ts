import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { type Finding, failure, ok, warning } from './finding.ts';

const CHECK = 'supervisor';

/** What `doctor` says if `--detach` has no task to start. */
export function withoutSupervisor(): Finding {
  return warning(CHECK, {
    message: 'There is no task definition for the supervisor, so --detach is not possible.',
    advice:
      'Update the stack with infra/fleet.yaml, or name a task definition with --supervisor-task-definition.',
  });
}

/** Finds what in a task definition would keep the supervisor of `--detach` from starting or working. */
export function judgeSupervisor(
  definition: TaskDefinition,
  name: string,
  worker: TaskDefinition | undefined,
  workerName: string,
): readonly Finding[] {
  const label = `${definition.family}:${definition.revision}`;
  const container = containerOf(definition, name);
  if (!container) {
    return [
      failure(CHECK, {
        message: `The task definition ${label} has no container ${name}.`,
        advice: 'Name it with --supervisor-container.',
      }),
    ];
  }
  const findings: Finding[] = [];
  if (definition.networkMode !== 'awsvpc' || !definition.requiresCompatibilities?.includes('FARGATE')) {
    findings.push(
      failure(CHECK, {
        message: `The task definition ${label} is not for Fargate (requiresCompatibilities FARGATE, networkMode awsvpc).`,
        advice: 'Use the one of infra/fleet.yaml.',
      }),
    );
  }
  const variables = (container.environment ?? []).map(variable => variable.name ?? '');
  const options = variables.filter(variable => variable.startsWith('FLEETFILL_'));
  if (options.length > 0) {
    findings.push(
      failure(CHECK, {
        message: `The environment of ${label} has ${options.join(', ')}, which would act as options of every run.`,
        advice: 'Remove them. The command of each supervisor has everything that it needs.',
      }),
    );
  }
  if (definition.taskRoleArn === undefined) {
    findings.push(
      warning(CHECK, {
        message: `The task definition ${label} has no task role, so the supervisor would have no permissions at all.`,
        advice: 'Use the one of infra/fleet.yaml, with its SupervisorRole.',
      }),
    );
  } else if (definition.taskRoleArn === worker?.taskRoleArn) {
    findings.push(
      warning(CHECK, {
        message: `The task definition ${label} has the role of the workers, which may not start tasks.`,
        advice: 'Use the one of infra/fleet.yaml, with its SupervisorRole.',
      }),
    );
  }
  const image = worker && containerOf(worker, workerName)?.image;
  if (image !== undefined && image !== container.image) {
    findings.push(
      warning(CHECK, {
        message: `The supervisor's image is ${container.image}, the workers' ${image}. Different versions may not be able to read each other's records.`,
        advice: 'Both come from ImageUri of the stack.',
      }),
    );
  }
  if (findings.some(({ level }) => level === 'failure')) return findings;
  return [
    ok(CHECK, `The task definition ${label} starts ${container.image} as the supervisor for --detach.`),
    ...findings,
  ];
}

function containerOf({ containerDefinitions = [] }: TaskDefinition, name: string) {
  return containerDefinitions.find(container => container.name === name);
}
