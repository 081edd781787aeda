import pMap from 'p-map';
import type { Clock } from '../../core/clock.ts';
import { isInAuthority, type RunRecord, type TaskRecord } from '../../core/records.ts';
import { TaskWatch } from '../fleet/task-watch.ts';
import type { Stores } from '../stores.ts';

const LOOK_INTERVAL_MS = 250;

const TOLD_AT_A_TIME = 10;

/** In addition to the authority time, for clocks that run at slightly different speeds. */
const SLACK_MS = 1_000;

/**
 * Resolves when nothing can write to the user's table for this run any longer, whether or not a supervisor lives.
 * @param told the run's record as it was when it was told to pause or stop, just now
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

/** Tells every task, and waits for its end, its lapse or its fence. */
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
        await watch.fence(task, { kind: 'desired', message: `the run is to ${desired}` });
      else if (task.desired !== desired) await stores.tasks.setDesired(runId, task.launchId, desired);
    };
    await pMap(tasks, tell, { concurrency: TOLD_AT_A_TIME });
    await watch.observe(tasks);
    await clock.sleep(Math.max(LOOK_INTERVAL_MS, heartbeatMs / 8));
  }
}

/**
 * At the end of a pass the supervisor writes by itself. It sees with its next read that the run is to end, and says so
 * when it has; and whatever becomes of it, its authority is over when so much time has passed since it was told.
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
