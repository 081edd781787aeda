import { createDataPlaneClient, createMetricsClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import { CapacityLimiter } from '../../core/rate/capacity-limiter.ts';
import { verificationSegments } from '../../core/verification-segments.ts';
import { describeUserTable } from '../checks/table.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { defaultRates } from '../plan/choose-rates.ts';
import type { CommandContext } from '../session.ts';
import { verificationFinished } from '../verify/pass-end.ts';
import { sampleOf, verifyTable } from '../verify/verification.ts';

/** `orchestrate verify`: the strongly consistent scan on its own, of any table, at any time. It writes nothing. */
export async function verify({ settings, output, detach }: CommandContext): Promise<ExitCode> {
  const client = createDataPlaneClient();
  const { table, attribute } = settings;
  const facts = await describeUserTable(client, table);
  const readUnitsPerSecond =
    settings.maxReadRate ??
    (await defaultRates(facts.description, createMetricsClient())).rates.readUnitsPerSecond;
  output.say(`Reading ${table} with strong consistency, at most ${readUnitsPerSecond} read units a second.`);
  const result = await verifyTable({
    client,
    table,
    keySchema: facts.keySchema,
    attribute,
    totalSegments: verificationSegments(settings.segments),
    limiter: new CapacityLimiter(systemClock, readUnitsPerSecond),
    clock: systemClock,
    signal: detach,
  });
  const { scanned, missing, nulls, readUnits } = result;
  output.print(
    missing === 0
      ? `None of ${scanned} items lacks "${attribute}"${nulls > 0 ? `; in ${nulls} it is NULL` : ''}. ${readUnits} read units.`
      : [
          `${missing} of ${scanned} items lack "${attribute}", for instance:`,
          ...sampleOf(result.keys),
          `When the code that sets it is live everywhere: ${nextCommand('plan', '--table', table, '--attribute', attribute)}`,
        ].join('\n'),
  );
  output.event('verification.finished', verificationFinished({ table, attribute }, result));
  return missing === 0 ? EXIT.ok : EXIT.missing;
}
