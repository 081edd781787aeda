import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { isInAuthority, type RunRecord, type TaskRecord } from '../../core/records.ts';
import { TaskWatch } from '../fleet/task-watch.ts';
import type { Stores } from '../stores.ts';

const LOOK_INTERVAL_MS = 250;

const TOLD_AT_A_TIME = 10;

/** Added to the authority time, because clocks run at slightly different speeds. */
const SLACK_MS = 1_000;

/**
 * Resolves when nothing can write to the user's table for this run any longer, even if no supervisor is alive.
 * @param told the run's record just after it was told to pause or stop
 */
export async function untilNobodyWrites(
  stores: Pick<Stores, 'tasks' | 'runs'>,
  told: RunRecord,
  clock: Clock,
): Promise<void> {
  const toldAtMs = clock.monotonicMs();
  await untilTasksEnded(stores, told, clock);
  if (told.status === 'verifying') await untilSupervisorEnded(stores, told, toldAtMs, clock);
}

/** Tells every task to end, and waits until each one has ended, lapsed or been fenced. */
async function untilTasksEnded(
  stores: Pick<Stores, 'tasks'>,
  { runId, authorityMs, heartbeatMs, desired: wanted }: RunRecord,
  clock: Clock,
): Promise<void> {
  const desired = wanted === 'pause' ? 'pause' : 'stop';
  const watch = new TaskWatch({
    tasks: stores.tasks,
    fleet: { describe: async () => new Map(), stop: async () => {} },
    clock,
    authorityMs,
    onEnd: () => {},
    onUnobserved: () => {},
  });
  for (;;) {
    const tasks = (await stores.tasks.list(runId)).filter(({ status }) => isInAuthority(status));
    if (tasks.length === 0) return;
    const tell = async (task: TaskRecord) => {
      if (task.heartbeat === 0)
        await watch.fence(task, { kind: 'desired', message: `somebody asked the run to ${desired}` });
      else if (task.desired !== desired) await stores.tasks.setDesired(runId, task.launchId, desired);
    };
    await pMap(tasks, tell, { concurrency: TOLD_AT_A_TIME });
    await watch.observe(tasks);
    await clock.sleep(Math.max(LOOK_INTERVAL_MS, heartbeatMs / 8));
  }
}

/**
 * At the end of a pass, the supervisor writes items itself. Its next read tells it that the run must end, and it
 * records when it has stopped. If it does not, its authority still ends this long after the run was told.
 */
async function untilSupervisorEnded(
  stores: Pick<Stores, 'runs'>,
  { runId, authorityMs }: RunRecord,
  toldAtMs: number,
  clock: Clock,
): Promise<void> {
  const overAtMs = toldAtMs + authorityMs + SLACK_MS;
  while (clock.monotonicMs() < overAtMs) {
    const now = await stores.runs.read(runId);
    if (!now || (now.status !== 'verifying' && now.status !== 'running')) return;
    await clock.sleep(LOOK_INTERVAL_MS);
  }
}
