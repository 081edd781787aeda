import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import { nameUnfitForBatch } from '../../core/item-write.ts';
import {
  newProbeId,
  type ProbedTask,
  type ProbeRecord,
  type ProbeStep,
  type ProbeStore,
} from '../../core/probe-store.ts';
import { loadRule } from '../../core/recipe/load.ts';
import type { Recipe } from '../../core/recipe/recipe.ts';
import type { KeySchema, WriteApi } from '../../core/records.ts';
import type { Fleet, TaskObservation } from '../fleet/fleet.ts';
import { type Finding, failure, ok } from './finding.ts';

const CHECK = 'task';

const LOOK_INTERVAL_MS = 500;

/** The whole probe uses less than one second of this capacity. */
const RATES = { writeUnitsPerSecond: 10, readUnitsPerSecond: 200 };

const HEARTBEAT_MS = 2_000;
const AUTHORITY_MS = 5_000;

export interface TaskProbeRequest {
  readonly fleet: Pick<Fleet, 'start' | 'describe' | 'stop'>;
  readonly probes: ProbeStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly table: string;
  readonly attribute: string;
  /** JSON; absent with a recipe. */
  readonly value?: string;
  readonly recipe?: Recipe;
  readonly keySchema: KeySchema;
  readonly totalSegments: number;
  readonly writeApi: WriteApi | 'auto';
  readonly spot: boolean;
  readonly controlTable: string;
  readonly namespace: string;
  readonly by: string;
  /** How long the task may take from RunTask to its report. */
  readonly patienceMs: number;
  /** Named in messages, if the stack has one. */
  readonly logGroup: string | undefined;
  readonly operatorPolicy: string | undefined;
  /** Called with a word for the waiting operator when ECS reports a new state of the task. */
  readonly onStatus: (status: string) => void;
}

export type NewProbeRequest = Pick<
  TaskProbeRequest,
  'clock' | 'table' | 'attribute' | 'value' | 'recipe' | 'keySchema' | 'by' | 'writeApi'
>;

/**
 * Starts a real task that tries each of a worker's calls once, waits for its report and explains it. If the task does
 * not end by itself, it is stopped.
 */
export async function probeTask(request: TaskProbeRequest): Promise<readonly Finding[]> {
  const { fleet, probes, spot } = request;
  const probe = await newProbe(request);
  const launch = randomUUID();
  await probes.create(probe, launch);
  let taskArn: string;
  try {
    taskArn = await fleet.start(
      {
        runId: probe.runId,
        launchId: launch,
        segments: [0],
        totalSegments: request.totalSegments,
        table: request.table,
        // The probe's record holds the recipe.
        ...(probe.value !== undefined && { attribute: probe.attribute, value: probe.value }),
        controlTable: request.controlTable,
        namespace: request.namespace,
      },
      spot,
    );
  } catch (error) {
    return [notStarted(error, request)];
  }
  request.onStatus(`ECS has launched ${taskArn}`);
  let ended = false;
  try {
    const outcome = await untilReported(request, probe.runId, launch, taskArn);
    ended = outcome.observation?.state === 'stopped' || outcome.task?.status === 'finished';
    return judgeOutcome(outcome, request);
  } finally {
    if (!ended) await fleet.stop(taskArn, 'fleetfill: the probe has ended').catch(() => {});
  }
}

export async function newProbe(request: NewProbeRequest): Promise<ProbeRecord> {
  const { clock, table, attribute, value, recipe, keySchema, by, writeApi } = request;
  const at = clock.nowIso();
  const rule = await loadRule({ attribute, value, recipe }, keySchema);
  const plain = nameUnfitForBatch({ table, keySchema, rule }) === undefined;
  const writeApis: WriteApi[] = writeApi === 'auto' ? (plain ? ['batch', 'single'] : ['single']) : [writeApi];
  return {
    runId: newProbeId(at),
    table,
    attribute: rule.targets[0],
    ...(recipe && { recipe }),
    ...(value !== undefined && { value }),
    keySchema,
    writeApis,
    heartbeatMs: HEARTBEAT_MS,
    authorityMs: AUTHORITY_MS,
    rates: RATES,
    createdAt: at,
    createdBy: by,
  };
}

