import { targetsOf, writtenText } from '../../core/recipe/recipe.ts';
import { linesOf } from '../checks/finding.ts';
import type { Plan } from './plan.ts';
import { count, countRange, percentRange, span } from './plan-figures.ts';
import { costLine } from './plan-text.ts';
import { recipeLines } from './recipe-plan.ts';

/** The plan as a change ticket of one page, in Markdown. `command` is the command that starts the run. */
export function planTicket(plan: Plan, command: string, at: string): string {
  const { table, attribute, recipe, rates, forecast: f } = plan;
  const targets = targetsOf(plan)
    .map(name => `\`${name}\``)
    .join(' and ');
  const share = f.share
    ? `, ${percentRange(f.share)} of ${count(f.items)}`
    : `; not sampled, so the plan assumes all of ${count(f.items)}`;
  const open = [
    ...linesOf(plan.findings, 'failure').map(line => `**Refused:** ${line}`),
    ...linesOf(plan.findings, 'warning'),
  ];
  return `# Change: set ${targets} on every item of \`${table}\` that lacks ${recipe && recipe.set.length > 1 ? 'one of them' : 'it'}${recipe?.where === undefined ? '' : ` and is in scope`}

| | |
|---|---|
| Table | \`${plan.tableArn}\` |
| Account, Region | ${plan.account}, ${plan.region} |
| Items concerned | ${countRange(f.missing)}${share} |
| Value | \`${writtenText(plan)}\` |
| The only write | \`${plan.statement}\` |
| Fleet | ${plan.tasks} tasks (${plan.taskDefinition}), ${plan.segments} segments |
| Budget | ${rates.writeUnitsPerSecond} write and ${rates.readUnitsPerSecond} read capacity units a second, all tasks together |
| Capacity | ${count(f.writeUnits.value)} write units; ${count(f.scanReadUnits + f.verificationReadUnits)} read units |
| Duration | about ${span(f.seconds)} at this budget, plus a minute until the tasks run |
| Cost | ${costLine(plan)} (prices of ${plan.prices.asOf}) |
| Planned at | ${at} |

## What it does to items
${effect(plan)}

## Steps
1. \`${command} --dry-run\`: everything except the writes.
2. \`${command} --limit 100\`: 100 items are written and verified. Then check the application.
3. \`${command}\`: it ends with exit code 0 and "verified" after a strongly consistent scan of the whole table.

## Stop conditions
- If errors or latency of the application rise: \`orchestrate pause RUN\`. It returns when no task can write any more.
- The run stops by itself: ${stopConditions(plan).join('; ')}.
- To slow it down: \`orchestrate rate RUN --max-write-rate ${Math.max(1, Math.floor(rates.writeUnitsPerSecond / 4))}\`. To end it: \`orchestrate cancel RUN\`.

## The way back
- Stopping is safe at any time. What was written stays, and a later run continues from there.
- To undo: ${undoWords(plan)}restore the table by point-in-time recovery to a moment before the start, **into a new table**, and compare or copy from there.
- Never \`REMOVE ${attribute}\` where ${recipe ? 'it has a value of this run' : `\`${writtenText(plan)}\``}: it would also hit every item on which the application itself has set that value.

## Checks before the start
${open.length === 0 ? '- all passed' : open.map(line => `- ${line}`).join('\n')}
`;
}

function undoWords({ undoLog, undoDays }: Plan): string {
  if (!undoLog) return '';
  return `\`orchestrate undo RUN\` removes what this run wrote and nobody has changed since, for ${undoDays} days. Or `;
}

function effect({ recipe }: Plan): string {
  const what = recipe
    ? 'It sets attributes that are missing, on items that exist and are in scope, to values computed from the item, on condition that the attributes they are computed from have not changed.'
    : 'It sets one attribute on items that exist and lack it.';
  const examples = recipe?.sample ? `\n\n\`\`\`\n${recipeLines(recipe).join('\n')}\n\`\`\`` : '';
  return `${what} An item that has the attribute, NULL included, keeps its value. A deleted item stays deleted. The run touches no other attribute. Live writers always win.${examples}`;
}

function stopConditions({ maxCost, maxQuarantine }: Plan): string[] {
  return [
    'when DynamoDB refuses writes for a reason that retrying cannot fix (exit 7)',
    maxQuarantine === undefined
      ? 'when over 5 % of the items, and over 100, cannot be written (exit 7)'
      : `when over ${maxQuarantine} items cannot be written (exit 7)`,
    ...(maxCost === undefined ? [] : [`before it costs more than $${maxCost} (exit 7)`]),
    'and the fleet slows down by itself when the table throttles anybody',
  ];
}
