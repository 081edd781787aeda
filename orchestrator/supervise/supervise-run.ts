import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { createDataPlaneClient, createMetricsClient } from '../../core/aws-clients.ts';
import { describeError, FleetfillError, SupersededError } from '../../core/errors.ts';
import { LONGEST_PATIENCE_MS } from '../../core/rate/patience.ts';
import { targetsOf, targetsText, writtenOptions } from '../../core/recipe/recipe.ts';
import type { RunRecord } from '../../core/records.ts';
import { EXIT, type ExitCode, exitCodeOfStatus } from '../cli/exit-codes.ts';
import { CredentialsExpiredError, isExpiredCredentials } from '../cli/expired-credentials.ts';
import { nextCommand, nextRun } from '../cli/next-command.ts';
import type { Output } from '../cli/output.ts';
import { SupervisionLostError } from '../cli/supervision-lost.ts';
import { Fleet } from '../fleet/fleet.ts';
import { mostSegmentsInOverrides } from '../fleet/overrides.ts';
import { operatorName } from '../operator-name.ts';
import { observers } from '../run-observer.ts';
import { describeNotIndexed, readSums, runFinished } from '../run-summary.ts';
import { createMetrics, type Session } from '../session.ts';
import { openView } from '../terminal/open-view.ts';
import { describeUndoEnd } from '../undo/undo-end.ts';
import { HandOver, requireSupervisor, supervisorCommand } from './hand-over.ts';
import { RunOpenMetric } from './run-open-metric.ts';
import { SampleRecorder } from './sample-recorder.ts';
import { Supervisor } from './supervisor.ts';
import { TrafficGuard } from './traffic-guard.ts';

/** A supervisor that leaves a run tries this long to record why. */
const LAST_WORD_MS = 3_000;

export interface SupervisionChoice {
  /** Hand supervision over to a task, and return when the task has taken over. */
  readonly detach?: boolean;
  /**
   * This process replaces another supervisor without a person resuming the run, so failed segments get no new chance.
   */
  readonly continues?: boolean;
}

/**
 * Supervises a run of this session's epoch until it ends, and prints how it ended. With `detach`, it supervises until a
 * task has taken over.
 */
export async function superviseRun(
  session: Session,
  run: RunRecord,
  { detach: handsOver = false, continues = false }: SupervisionChoice = {},
): Promise<ExitCode> {
  const { stores, fleet, client, clock, detach, settings } = session;
  session.onSupervise();
  const view = await openView(
    { stream: process.stderr, environment: process.env, json: settings.json },
    clock,
  );
  const output = view.attached(session.output);
  const recorder = new SampleRecorder({
    samples: stores.samples,
    clock,
    epoch: run.epoch,
    onFailure: error =>
      output.event('warning', {
        message: `A sample for the charts could not be stored: ${describeError(error)}`,
      }),
  });
  const metrics = createMetrics(run, session);
  const guard = new TrafficGuard(
    {
      client: createMetricsClient(),
      clock,
      run,
      describeTable: async () =>
        (await client.send(new DescribeTableCommand({ TableName: run.table }))).Table,
      now: () => Date.now(),
    },
    run.cut,
  );
  const supervisor = new Supervisor(
    {
      stores,
      fleet,
      client,
      dataPlane: assertMaySend => createDataPlaneClient(assertMaySend, LONGEST_PATIENCE_MS),
      clock,
      supervision: run,
      by: operatorName(),
      output,
      metrics,
      detach,
      observer: observers(view, recorder),
      guard,
      continues,
      mostSegmentsALaunch: Math.max(1, mostSegmentsInOverrides(run, session.surroundings.container)),
    },
    run,
  );
  const runOpen = new RunOpenMetric(createMetricsClient(), run, error =>
    output.event('warning', { message: `CloudWatch: ${describeError(error)}` }),
  );
  const publishing = new AbortController();
  const published = metrics.run(publishing.signal);
  const handOver = handsOver ? openHandOver(session, run, output) : undefined;
  const leaving = new AbortController();
  const handingOver = handOver?.attempt(AbortSignal.any([detach, leaving.signal]));
  try {
    // A dry run changes no item, so no alarm should watch it.
    if (!run.dryRun) await runOpen.open();
    const ended = await supervisor.supervise();
    if (!run.dryRun) await runOpen.close();
    view.close(ended);
    return await finish(session, ended);
  } catch (error) {
    runOpen.leave();
    view.close();
    if (error instanceof SupersededError) {
      const taskArn = await handOver?.takenOverBy();
      if (taskArn !== undefined) {
        output.say(describeHandedOver(run.runId, taskArn));
        output.event('run.detached', { taskArn });
        return EXIT.ok;
      }
      throw new SupersededError(`${error.message}\nSee: ${nextCommand('status', run.runId)}`, {
        cause: error,
      });
    }
    // The run's record is gone, so there is nothing to resume.
    if (error instanceof FleetfillError && error.code === 'RunVanished') throw error;
    const why = detach.aborted ? 'detached' : describeError(error);
    const recorded = await Promise.race([
      supervisor.leave(why).then(
        () => true,
        () => false,
      ),
      clock.sleep(LAST_WORD_MS).then(() => false),
    ]);
    if (detach.aborted) {
      output.say(describeDetached(run.runId));
      throw detach.reason;
    }
    output.event('run.unsupervised', { reason: why, recorded });
    if (isExpiredCredentials(error)) throw new CredentialsExpiredError(run.runId, { cause: error });
    throw new SupervisionLostError(run.runId, error);
  } finally {
    leaving.abort();
    publishing.abort();
    await handingOver;
    await recorder.close();
    await published;
    await metrics.close();
  }
}

