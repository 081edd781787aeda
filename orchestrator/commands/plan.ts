import * as z from 'zod';
import { defineCommand, type Handler } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { sameOptions } from '../cli/next-command.ts';
import { GROUP, value } from '../cli/option.ts';
import { checkRunSettings, RUN_OPTIONS } from '../cli/options.ts';
import { tableHeldHere } from '../cli/table-held.ts';
import { planText } from '../plan/plan-text.ts';
import { planTicket } from '../plan/plan-ticket.ts';
import { prepare } from '../plan/prepare.ts';
import { look, openSession } from '../session.ts';

export const plan = defineCommand({
  usage: 'plan',
  describe: 'Show what a run would do and cost, and what argues against it; writes nothing',
  options: {
    ...RUN_OPTIONS,
    format: value(
      'text, or md for a change ticket',
      GROUP.output,
      () => z.enum(['text', 'md']).default('text'),
      {
        choices: ['text', 'md'],
        default: 'text',
      },
    ),
  },
  examples: [
    ['$0 plan --table orders --attribute version', 'before you run anything'],
    [
      '$0 plan --table orders --deployed-at 2026-11-01T12:00:00Z',
      'check that live writers have set it since then',
    ],
    ['$0 plan --table orders --format md > change.md', 'write a change ticket'],
  ],
  check: checkRunSettings,
});

/**
 * `orchestrate plan`: says what a run with these options would do, take and cost, and what argues against it. It reads
 * a sample of the table and writes nothing. The exit code is 3 if a run would be refused.
 */
export const handler: Handler<typeof plan> = async context => {
  const { settings, output } = context;
  const session = await openSession(context);
  const { plan: made, facts } = await prepare(session);
  const command = sameOptions('run');
  const holder = await look(() => session.stores.runs.holderOf(facts.arn));
  const text = settings.format === 'md' ? planTicket(made, command, session.clock.nowIso()) : planText(made);
  output.print(text);
  output.event('plan.finished', { ...made, command, ...(holder && { heldBy: holder.runId }) });
  if (holder) output.say(tableHeldHere(settings.table, holder).message);
  const refused = made.findings.filter(({ level }) => level === 'failure').length;
  if (refused > 0) {
    output.say(
      `A run would be refused, for ${refused === 1 ? 'one reason' : `${refused} reasons`}. When ${refused === 1 ? 'it is' : 'they are'} fixed, check again: ${sameOptions('plan')}`,
    );
    return EXIT.preflight;
  }
  output.say(`Next, a dry run: ${command} --dry-run\nThen a canary: ${command} --limit 100`);
  return EXIT.ok;
};
