import { createDataPlaneClient, createMetricsClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import type { ItemSize } from '../../core/rate/capacity-estimate.ts';
import { LONGEST_PATIENCE_MS } from '../../core/rate/patience.ts';
import { RateControl } from '../../core/rate/rate-control.ts';
import { loadRule } from '../../core/recipe/load.ts';
import { recipeText, targetsOf, targetsText, writtenOptions } from '../../core/recipe/recipe.ts';
import { verificationSegments } from '../../core/verification-segments.ts';
import { describeUserTable, type TableFacts } from '../checks/table.ts';
import { defineCommand, type Handler } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { DEFAULT_SEGMENTS, READ_RATE_OPTION, TABLE_OPTIONS } from '../cli/options.ts';
import { checkRecipeSettings, RECIPE_OPTIONS } from '../cli/recipe-options.ts';
import { defaultRates } from '../plan/choose-rates.ts';
import { describeNotIndexed } from '../run-summary.ts';
import { indexKeysOf } from '../user-table/index-keys.ts';
import { verificationFinished } from '../verify/pass-end.ts';
import { lacksAttribute, missesByRule } from '../verify/subject.ts';
import { verifyTable } from '../verify/verification.ts';
import { writtenOf } from '../written-settings.ts';

export const verify = defineCommand({
  usage: 'verify',
  describe: 'Read the whole table with strong consistency and count the items that lack the attribute',
  options: { ...TABLE_OPTIONS, ...RECIPE_OPTIONS, ...READ_RATE_OPTION },
  examples: [
    ['$0 verify --table orders --attribute version', 'verify at any time; writes nothing'],
    ['$0 verify --table orders --max-read-rate 200', 'read slowly'],
    [`$0 verify --set 'gsi1pk = "S#" + status' --where 'kind == "ORDER"'`, 'verify a recipe'],
  ],
  check: checkRecipeSettings,
});

/** `orchestrate verify`: only the strongly consistent scan, of any table, at any time. It writes nothing. */
export const handler: Handler<typeof verify> = async ({ settings, output, detach }) => {
  const client = createDataPlaneClient(undefined, LONGEST_PATIENCE_MS);
  const { table } = settings;
  const written = writtenOf(settings);
  const [attribute] = targetsOf(written);
  const targets = targetsText(written);
  const inScope = written.recipe?.where === undefined ? '' : ' in scope';
  const facts = await describeUserTable(client, table);
  const readUnitsPerSecond =
    settings.maxReadRate ??
    (await defaultRates(facts.description, createMetricsClient())).rates.readUnitsPerSecond;
  output.say(`Reading ${table} with strong consistency, at most ${readUnitsPerSecond} read units a second.`);
  const rate = new RateControl({ clock: systemClock, seed: itemSizeOf(facts), paces: 'reads' });
  rate.grant({ readUnitsPerSecond, writeUnitsPerSecond: 0 }, 0);
  const done = new AbortController();
  const adjusting = rate.adjustUntil(done.signal);
  const indexKeys = targetsOf(written).flatMap(target => indexKeysOf(facts.description, target));
  const result = await verifyTable({
    client,
    table,
    keySchema: facts.keySchema,
    subject: written.recipe
      ? missesByRule(
          { keySchema: facts.keySchema, rule: await loadRule(written, facts.keySchema) },
          recipeText(written.recipe),
          { indexKeys },
        )
      : lacksAttribute(facts.keySchema, attribute, { indexKeys }),
    totalSegments: verificationSegments(DEFAULT_SEGMENTS, readUnitsPerSecond),
    rate,
    clock: systemClock,
    signal: detach,
  }).finally(async () => {
    done.abort();
    await adjusting;
  });
  const { scanned, missing, nulls, readUnits, sample } = result;
  const throttled = rate.takeThrottled();
  if (throttled) output.say(`DynamoDB throttled ${throttled.count} of the reads (${throttled.reason}).`);
  output.print(
    missing === 0
      ? `None of ${scanned} items${inScope} lacks ${targets}${nulls > 0 ? `; in ${nulls} it is NULL` : ''}. ${readUnits} read units.`
      : [
          `${missing} of ${scanned} items lack ${targets}${inScope === '' ? '' : ' and are in scope'}, for instance:`,
          ...sample,
          `When the code that sets it is live everywhere, plan a run: ${nextCommand('plan', '--table', table, ...writtenOptions(written))}`,
        ].join('\n'),
  );
  const notIndexed = describeNotIndexed({ ...result, indexKeys });
  if (notIndexed !== undefined) output.print(notIndexed);
  output.event(
    'verification.finished',
    verificationFinished({ table, attribute, ...(indexKeys.length > 0 && { indexKeys }) }, result),
  );
  return missing === 0 ? EXIT.ok : EXIT.missing;
};

/** The average item size from DynamoDB's own figures, up to six hours old. */
function itemSizeOf({ description }: TableFacts): ItemSize | undefined {
  const { ItemCount = 0, TableSizeBytes = 0 } = description;
  return ItemCount > 0 ? { bytes: Math.ceil(TableSizeBytes / ItemCount) } : undefined;
}
