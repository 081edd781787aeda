import { systemClock } from '../../core/clock.ts';
import { describeError } from '../../core/errors.ts';
import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { isExpiredCredentials } from '../cli/expired-credentials.ts';
import { nextCommand } from '../cli/next-command.ts';
import type { Output } from '../cli/output.ts';
import { awaitEnd, UNSUPERVISED_MS } from '../dashboard/await-end.ts';
import { openStores, readRun } from '../session.ts';
import type { Stores } from '../stores.ts';
import { finish } from '../supervise/supervise-run.ts';
import { openView } from '../terminal/open-view.ts';

/** Pause between tries to read how a run ended. */
const TRY_AGAIN_MS = 2_000;

export const wait = defineCommand({
  usage: 'wait <run>',
  describe: 'Wait until a run ends, and exit with its exit code; does not supervise it',
  positionals: RUN_POSITIONAL,
  options: {},
  examples: [['$0 wait 20261124071218-1a2b3c', 'from any machine; Ctrl-C does not stop the run']],
});

/**
 * `orchestrate wait RUN`: shows the run as its supervisor would, but does not supervise it, and ends as the run does.
 */
export const handler: Handler<typeof wait> = async context => {
  const { settings, detach } = context;
  const stores = await openStores(context);
  const run = await readRun(stores, settings.run ?? '');
  context.output.setRun(run.runId);
  const view = await openView(
    { stream: process.stderr, environment: process.env, json: settings.json },
    systemClock,
  );
  const output = view.attached(context.output);
  const trouble = new Trouble(output, run.runId);
  const outcome = await awaitEnd(
    {
      stores,
      clock: systemClock,
      run,
      onSnapshot: snapshot => {
        if (!snapshot.unreadable) trouble.over();
        view.shows(snapshot);
      },
      onUnreadable: error => trouble.tell(error),
    },
    detach,
  ).finally(() => view.close());
  if (outcome === 'ended') return tellEnd(stores, context.output, run.runId, trouble, detach);
  if (outcome === 'left') {
    context.output.say(
      `The run continues without this command. Wait again: ${nextCommand('wait', run.runId)}`,
    );
    throw detach.reason;
  }
  context.output.say(
    `Nobody has supervised run ${run.runId} for ${UNSUPERVISED_MS / 60_000} minutes. Its fleet continues at the unattended rate, and nothing will be verified until someone takes over.\n` +
      `Take over, and let a task supervise it: ${nextCommand('resume', run.runId, '--detach')}\nOr supervise it from this terminal: ${nextCommand('resume', run.runId)}`,
  );
  return EXIT.detached;
};

/** Prints the run's own last line and returns its exit code, however long reading them takes. */
async function tellEnd(
  stores: Stores,
  output: Output,
  runId: string,
  trouble: Trouble,
  detach: AbortSignal,
): Promise<ExitCode> {
  for (;;) {
    try {
      const run = await stores.runs.read(runId);
      if (!run) throw new Error(`the record of run ${runId} is gone`);
      return await finish({ stores, output }, run);
    } catch (error) {
      detach.throwIfAborted();
      trouble.tell(error);
      await systemClock.sleep(TRY_AGAIN_MS, detach);
      detach.throwIfAborted();
    }
  }
}

/** Reports each time once that the control table cannot be read, and that it can be read again. */
class Trouble {
  readonly #output: Output;
  readonly #runId: string;
  #told: string | undefined;

  constructor(output: Output, runId: string) {
    this.#output = output;
    this.#runId = runId;
  }

  tell(error: unknown): void {
    const expired = isExpiredCredentials(error);
    const kind = expired ? 'expired' : error instanceof Error ? error.name : '';
    if (this.#told === kind) return;
    this.#told = kind;
    const message = expired
      ? `Your credentials have expired; the run does not need them. Log in again (aws sso login, or the way you did before), and this command continues. If it does not find the new credentials: ${nextCommand('wait', this.#runId)}`
      : `The control table cannot be read. The command will try again. The reason: ${describeError(error)}`;
    this.#output.event('warning', { message });
    this.#output.say(message);
  }

  over(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#output.say('The control table can be read again.');
  }
}
