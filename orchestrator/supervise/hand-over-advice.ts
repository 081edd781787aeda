import { describeError } from '../../core/errors.ts';
import type { TaskObservation } from '../fleet/fleet.ts';

/** The supervisor's task, as messages name it. */
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

/** RunTask did not start the supervisor. */
export function adviceOnRefusal(error: unknown, { taskDefinition }: SupervisorTask): Explained {
  const said = describeError(error);
  const name = error instanceof Error ? error.name : '';
  return {
    message: `ECS did not start the supervisor's task: ${said}`,
    advice: adviceFor(`${name} ${said}`),
  };

  function adviceFor(text: string): string {
    if (/AccessDenied|not authorized/i.test(text)) {
      return `Whoever runs orchestrate needs RunTask on ${taskDefinition} and iam:PassRole on its roles: update the stack, and attach its OperatorPolicy.`;
    }
    if (/assume the role|role/i.test(text)) {
      return 'The role of the definition was deleted, or its trust policy does not let ecs-tasks.amazonaws.com take it: update the stack with infra/fleet.yaml.';
    }
    if (/limit|concurrently|quota|vCPU/i.test(text)) {
      return "The account's quota of Fargate vCPUs is used up, perhaps by the fleet: ask for more (Service Quotas, L-3032A538), or run fewer --tasks.";
    }
    if (/capacity is unavailable/i.test(text)) {
      return 'Fargate has no capacity there at this time: try again, or give subnets in more zones.';
    }
    if (/task ?definition/i.test(text)) {
      return 'Name one that is there with --supervisor-task-definition or --stack.';
    }
    return 'orchestrate doctor examines definition, role, image, network and quota.';
  }
}

/** The task has stopped, and had not taken the run over. */
export function adviceOnEnd(
  { stopCode, reason, exitCode }: Extract<TaskObservation, { state: 'stopped' }>,
  { taskDefinition, logGroup }: SupervisorTask,
): Explained {
  const code = exitCode === undefined ? '' : `, exit code ${exitCode}`;
  const log = logGroup ? `its log in ${logGroup}, streams supervisor/…` : 'its log';
  return {
    message: `The supervisor's task stopped before it had taken over: ${stopCode}${code}${reason ? `: ${reason}` : ''}.`,
    advice: advice(),
  };

  function advice(): string {
    if (/exec format|descriptor matching platform|image.*platform/i.test(reason)) {
      return `The image is built for another architecture than ${taskDefinition} asks for. docs/deploy.md, step 2.`;
    }
    if (/assume the role|role/i.test(reason)) {
      return `A role of ${taskDefinition} was deleted, or ECS may not take it: update the stack with infra/fleet.yaml.`;
    }
    if (/CannotPull|pull image/i.test(reason)) {
      return 'There is no such image, the execution role may not pull it, or the subnets have no route to ECR and S3.';
    }
    if (/ResourceInitialization|network|registry/i.test(reason)) {
      return 'The subnets have no route to ECR or CloudWatch Logs, or AssignPublicIp does not fit them.';
    }
    switch (exitCode) {
      case undefined:
        return 'ECS never started the container: orchestrate doctor examines definition, role, image and network.';
      case 2:
        return `The image refused its command: it is of a version that does not know --detach. Update the stack's ImageUri.`;
      case 3:
        return `It could not use the control table: the role of ${taskDefinition}, or the route from its subnets to DynamoDB. Look at ${log}.`;
      case 8:
        return 'Another orchestrator had taken the run over before it.';
      case 137:
        return `It was killed, most often for want of memory. Look at ${log}.`;
      default:
        return `Look at ${log}.`;
    }
  }
}

/** The task is there, and has not taken the run over in time. */
export function adviceOnSilence(
  observation: TaskObservation | undefined,
  waitedMs: number,
  { logGroup }: SupervisorTask,
): Explained {
  const state = observation?.state === 'alive' ? observation.lastStatus : 'unknown to ECS';
  return {
    message: `The supervisor's task has not taken over within ${Math.round(waitedMs / 60_000)} minutes: it is ${state}. It has been told to stop.`,
    advice:
      state === 'RUNNING'
        ? `It runs and reaches no control table: no route to DynamoDB, or a security group in the way.${logGroup ? ` Its log is in ${logGroup}.` : ''}`
        : 'PROVISIONING: no address or no network interface. PENDING: the image cannot be pulled; look at the route.',
  };
}
