import { describeError } from '../../core/errors.ts';
import type { TaskObservation } from '../fleet/fleet.ts';

/** The supervisor's task as messages name it. */
export interface SupervisorTask {
  readonly taskDefinition: string;
  readonly container: string;
  readonly logGroup?: string | undefined;
}

/** What went wrong, and what to do about it. */
interface Explained {
  readonly message: string;
  readonly advice: string;
}

/** Explains why RunTask did not start the supervisor. */
export function adviceOnRefusal(error: unknown, { taskDefinition }: SupervisorTask): Explained {
  const said = describeError(error);
  const name = error instanceof Error ? error.name : '';
  return {
    message: `ECS did not start the supervisor's task: ${said}`,
    advice: adviceFor(`${name} ${said}`),
  };

  function adviceFor(text: string): string {
    if (/AccessDenied|not authorized/i.test(text)) {
      return `Your role needs RunTask on ${taskDefinition} and iam:PassRole on its roles. Update the stack, and attach its OperatorPolicy to your role.`;
    }
    if (/assume the role|role/i.test(text)) {
      return 'The role of the definition was deleted, or its trust policy does not let ecs-tasks.amazonaws.com assume it. Update the stack with infra/fleet.yaml.';
    }
    if (/limit|concurrently|quota|vCPU/i.test(text)) {
      return "The account's quota of Fargate vCPUs is used up, perhaps by the fleet. Request more (Service Quotas, L-3032A538), or use fewer --tasks.";
    }
    if (/capacity is unavailable/i.test(text)) {
      return 'Fargate has no capacity there now. Try again, or give subnets in more zones.';
    }
    if (/task ?definition/i.test(text)) {
      return 'Name an existing one with --supervisor-task-definition or --stack.';
    }
    return 'To check definition, role, image, network and quota: orchestrate doctor';
  }
}

/** Explains why the task stopped before it took over the run. */
export function adviceOnEnd(
  { stopCode, reason, exitCode }: Extract<TaskObservation, { state: 'stopped' }>,
  { taskDefinition, logGroup }: SupervisorTask,
): Explained {
  const code = exitCode === undefined ? '' : `, exit code ${exitCode}`;
  const log = logGroup ? `the log streams supervisor/… in ${logGroup}` : 'the log of the task';
  return {
    message: `The supervisor's task stopped before it took over: ${stopCode}${code}${reason ? `: ${reason}` : ''}.`,
    advice: advice(),
  };

  function advice(): string {
    if (/exec format|descriptor matching platform|image.*platform/i.test(reason)) {
      return `The image is built for another architecture than the one in ${taskDefinition}. Build it again: docs/deploy.md, step 2.`;
    }
    if (/assume the role|role/i.test(reason)) {
      return `A role of ${taskDefinition} was deleted, or ECS may not assume it. Update the stack with infra/fleet.yaml.`;
    }
    if (/CannotPull|pull image/i.test(reason)) {
      return 'The image does not exist, the execution role may not pull it, or the subnets have no route to ECR and S3.';
    }
    if (/ResourceInitialization|network|registry/i.test(reason)) {
      return 'The subnets have no route to ECR or CloudWatch Logs, or AssignPublicIp does not fit them.';
    }
    switch (exitCode) {
      case undefined:
        return 'ECS never started the container. To check definition, role, image and network: orchestrate doctor';
      case 2:
        return `The image refused its command, because its version does not know --detach. Update the stack's ImageUri.`;
      case 3:
        return `The task could not use the control table. Check the role of ${taskDefinition}, the route from its subnets to DynamoDB, and ${log}.`;
      case 8:
        return 'Another orchestrator took over the run first.';
      case 137:
        return `The task was killed, most often because it ran out of memory. Look at ${log}.`;
      default:
        return `Look at ${log}.`;
    }
  }
}

/** Explains a running task that has not taken over the run in time. */
export function adviceOnSilence(
  observation: TaskObservation | undefined,
  waitedMs: number,
  { logGroup }: SupervisorTask,
): Explained {
  const state = observation?.state === 'alive' ? observation.lastStatus : 'unknown to ECS';
  return {
    message: `The supervisor's task has not taken over within ${Math.round(waitedMs / 60_000)} minutes. ECS says that it is ${state}. This command has told ECS to stop it.`,
    advice:
      state === 'RUNNING'
        ? `The task runs but cannot reach the control table. It has no route to DynamoDB, or a security group blocks it.${logGroup ? ` Its log is in ${logGroup}.` : ''}`
        : 'PROVISIONING means that it gets no address or network interface. PENDING means that ECS cannot pull the image; check the route.',
  };
}
