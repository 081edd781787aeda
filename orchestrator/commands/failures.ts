import { decodeKey } from '../../core/attribute-value.ts';
import { createDataPlaneClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import { TableLockedError } from '../../core/errors.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { loadRule } from '../../core/recipe/load.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { type CommandContext, openStores, readRun } from '../session.ts';
import { repairItem } from '../verify/repair.ts';

/** `orchestrate failures RUN`: the items that could not be written; with `--retry`, another try for each. */
export async function failures(context: CommandContext): Promise<ExitCode> {
  const { output, settings, detach } = context;
  const stores = await openStores(context);
  const run = await readRun(stores, settings.run ?? '');
  output.setRun(run.runId);
  const holder = await stores.runs.holderOf(run.tableArn);
  if (settings.retry && holder !== undefined && holder !== run.runId) {
    throw new TableLockedError(
      holder,
      `The unfinished run ${holder} holds the table ${run.table}; try again when it has ended.`,
    );
  }
  const open = (await stores.quarantine.list(run.runId)).filter(({ resolved }) => !resolved);
  const client = createDataPlaneClient();
  const write = {
    table: run.table,
    keySchema: run.keySchema,
    rule: await loadRule(run, run.keySchema),
  };
  const limiter = new CapacityLimiter(systemClock, run.rates.writeUnitsPerSecond);
  let left = 0;
  for (const failure of open) {
    let { reason, attempts } = failure;
    if (settings.retry) {
      const { outcome } = await repairItem(decodeKey(failure.key), {
        client,
        write,
        limiter,
        clock: systemClock,
        signal: detach,
        onQuarantine: async (_, again, tries) => {
          reason = again;
          attempts += tries;
          await stores.quarantine.add({ ...failure, reason, attempts, at: systemClock.nowIso() });
        },
      });
      if (outcome !== 'quarantined') {
        await stores.quarantine.resolve(run.runId, failure.key, { outcome, at: systemClock.nowIso() });
        output.event('failure.resolved', { key: JSON.parse(failure.key), outcome });
        output.print(`${failure.key}  ${outcome}`);
        continue;
      }
    }
    left += 1;
    output.event('failure', {
      key: JSON.parse(failure.key),
      reason,
      attempts,
      segment: failure.segment,
      quarantinedAt: failure.at,
    });
    output.print(`${failure.key}  ${reason}  (${attempts} attempts)`);
  }
  output.say(describe(left, open.length, settings.retry, run.runId, run.table, run.attribute));
  return settings.retry && left > 0 ? EXIT.quarantined : EXIT.ok;
}

function describe(
  left: number,
  found: number,
  retried: boolean,
  run: string,
  table: string,
  attribute: string,
): string {
  if (found === 0) return `No item of run ${run} is in quarantine.`;
  if (!retried)
    return `${left} items are in quarantine. When their cause is mended: ${nextCommand('failures', run, '--retry')}`;
  if (left === 0)
    return `None is left. Prove it: ${nextCommand('verify', '--table', table, '--attribute', attribute)}`;
  return `${left} of ${found} items are still in quarantine. When their cause is mended: ${nextCommand('failures', run, '--retry')}`;
}
