import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, describeError } from '../../core/errors.ts';
import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { GROUP, value, wholeNumber } from '../cli/option.ts';
import { DashboardServer } from '../dashboard/server.ts';
import { Watch } from '../dashboard/watch.ts';
import { openStores, readRun } from '../session.ts';

export const dashboard = defineCommand({
  usage: 'dashboard <run>',
  describe: 'Serve a page that shows a run, for this machine only, until Ctrl-C',
  positionals: RUN_POSITIONAL,
  options: {
    port: value(
      'Port on this machine; 0 takes any free one',
      GROUP.output,
      () => wholeNumber(0, 65_535).default(0),
      {
        default: '0',
      },
    ),
  },
  examples: [['$0 dashboard 20261124071218-1a2b3c', 'a page on this machine']],
});

/** `orchestrate dashboard RUN`: serves a page on this machine until Ctrl-C. It reads only the control table. */
export const handler: Handler<typeof dashboard> = async context => {
  const { settings, output, detach } = context;
  const stores = await openStores(context);
  const { runId: run } = await readRun(stores, settings.run ?? '');
  output.setRun(run);
  const server = await listen(settings.port);
  try {
    output.print(
      `The run ${run} is at ${server.url}\nOnly this machine can open the page. Ctrl-C ends the page, not the run.`,
    );
    output.event('dashboard.started', { url: server.url });
    const watch = new Watch({
      stores,
      clock: systemClock,
      runId: run,
      onSnapshot: snapshot => server.push(snapshot),
    });
    await watch.run(detach);
  } finally {
    await server.close();
  }
  return EXIT.ok;
};

async function listen(port: number): Promise<DashboardServer> {
  try {
    return await DashboardServer.listen({ port });
  } catch (cause) {
    throw new ConfigurationError(
      `The page cannot be served on port ${port}: ${describeError(cause)}. Leave --port out to take any free port.`,
      { cause },
    );
  }
}
