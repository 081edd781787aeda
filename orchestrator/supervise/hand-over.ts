import type { Clock } from '../../core/clock.ts';
import { ConfigurationError, PreflightError } from '../../core/errors.ts';
import type { OperatorChange, RunRecord } from '../../core/records.ts';
import type { RunStore } from '../../core/run-store.ts';
import { nextCommand } from '../cli/next-command.ts';
import type { Output } from '../cli/output.ts';
import type { Fleet, TaskObservation } from '../fleet/fleet.ts';
import type { Surroundings } from '../fleet/location.ts';
import { adviceOnEnd, adviceOnRefusal, adviceOnSilence, type SupervisorTask } from './hand-over-advice.ts';

const LOOK_INTERVAL_MS = 1_000;

/** A task that has not taken over by then is stopped. Fargate itself gives up on an image after some minutes. */
const PATIENCE_MS = 10 * 60_000;

export interface HandOverOptions {
  readonly runs: Pick<RunStore, 'read'>;
  /** The fleet with the supervisor's task definition and container. */
  readonly fleet: Pick<Fleet, 'startCommand' | 'describe' | 'stop'>;
  readonly clock: Clock;
  readonly output: Output;
  /** The run as this process supervises it. */
  readonly run: Pick<RunRecord, 'runId' | 'epoch' | 'changes'>;
  readonly command: readonly string[];
  /** Named in messages. */
  readonly task: SupervisorTask;
}

/**
 * Hands supervision over to a task. This process supervises until the task has taken over the epoch, and continues if
 * that does not happen. So a missing image or role never leaves a run without a supervisor.
 */
export class HandOver {
  readonly #options: HandOverOptions;
  #started: Promise<string | undefined> = Promise.resolve(undefined);

  constructor(options: HandOverOptions) {
    this.#options = options;
  }

  /** Starts the task and watches it until the signal aborts. It reports a failure and never rejects. */
  async attempt(signal: AbortSignal): Promise<void> {
    const { fleet, run, command, output, task } = this.#options;
    // The clientToken is the run and epoch, so repeated requests start only one such task.
    this.#started = fleet
      .startCommand(command, `${run.runId}-${run.epoch}`, run.runId)
      .catch((error: unknown) => {
        const { message, advice } = adviceOnRefusal(error, task);
        this.#tellFailure(message, advice);
        return undefined;
      });
    const taskArn = await this.#started;
    if (taskArn === undefined || signal.aborted) return;
    output.event('supervisor.launched', { taskArn });
    output.say(
      `The supervisor's task ${taskArn} is starting. This process supervises the run until that task has taken over.`,
    );
    await this.#watch(taskArn, signal);
  }

  /** @returns the task's ARN if this task, and nobody else, took over the epoch from this process. */
  async takenOverBy(): Promise<string | undefined> {
    const { runs, run } = this.#options;
    const taskArn = await this.#started;
    const now = taskArn === undefined ? undefined : await runs.read(run.runId);
    if (!now) return undefined;
    // A person who resumes a run records a change for each new epoch. The task records none.
    return now.epoch - run.epoch > resumesSince(run.changes, now.changes) ? taskArn : undefined;
  }

  async #watch(taskArn: string, signal: AbortSignal): Promise<void> {
    const { fleet, clock, task } = this.#options;
    const startedAtMs = clock.monotonicMs();
    let observation: TaskObservation | undefined;
    while (!signal.aborted) {
      observation = (await fleet.describe([taskArn])).get(taskArn) ?? observation;
      // The task may have taken over and ended already. Then the supervisor of this process notices the new epoch.
      if (observation?.state === 'stopped' && (await this.#hasNotTakenOver())) {
        const { message, advice } = adviceOnEnd(observation, task);
        return this.#tellFailure(message, advice, taskArn);
      }
      if (clock.monotonicMs() - startedAtMs > PATIENCE_MS) {
        const { message, advice } = adviceOnSilence(observation, PATIENCE_MS, task);
        this.#tellFailure(message, advice, taskArn);
        // It does no harm if the task takes over after all.
        return fleet.stop(taskArn, 'fleetfill: it did not take over the run in time').catch(() => {});
      }
      await clock.sleep(LOOK_INTERVAL_MS, signal);
    }
  }

  /** Also false if the record cannot be read. */
  async #hasNotTakenOver(): Promise<boolean> {
    try {
      return (await this.takenOverBy()) === undefined;
    } catch {
      return false;
    }
  }

  #tellFailure(message: string, advice: string, taskArn?: string): void {
    const { output, run } = this.#options;
    output.event('detach.failed', { message, advice, ...(taskArn && { taskArn }) });
    output.say(
      `The supervisor's task did not take over. ${message}\n${advice}\n` +
        'This process continues to supervise the run; keep it running. When the cause is fixed, type in another terminal:\n' +
        `  ${nextCommand('resume', run.runId, '--detach')}`,
    );
  }
}

/**
 * The command of the supervisor's task. It names only the run, its epoch and where the fleet runs. Everything else is
 * in the run's record.
 */
export function supervisorCommand(
  { runId, epoch }: Pick<RunRecord, 'runId' | 'epoch'>,
  { cluster, taskDefinition, container, subnets, securityGroups, ...at }: Surroundings,
): string[] {
  return [
    ...['node', 'orchestrate.mjs', 'resume', runId, '--expect-epoch', String(epoch), '--json'],
    ...['--cluster', cluster, '--task-definition', taskDefinition, '--container', container],
    ...['--subnets', subnets.join(','), '--security-groups', securityGroups.join(',')],
    ...(at.assignPublicIp ? ['--assign-public-ip'] : []),
    ...['--control-table', at.controlTable, '--namespace', at.namespace],
  ];
}

/** @throws ConfigurationError, or PreflightError for a stack, if nothing names the supervisor's task definition. */
export function requireSupervisor({ supervisor, stack }: Surroundings): SupervisorTask {
  if (supervisor) return { ...supervisor, logGroup: stack?.outputs['LogGroup'] };
  if (!stack)
    throw new ConfigurationError('--detach needs --supervisor-task-definition when no stack is read.');
  throw new PreflightError(
    `The stack ${stack.name} has no output SupervisorTaskDefinition, because it is older than this version.\n` +
      'Update it with infra/fleet.yaml, name a task definition with --supervisor-task-definition, or run without --detach.',
  );
}

function resumesSince(before: readonly OperatorChange[], now: readonly OperatorChange[]): number {
  const known = new Set(before.map(({ id }) => id));
  return now.filter(({ id, what }) => what === 'resume' && !known.has(id)).length;
}
