import { quoteForShell } from '../confirm.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { planText } from '../plan/plan-text.ts';
import { planTicket } from '../plan/plan-ticket.ts';
import { prepare } from '../plan/prepare.ts';
import { type CommandContext, openSession } from '../session.ts';

/**
 * `orchestrate plan`: what a run with these options would do, take and cost, and what speaks against it. It reads a
 * sample of the table and writes nothing. Exit code 3 when a run would be refused.
 */
export async function plan(context: CommandContext): Promise<ExitCode> {
  const { settings, output } = context;
  const session = await openSession(context);
  const { plan: made, facts } = await prepare(session, true);
  const command = runCommand(process.argv.slice(2));
  const holder = await session.stores.runs.holderOf(facts.arn);
  const text = settings.format === 'md' ? planTicket(made, command, session.clock.nowIso()) : planText(made);
  output.print(text);
  output.event('plan.finished', { ...made, command, ...(holder && { heldBy: holder }) });
  if (holder)
    output.say(`The unfinished run ${holder} holds the table. Look at it: orchestrate status ${holder}`);
  const refused = made.findings.filter(({ level }) => level === 'refusal').length;
  if (refused > 0) {
    output.say(`A run would be refused, for ${refused === 1 ? 'one reason' : `${refused} reasons`}.`);
    return EXIT.preflight;
  }
  output.say(`Next, with nothing written: ${command} --dry-run\nThen a canary: ${command} --limit 100`);
  return EXIT.ok;
}

/** The run that this plan is of: the same words, without those that are the plan's own. */
function runCommand(words: readonly string[]): string {
  const kept: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--format') index += 1;
    else if (!/^(plan|--json|--debug|--format=.*)$/.test(word)) kept.push(word);
  }
  return ['orchestrate', 'run', ...kept.map(quoteForShell)].join(' ');
}
