import { randomUUID } from 'node:crypto';
import { describeError } from '../../core/errors.ts';
import type { ProbeStep, SupervisorStep } from '../../core/probe-store.ts';
import type { Fleet, TaskObservation } from '../fleet/fleet.ts';
import { type Finding, failure, ok } from './finding.ts';
import { newProbe, type TaskProbeRequest } from './task-probe.ts';

const CHECK = 'supervisor';

const LOOK_INTERVAL_MS = 500;

export interface SupervisorTrial extends Omit<TaskProbeRequest, 'fleet'> {
  /** The fleet with the supervisor's task definition and container. */
  readonly fleet: Pick<Fleet, 'startCommand' | 'describe' | 'stop'>;
  /** The supervisor's command for this run id. */
  readonly commandFor: (runId: string) => readonly string[];
}

/**
 * Starts the task of `--detach` with its own command, but for a probe instead of a run. The task tries each of a
 * supervisor's actions once and reports. If the task does not end by itself, it is stopped.
 */
export async function probeSupervisor(request: SupervisorTrial): Promise<readonly Finding[]> {
  const { fleet, probes, clock, signal, patienceMs, onStatus, commandFor } = request;
  const launchId = randomUUID();
  const probe = { ...(await newProbe(request)), launchId };
  const { runId } = probe;
  await probes.create(probe, launchId);
  let taskArn: string;
  try {
    taskArn = await fleet.startCommand(commandFor(runId), runId, runId);
  } catch (error) {
    return [
      failure(CHECK, {
        message: `ECS did not start the supervisor's task: ${describeError(error)}`,
        advice:
          "Whoever runs orchestrate needs RunTask on the supervisor's definition and iam:PassRole on its roles: update the stack, and attach its OperatorPolicy.",
      }),
    ];
  }
  onStatus(`ECS has launched ${taskArn}; it supervises no run`);
  const startedAtMs = clock.monotonicMs();
  let observation: TaskObservation | undefined;
  let steps: readonly ProbeStep<SupervisorStep>[] | undefined;
  try {
    for (;;) {
      signal.throwIfAborted();
      observation = (await fleet.describe([taskArn])).get(taskArn);
      // Read only after ECS answered. If ECS says that the task has stopped, everything that it wrote is there by now.
      steps = await probes.readSupervisor(runId);
      const waitedMs = clock.monotonicMs() - startedAtMs;
      if (steps) return [started(waitedMs), ...steps.map(step => judgeStep(step, request.logGroup))];
      if (observation?.state === 'stopped' || waitedMs > patienceMs) {
        return [withoutReport(observation, waitedMs, request)];
      }
      await clock.sleep(LOOK_INTERVAL_MS, signal);
    }
  } finally {
    if (!steps && observation?.state !== 'stopped') {
      await fleet.stop(taskArn, 'fleetfill: the probe is over').catch(() => {});
    }
  }
}

function started(waitedMs: number): Finding {
  return ok(
    CHECK,
    `The supervisor's task started and reported ${Math.round(waitedMs / 1_000)} s after its launch: image, command, route and control table work for --detach.`,
  );
}

function withoutReport(
  observation: TaskObservation | undefined,
  waitedMs: number,
  { logGroup, controlTable }: Pick<SupervisorTrial, 'logGroup' | 'controlTable'>,
): Finding {
  const log = `its log${logGroup ? ` (aws logs filter-log-events --log-group-name ${logGroup})` : ''}`;
  if (observation?.state !== 'stopped') {
    const state = observation?.state === 'alive' ? observation.lastStatus : 'unknown to ECS';
    return failure(CHECK, {
      message: `The supervisor's task did not report within ${Math.round(waitedMs / 1_000)} s. ECS says that it is ${state}. This command has told ECS to stop it.`,
      advice: `Look at ${log}, at the route from the subnets to DynamoDB and ECS, and at --patience.`,
    });
  }
  const { stopCode, reason, exitCode } = observation;
  const said = `${stopCode}${exitCode === undefined ? '' : `, exit code ${exitCode}`}${reason ? `: ${reason}` : ''}`;
  return failure(CHECK, {
    message: `The supervisor's task stopped without a report: ${said}.`,
    advice:
      exitCode === 2
        ? `Its image is an older version of Fleetfill, or it reads another table than ${controlTable}. ${log} says which.`
        : exitCode === 3 || exitCode === 1
          ? `Its role may not use the control table ${controlTable} (KeepTheRecordsOfTheRun of the SupervisorRole), or there is no route. Look at ${log}.`
          : `Look at ${log}.`,
  });
}

const PERMISSION_OF_STEP: Readonly<Record<SupervisorStep, string>> = {
  records: 'the control table (KeepTheRecordsOfTheRun)',
  lock: 'dynamodb:GetItem on fleetfill-locks (HoldTheLockOfTheTable)',
  table: 'dynamodb:DescribeTable on the table (ExamineTheTable)',
  scan: 'dynamodb:Scan on the table, for its keys and the attribute (VerifyTheTable)',
  repair: 'dynamodb:BatchGetItem and UpdateItem on the table (RepairWhatVerificationFound)',
  launch:
    'ecs:RunTask, ecs:DescribeTasks, ecs:StopTask or iam:PassRole (LaunchTasks, WatchAndStopTasks, GiveTasksTheirRoles)',
  traffic: 'cloudwatch:GetMetricData (SeeTheTraffic)',
  metric: 'cloudwatch:PutMetricData in the namespace (PublishMetrics)',
};

function judgeStep(
  { step, ok: succeeded, detail }: ProbeStep<SupervisorStep>,
  logGroup: string | undefined,
): Finding {
  const check = `supervisor:${step}`;
  if (succeeded) return ok(check, `The supervisor's ${step}: ${detail}.`);
  const log = logGroup ? ` Its log: ${logGroup}.` : '';
  if (/AccessDenied|not authorized/i.test(detail)) {
    return failure(check, {
      message: `The supervisor's ${step} was denied: ${detail}`,
      advice: `The SupervisorRole lacks ${PERMISSION_OF_STEP[step]}. Until it is fixed, run without --detach.${log}`,
    });
  }
  return failure(check, {
    message: `The supervisor's ${step} failed: ${detail}`,
    advice: `Do not use --detach before you know why.${log}`,
  });
}