function openHandOver(session: Session, run: RunRecord, output: Output): HandOver {
  const { stores, clock, surroundings } = session;
  const task = requireSupervisor(surroundings);
  return new HandOver({
    runs: stores.runs,
    fleet: new Fleet({ ...surroundings, ...task }),
    clock,
    output,
    run,
    command: supervisorCommand(run, surroundings),
    task,
  });
}

/** Prints the end of a run: the last line of `run`, `resume` and `wait`. */
export async function finish(
  { stores, output }: Pick<Session, 'stores'> & { readonly output: Output },
  run: RunRecord,
): Promise<ExitCode> {
  const launches = (await stores.tasks.list(run.runId)).length;
  const summary = runFinished(run, await readSums(stores.segments, run.runId), launches);
  output.say(run.undoes ? describeUndoEnd(run, run.undoes, summary) : describeEnd(run, summary));
  output.event('run.finished', summary);
  return exitCodeOfStatus(run.status);
}

function describeEnd(
  run: RunRecord,
  {
    scanned,
    matched,
    updated,
    alreadySet,
    deleted,
    quarantined,
    outOfScope,
    recomputed,
    missing,
    durationMs,
  }: ReturnType<typeof runFinished>,
): string {
  const counts =
    `${scanned} scanned, ${updated} updated, ${alreadySet} set by others, ${deleted} deleted, ` +
    `${quarantined} in quarantine${run.recipe ? `, ${outOfScope} out of scope, ${recomputed} computed again` : ''}, in ${Math.round(durationMs / 1_000)} s.`;
  const { table } = run;
  const targets = targetsText(run);
  const inScope = run.recipe?.where === undefined ? '' : ' in scope';
  const why = run.diagnosis ? `\n${run.diagnosis}` : '';
  const notIndexedWords = describeNotIndexed(run);
  const notIndexed = notIndexedWords === undefined ? '' : `\n${notIndexedWords}`;
  const again = (more: readonly string[] = []) =>
    nextRun(run, [...(run.deployedAt === undefined ? [] : ['--deployed-at', run.deployedAt]), ...more]);
  const canary = run.limit === undefined ? [] : ['--limit', String(run.limit)];
  const resume = nextCommand('resume', run.runId, ...(run.stopReason?.resumeWith ?? []));
  const next: Partial<Record<RunRecord['status'], string>> = {
    verified: `Verified: in a strongly consistent scan of every segment no item${inScope} lacked ${targets}.${sinceOf(run)}${notIndexed}\nVerify it again at any time: ${nextCommand('verify', '--table', table, ...writtenOptions(run))}`,
    quarantined: `${missing} items${inScope} lack ${targets}. All of them are in quarantine. See: ${nextCommand('failures', run.runId)}${notIndexed}\nWhen the cause is fixed, try them again: ${nextCommand('failures', run.runId, '--retry')}`,
    incomplete: `${missing} items${inScope} lack ${targets} after ${run.pass} passes.${why || ' Perhaps live code does not set the attribute. Deploy code that does, then run again.'}\nThen: ${nextRun(run, canary)}`,
    paused: `Paused. Continue with: ${resume}`,
    cancelled: `Cancelled. What was written stays. A new run continues from there: ${again(canary)}`,
    failed: `Stopped: ${run.stopReason?.message ?? 'unknown'}\nWhen the cause is fixed: ${resume}`,
    'dry-run': `Dry run: nothing was written to ${table}. A run would write ${matched} items.\nNext, a canary: ${again(['--limit', '100'])}`,
    canary: `Canary: ${updated} items were written, and ${missing === 0 ? 'all items of the canary have' : 'not all items of the canary have'} ${targetsOf(
      run,
    )
      .map(name => `"${name}"`)
      .join(
        ' and ',
      )}. Nothing else was touched or verified.\nCheck the application. Then, for the rest: ${again()}`,
  };
  return `Run ${run.runId}: ${counts}\n${next[run.status] ?? run.status}`;
}

/** Says from when on the assumptions about writers must hold, because a verification may have been interrupted. */
function sinceOf({ verification }: RunRecord): string {
  if (verification === undefined) return '';
  return `\nIts first page was read at ${verification.startedAt}. The result holds if writers have set the attribute on every new item since then.`;
}

function describeHandedOver(run: string, taskArn: string): string {
  return (
    `The task ${taskArn} now supervises run ${run}. The run no longer needs this machine.\n` +
    `Wait for its end: ${nextCommand('wait', run)}\nSee its progress: ${nextCommand('status', run)}`
  );
}

function describeDetached(run: string): string {
  return `Detached. The fleet continues. If nobody supervises it for two minutes, it slows to the unattended rate.\nTake over with: ${nextCommand('resume', run)}`;
}