interface ProbeOutcome {
  readonly task: ProbedTask | undefined;
  readonly observation: TaskObservation | undefined;
  readonly waitedMs: number;
}

/** Waits until the task has reported or stopped, or until the time is over. */
async function untilReported(
  { fleet, probes, clock, signal, patienceMs, onStatus }: TaskProbeRequest,
  run: string,
  launch: string,
  taskArn: string,
): Promise<ProbeOutcome> {
  const startedAtMs = clock.monotonicMs();
  let status = '';
  for (;;) {
    signal.throwIfAborted();
    const observation = (await fleet.describe([taskArn])).get(taskArn);
    // Read only after ECS answered. If ECS says that the task has stopped, everything that it wrote is there by now.
    const task = await probes.readTask(run, launch);
    const waitedMs = clock.monotonicMs() - startedAtMs;
    const over = task?.status === 'finished' || observation?.state === 'stopped' || waitedMs > patienceMs;
    if (over) return { task, observation, waitedMs };
    const now = observation?.state === 'alive' ? observation.lastStatus : (observation?.state ?? 'unknown');
    if (now !== status) onStatus(`the task is ${now}`);
    status = now;
    await clock.sleep(LOOK_INTERVAL_MS, signal);
  }
}

type Named = Pick<TaskProbeRequest, 'logGroup' | 'operatorPolicy' | 'controlTable'>;

function notStarted(error: unknown, { operatorPolicy = "the stack's OperatorPolicy" }: Named): Finding {
  const denied = error instanceof Error && error.name === 'AccessDeniedException';
  return failure(CHECK, {
    message: `ECS did not start the task: ${describeError(error)}`,
    advice: denied
      ? `Attach ${operatorPolicy} to your role. It allows RunTask, and iam:PassRole for both roles of the task.`
      : adviceForRefusal(describeError(error)),
  });
}

function adviceForRefusal(text: string): string {
  if (/apacity is unavailable/.test(text)) {
    return 'Fargate has no capacity there now. Try again, or give subnets in more zones.';
  }
  if (/unable to assume the role/.test(text)) {
    return 'The role of that name was deleted, or its trust policy does not let ecs-tasks.amazonaws.com assume it. Compare it with infra/fleet.yaml.';
  }
  return 'See the findings above, first those on quota and subnets.';
}

/** Explains the end of the task. */
export function judgeOutcome(
  { task, observation, waitedMs }: ProbeOutcome,
  named: Named,
): readonly Finding[] {
  if (task?.probe) return [started(task, waitedMs), ...task.probe.map(step => judgeStep(step, named))];
  const log = `its log${named.logGroup ? ` (aws logs filter-log-events --log-group-name ${named.logGroup})` : ''}`;
  if (observation?.state === 'stopped') {
    const { stopCode, reason, exitCode } = observation;
    const said = `${stopCode}${exitCode === undefined ? '' : `, exit code ${exitCode}`}${reason ? `: ${reason}` : ''}`;
    return [
      failure(CHECK, {
        message: `The task stopped without a report: ${said}.`,
        advice: adviceForEnd(observation, task, log, named),
      }),
    ];
  }
  const seconds = Math.round(waitedMs / 1_000);
  if (task !== undefined && task.heartbeat > 0) {
    return [
      failure(CHECK, {
        message: `The task started, but did not report within ${seconds} s.`,
        advice: `Look at ${log}.`,
      }),
    ];
  }
  const state = observation?.state === 'alive' ? observation.lastStatus : 'unknown to ECS';
  return [
    failure(CHECK, {
      message: `The task did not start within ${seconds} s. ECS says that it is ${state}. This command has told ECS to stop it.`,
      advice:
        state === 'RUNNING'
          ? `The container runs but cannot reach the control table. It has no route to DynamoDB, or a security group blocks it. Look at ${log}.`
          : 'PROVISIONING means that it gets no address or network interface. PENDING means that ECS cannot pull the image; check the route, and whether AssignPublicIp fits it.',
    }),
  ];
}

