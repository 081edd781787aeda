import { createControlTableClient, createDataPlaneClient, createMetricsClient } from '../core/aws-clients.ts';
import { certificatesOf } from '../core/ca-bundle.ts';
import { useClientSettings, WORKER_CLIENTS } from '../core/client-settings.ts';
import { systemClock } from '../core/clock.ts';
import { ControlTable } from '../core/control-table.ts';
import { AuthorityLostError, ConfigurationError, describeError } from '../core/errors.ts';
import { keepHeapSmall } from '../core/heap.ts';
import { proxyFor } from '../core/proxy-choice.ts';
import { LONGEST_PATIENCE_MS } from '../core/rate/patience.ts';
import { parseTaskEnvironment, type TaskEnvironment } from '../core/task-environment.ts';
import { readAssignment } from './assignment.ts';
import { createLog } from './log.ts';
import { runProbe } from './probe.ts';
import { listenForTermination } from './shutdown.ts';
import type { TaskContext } from './task-context.ts';
import { runWorker } from './worker.ts';

const USAGE_EXIT_CODE = 2;

async function main(): Promise<number> {
  keepHeapSmall();
  // The SDK's notice about the Node version is meant for the person who builds the image, not for every task's log.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  let task: TaskEnvironment;
  let certificates: readonly string[] | undefined;
  try {
    task = parseTaskEnvironment(process.env);
    certificates = certificatesOf(process.env);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`);
    return USAGE_EXIT_CODE;
  }
  const stop = new AbortController();
  listenForTermination(stop);
  useClientSettings({
    ...WORKER_CLIENTS,
    proxyFor: destination => proxyFor(process.env, destination),
    certificates,
  });
  const log = createLog({ run: task.runId, launch: task.launchId });
  try {
    const context: TaskContext = {
      task,
      dataPlane: assertMaySend => createDataPlaneClient(assertMaySend, LONGEST_PATIENCE_MS),
      controlTable: new ControlTable(createControlTableClient(), task.controlTable),
      // Separate connections, because a heartbeat must not queue behind checkpoints or quarantined items.
      heartbeats: new ControlTable(createControlTableClient(), task.controlTable),
      cloudWatch: createMetricsClient(),
      clock: systemClock,
      log,
      stop,
    };
    const { run, probe } = await readAssignment(context);
    return run ? await runWorker(context, run) : await runProbe(context, probe);
  } catch (error) {
    const expected = error instanceof AuthorityLostError || error instanceof ConfigurationError;
    log.error(expected ? { reason: error.message } : { error }, 'worker failed');
    return error instanceof ConfigurationError ? USAGE_EXIT_CODE : 1;
  }
}

process.exitCode = await main();
// Keep-alive sockets and a closed stdin must not keep a finished worker alive.
process.exit();
