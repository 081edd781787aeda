import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { YES_OPTION } from '../cli/options.ts';
import { operatorName } from '../operator-name.ts';
import { endTasks } from '../supervise/end-tasks.ts';

export const cancel = defineCommand({
  usage: 'cancel <run>',
  describe: 'End a run for good and release the table; what was written stays',
  positionals: RUN_POSITIONAL,
  options: YES_OPTION,
  examples: [['$0 cancel 20261124071218-1a2b3c', 'end it; what was written stays']],
});

/** `orchestrate cancel RUN`: like pause, but the run ends for good and releases the table. */
export const handler: Handler<typeof cancel> = context => {
  const message = `cancelled by ${operatorName()}`;
  return endTasks(context, context.settings.run ?? '', 'cancel', () => ({
    desired: 'stop',
    stopReason: { kind: 'cancelled', message },
  }));
};
