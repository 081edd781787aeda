import { type Command, commandsOf, type Document, type Fence } from './markdown.ts';
import { mask, outputMatches } from './output.ts';
import { runIn, Scene } from './scene.ts';
import type { CommandResult, StartedCommand, Terminal } from './terminal.ts';

const COMMAND_TIMEOUT_MS = 100_000;
const START_TIMEOUT_MS = 30_000;

/** Words behind `console` by which a fence says that it cannot run here. */
export const NOT_RUN = ['aws', 'docker', 'ci'];

export function isRun({ info }: Fence): boolean {
  return info[0] === 'console' && !info.some(word => NOT_RUN.includes(word));
}

interface Pending {
  readonly started: StartedCommand;
  readonly command: Command;
  readonly countsVary: boolean;
  readonly line: number;
}

/** Runs every command of a document, in order. @throws with what is shown and what came, at the first difference. */
export async function runDocument(document: Document): Promise<number> {
  let scene: Scene | undefined;
  let terminal: Terminal | undefined;
  let pending: Pending | undefined;
  let commandsRun = 0;
  try {
    for (const part of document.parts) {
      if ('stage' in part) {
        await scene?.close();
        scene = await Scene.open(part.stage);
        terminal = scene.terminal();
        continue;
      }
      if (!('info' in part) || !isRun(part)) continue;
      scene ??= await Scene.open({});
      terminal ??= scene.terminal();
      const at = `${document.path}:${part.line}`;
      const countsVary = part.info.includes('counts-vary');
      const { commands, before } = commandsOf(part);
      if (part.info.includes('ends')) {
        if (!pending) throw new Error(`${at}: nothing was started that could end.`);
        const shown = [...(pending.command.shown ?? []), '…', ...before];
        const exit = before.map(line => /^\[exit (\d+)\]$/.exec(line)?.[1]).find(code => code !== undefined);
        check(
          at,
          {
            text: pending.command.text,
            shown: shown.filter(line => !/^\[exit \d+\]$/.test(line)),
            exitCode: Number(exit ?? 0),
          },
          await pending.started.result,
          countsVary || pending.countsVary,
        );
        pending = undefined;
      } else if (before.some(line => line.trim() !== '')) {
        throw new Error(`${at}: a console block begins with "$ ".`);
      }
      for (const [index, command] of commands.entries()) {
        commandsRun += 1;
        const text = withRun(command.text, scene.run, at);
        const leave = part.info.includes('starts') && index === commands.length - 1;
        const started = (leave ? scene.terminal() : terminal).start(
          text,
          COMMAND_TIMEOUT_MS,
          answerIn(command),
        );
        if (leave) {
          const shown = [...(command.shown ?? []), '…'];
          await appears(at, started, command, shown, countsVary);
          pending = { started, command, countsVary, line: part.line };
        } else {
          check(at, command, await started.result, countsVary);
        }
        scene.run = runIn(started.output()) ?? scene.run;
      }
    }
    if (pending) throw new Error(`${document.path}:${pending.line}: what was started here never ends.`);
    return commandsRun;
  } finally {
    await scene?.close();
  }
}

/** `npm ci` would replace the modules under the test's own feet; what follows it is run. */
function withRun(text: string, run: string | undefined, at: string): string {
  const own = text.replace(/^npm ci && /, '');
  if (!/\bRUN\b/.test(own)) return own;
  if (run === undefined) throw new Error(`${at}: no run has begun that RUN could stand for.`);
  return own.replace(/\bRUN\b/g, run);
}

function answerIn({ shown }: Command): string | undefined {
  return shown
    ?.map(line => /^To begin, type .*: (\S+)$/.exec(line)?.[1])
    .find(answer => answer !== undefined);
}

async function appears(
  at: string,
  started: StartedCommand,
  command: Command,
  shown: readonly string[],
  countsVary: boolean,
): Promise<void> {
  const giveUpAt = Date.now() + START_TIMEOUT_MS;
  while (!outputMatches(shown, started.output(), countsVary)) {
    if (Date.now() > giveUpAt) throw difference(at, command, started.output(), countsVary);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

function check(at: string, command: Command, { output, exitCode }: CommandResult, countsVary: boolean): void {
  if (exitCode !== command.exitCode) {
    throw new Error(`${at}: $ ${command.text}\nended with ${exitCode}, not ${command.exitCode}:\n${output}`);
  }
  if (command.shown && !outputMatches(command.shown, output, countsVary)) {
    throw difference(at, command, output, countsVary);
  }
}

function difference(at: string, command: Command, output: string, countsVary: boolean): Error {
  return new Error(
    `${at}: $ ${command.text}\n── shown ──\n${command.shown?.join('\n')}\n── came ──\n${output.trim()}\n── came, masked ──\n${mask(output, countsVary).trim()}`,
  );
}