function adviceForEnd(
  { stopCode, reason, exitCode }: Extract<TaskObservation, { state: 'stopped' }>,
  task: ProbedTask | undefined,
  log: string,
  { controlTable }: Named,
): string {
  if (/exec format|descriptor matching platform|image.*platform/i.test(reason)) {
    return "The image is built for another architecture than the task definition's. Build it again: docs/deploy.md, step 2.";
  }
  if (/CannotPull|ResourceInitialization|pull image|registry/i.test(reason)) {
    return 'The subnets have no route to ECR and S3, AssignPublicIp is wrong, the image does not exist, or the execution role may not pull it.';
  }
  if (stopCode === 'TaskFailedToStart') return 'ECS never started the container. See the findings above.';
  if (exitCode === 2) {
    return `The image refused its environment or found no record in ${controlTable}: it may be another version of Fleetfill than this one, or read another table. ${log} names what.`;
  }
  if (exitCode === 137)
    return 'The task was killed, most often because it ran out of memory. Raise TaskCpu of the stack.';
  if (exitCode === 255 || exitCode === 126 || exitCode === 127) {
    return `The container's command cannot run, because the architecture or the image is wrong. Look at ${log}.`;
  }
  if (task === undefined || task.heartbeat === 0) {
    return `It could not use the control table ${controlTable}: a task role without the permission (KeepTheRecordsOfTheRun of the stack), or no route. Look at ${log}.`;
  }
  return `Look at ${log}.`;
}

function started(task: ProbedTask, waitedMs: number): Finding {
  return ok(
    CHECK,
    `One task started and reported ${Math.round(waitedMs / 1_000)} s after its launch: image, command, network and control table work (${task.runId}).`,
  );
}

const PERMISSION_OF_STEP: Readonly<Record<ProbeStep['step'], string>> = {
  scan: 'dynamodb:Scan on the table (FindItemsWithoutIt)',
  'read-back': 'dynamodb:BatchGetItem on the table (SetItAndReadItBack)',
  'write-batch': 'dynamodb:PartiQLUpdate on the table, for its keys and the attribute (SetItAndReadItBack)',
  'write-single': 'dynamodb:UpdateItem on the table, for its keys and the attribute (SetItAndReadItBack)',
  metric: 'cloudwatch:PutMetricData in the namespace (PublishMetrics)',
  record: 'dynamodb:PutItem on the control table (KeepTheRecordsOfTheRun)',
};

function judgeStep({ step, ok: succeeded, detail }: ProbeStep, { logGroup }: Named): Finding {
  const check = `task:${step}`;
  if (succeeded) return ok(check, `The task's ${step}: ${detail}.`);
  const log = logGroup ? ` Its log: ${logGroup}.` : '';
  if (/AccessDenied|not authorized/i.test(detail)) {
    return failure(check, {
      message: `The task's ${step} was denied: ${detail}`,
      advice: `The task role lacks ${PERMISSION_OF_STEP[step]}. Check TableName, KeyAttributes, Attributes, SourceAttributes and Namespace of the stack. A customer-managed key also needs TableKmsKeyArn.${log}`,
    });
  }
  if (/Timeout|ENOTFOUND|ECONN|EAI_AGAIN/.test(detail)) {
    return failure(check, {
      message: `The task's ${step} was not answered: ${detail}`,
      advice: `The subnets have no route to that service.${log}`,
    });
  }
  return failure(check, {
    message: `The task's ${step} failed: ${detail}`,
    advice: `Do not start a run before you know why.${log}`,
  });
}
