import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, describeError } from '../../core/errors.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { DashboardServer } from '../dashboard/server.ts';
import { Watch } from '../dashboard/watch.ts';
import { type CommandContext, openStores, readRun } from '../session.ts';

/** `orchestrate dashboard RUN`: a page on this machine, until Ctrl-C. It reads the control table and nothing else. */
export async function dashboard(context: CommandContext): Promise<ExitCode> {
  const { settings, output, detach } = context;
  const stores = await openStores(context);
  const { runId: run } = await readRun(stores, settings.run ?? '');
  output.setRun(run);
  const server = await listen(settings.port);
  try {
    output.print(
      `The run ${run} is at ${server.url}\nOnly this machine can open it. Ctrl-C ends it; the run goes on.`,
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
}

async function listen(port: number): Promise<DashboardServer> {
  try {
    return await DashboardServer.listen({ port });
  } catch (cause) {
    throw new ConfigurationError(
      `The page cannot be served on port ${port}: ${describeError(cause)}. Without --port any free one is taken.`,
      { cause },
    );
  }
}
