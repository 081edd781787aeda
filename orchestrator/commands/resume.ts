import { randomUUID } from 'node:crypto';
import { ConfigurationError } from '../../core/errors.ts';
import { isFinished } from '../../core/records.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type CommandContext, openSession, operator, readRun } from '../session.ts';
import { finish, superviseRun } from '../supervise-run.ts';
import { describeRun } from './run.ts';

/** `orchestrate resume RUN`: takes the supervision over and goes on; of a finished run it prints the end. */
export async function resume(context: CommandContext): Promise<ExitCode> {
  const { settings, output } = context;
  const session = await openSession(context);
  const { stores, clock } = session;
  const before = await readRun(stores, settings.run ?? '');
  output.setRun(before.run);
  if (isFinished(before.status)) return finish(session, before);
  if (before.stopReason?.kind === 'cancelled') {
    throw new ConfigurationError(`Run ${before.run} is being cancelled and cannot be resumed.`);
  }
  const change = {
    id: randomUUID(),
    at: clock.nowIso(),
    by: operator(),
    what: 'resume' as const,
    detail: `was ${before.status}`,
  };
  const run = await stores.runs.takeOver(before.run, change, { desired: 'run' });
  if (!run) throw new ConfigurationError(`There is no run ${before.run}.`);
  if (isFinished(run.status)) return finish(session, run);
  output.say(`Run ${run.run} goes on.`);
  output.event('run.started', { resumed: true, ...describeRun(run) });
  return superviseRun(session, run);
}
