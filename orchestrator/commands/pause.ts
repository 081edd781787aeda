import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { YES_OPTION } from '../cli/options.ts';
import { endTasks } from '../supervise/end-tasks.ts';

export const pause = defineCommand({
  usage: 'pause <run>',
  describe: 'Stop a run until someone resumes it; returns when no task can write any more',
  positionals: RUN_POSITIONAL,
  options: YES_OPTION,
  examples: [['$0 pause 20261124071218-1a2b3c', 'when it returns, no task can write']],
});

/** `orchestrate pause RUN`: returns when no task has authority any more. */
export const handler: Handler<typeof pause> = context =>
  // A cancel cannot be undone, even by a pause at the same moment.
  endTasks(context, context.settings.run ?? '', 'pause', ({ stopReason }) =>
    stopReason?.kind === 'cancelled' ? {} : { desired: 'pause' },
  );
