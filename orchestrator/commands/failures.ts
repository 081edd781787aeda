import { randomUUID } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, TableLockedError } from '../../core/errors.ts';
import { loadRule } from '../../core/recipe/load.ts';
import { writtenOptions } from '../../core/recipe/recipe.ts';
import type { QuarantineRecord, RunRecord } from '../../core/records.ts';
import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { flag, GROUP } from '../cli/option.ts';
import { YES_OPTION } from '../cli/options.ts';
import { tableHeld, tableHeldHere } from '../cli/table-held.ts';
import { operatorName } from '../operator-name.ts';
import { openStores, readRun } from '../session.ts';
import type { Stores } from '../stores.ts';
import { retryQuarantined } from '../verify/retry.ts';

export const failures = defineCommand({
  usage: 'failures <run>',
  describe: 'List the items in quarantine: those that could not be written',
  positionals: RUN_POSITIONAL,
  options: { retry: flag('Try to write each of them again', GROUP.how), ...YES_OPTION },
  onlyShows: ({ retry }) => !retry,
  examples: [
    ['$0 failures 20261124071218-1a2b3c', 'list them, with the reasons'],
    ['$0 failures 20261124071218-1a2b3c --retry', 'try them again, when the cause is fixed'],
  ],
});

/** `orchestrate failures RUN`: lists the items that could not be written. With `--retry`, it tries each one again. */
export const handler: Handler<typeof failures> = async context => {
  const { output, settings, detach } = context;
  const stores = await openStores(context);
  const run = await readRun(stores, settings.run ?? '');
  output.setRun(run.runId);
  if (settings.retry && run.undoes) {
    throw new ConfigurationError(
      `Run ${run.runId} is an undo, and --retry only sets values. When the cause is fixed, start another undo: ${nextCommand('undo', run.undoes.runId)}`,
    );
  }
  const open = (await stores.quarantine.list(run.runId)).filter(({ resolved }) => !resolved);
  let left = 0;
  const stays = (failure: QuarantineRecord, reason: string, attempts: number) => {
    left += 1;
    const { key, segment, at } = failure;
    output.event('failure', { key: JSON.parse(key), reason, attempts, segment, quarantinedAt: at });
    output.print(`${key}  ${reason}  (${attempts} attempts)`);
  };
  if (!settings.retry) for (const failure of open) stays(failure, failure.reason, failure.attempts);
  // A retry that was killed after its last item still holds the table, and this one frees it.
  else if (open.length > 0 || (await isRetried(stores, run))) {
    await requireFree(stores, run);
    const { table, keySchema } = run;
    await retryQuarantined({
      ...{ stores, run, items: open, clock: systemClock, detach },
      write: { table, keySchema, rule: await loadRule(run, keySchema) },
      change: detail => ({
        ...{ id: randomUUID(), at: systemClock.nowIso(), by: operatorName(), what: 'retry', detail },
      }),
      onSettled: (failure, outcome, reason, attempts) => {
        if (outcome === 'quarantined') return stays(failure, reason, attempts);
        output.event('failure.resolved', { key: JSON.parse(failure.key), outcome });
        output.print(`${failure.key}  ${outcome}`);
      },
    });
  }
  output.say(describe(left, open.length, settings.retry, run));
  return settings.retry && left > 0 ? EXIT.quarantined : EXIT.ok;
};

async function isRetried({ runs }: Stores, { runId, tableArn }: RunRecord): Promise<boolean> {
  const holder = await runs.holderOf(tableArn);
  return holder?.runId === runId && holder.retry !== undefined;
}

/** @throws TableLockedError when another run, or a retry of what another run has in quarantine, holds the table. */
async function requireFree({ runs }: Stores, { runId, table, tableArn }: RunRecord): Promise<void> {
  const holder = await runs.holderOf(tableArn);
  if (holder !== undefined && holder.runId !== runId) throw tableHeldHere(table, holder);
  await runs.assertFreeElsewhere(tableArn).catch(error => {
    throw error instanceof TableLockedError ? tableHeld(table, error) : error;
  });
}

function describe(left: number, found: number, retried: boolean, record: RunRecord): string {
  const run = record.runId;
  if (found === 0) return `No item of run ${run} is in quarantine.`;
  if (!retried)
    return `${left} items are in quarantine. When the cause is fixed, try them again: ${nextCommand('failures', run, '--retry')}`;
  if (left === 0)
    return `No item is left in quarantine. Verify the table: ${nextCommand('verify', '--table', record.table, ...writtenOptions(record))}`;
  return `${left} of ${found} items are still in quarantine. When the cause is fixed, try them again: ${nextCommand('failures', run, '--retry')}`;
}
