import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand, sameOptions } from '../cli/next-command.ts';
import { planText } from '../plan/plan-text.ts';
import { planTicket } from '../plan/plan-ticket.ts';
import { prepare } from '../plan/prepare.ts';
import { type CommandContext, look, openSession } from '../session.ts';

/**
 * `orchestrate plan`: what a run with these options would do, take and cost, and what speaks against it. It reads a
 * sample of the table and writes nothing. Exit code 3 when a run would be refused.
 */
export async function plan(context: CommandContext): Promise<ExitCode> {
  const { settings, output } = context;
  const session = await openSession(context);
  const { plan: made, facts } = await prepare(session);
  const command = sameOptions('run');
  const holder = await look(() => session.stores.runs.holderOf(facts.arn));
  const text = settings.format === 'md' ? planTicket(made, command, session.clock.nowIso()) : planText(made);
  output.print(text);
  output.event('plan.finished', { ...made, command, ...(holder && { heldBy: holder }) });
  if (holder)
    output.say(`The unfinished run ${holder} holds the table. Look at it: ${nextCommand('status', holder)}`);
  const refused = made.findings.filter(({ level }) => level === 'failure').length;
  if (refused > 0) {
    output.say(
      `A run would be refused, for ${refused === 1 ? 'one reason' : `${refused} reasons`}. When mended: ${sameOptions('plan')}`,
    );
    return EXIT.preflight;
  }
  output.say(`Next, with nothing written: ${command} --dry-run\nThen a canary: ${command} --limit 100`);
  return EXIT.ok;
}
