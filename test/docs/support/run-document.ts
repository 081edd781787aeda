import { type Command, commandsOf, type Document, type Fence, type Heading } from './markdown.ts';
import { mask, outputMatches } from './output.ts';
import { runIn, Scene } from './scene.ts';
import type { CommandResult, StartedCommand, Terminal } from './terminal.ts';

/** A busy machine takes several times as long as an idle one. */
const COMMAND_TIMEOUT_MS = 420_000;
const START_TIMEOUT_MS = 120_000;

/** Words after `console` that mark a fence that cannot run here. */
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

/** Records what a run of a document does, in order. */
export interface Recorder {
  heading?(heading: Heading): void;
  /** A command has ended, or is left running. */
  command?(text: string, output: string, exitCode: number | 'goes on'): void;
  /** A command that was left running has ended. */
  ended?(text: string, output: string, exitCode: number): void;
  notRun?(fence: Fence): void;
  event?(what: string): void;
}

/**
 * Runs every command of a document, in order.
 * @throws with the expected and the real output, at the first difference.
 */
export async function runDocument(document: Document, recorder: Recorder = {}): Promise<number> {
  const running = new RunningDocument(document, recorder);
  try {
    for (const part of document.parts) await running.take(part);
    return await running.finish();
  } finally {
    await running.close();
  }
}

class RunningDocument {
  readonly #path: string;
  readonly #recorder: Recorder;
  #scene: Scene | undefined;
  #terminal: Terminal | undefined;
  #pending: Pending | undefined;
  #commands = 0;

  constructor({ path }: Document, recorder: Recorder) {
    this.#path = path;
    this.#recorder = recorder;
  }

  async take(part: Document['parts'][number]): Promise<void> {
    if ('title' in part) this.#recorder.heading?.(part);
    else if ('stage' in part) await this.#open(part.stage);
    else if ('meanwhile' in part) await this.#scene?.happens(part.meanwhile);
    else if (isRun(part)) await this.#run(part);
    else if (part.info[0] === 'console') this.#recorder.notRun?.(part);
  }

  /** @returns how many commands were run. */
  async finish(): Promise<number> {
    await this.#scene?.judge();
    if (this.#pending) {
      throw new Error(`${this.#path}:${this.#pending.line}: what was started here never ends.`);
    }
    return this.#commands;
  }

  async close(): Promise<void> {
    await this.#scene?.close();
  }

  async #open(stage: Readonly<Record<string, string>>): Promise<Scene> {
    await this.#scene?.judge();
    await this.#scene?.close();
    const scene = await Scene.open(stage, what => this.#recorder.event?.(what));
    this.#scene = scene;
    this.#terminal = scene.terminal();
    return scene;
  }

  async #run(fence: Fence): Promise<void> {
    const scene = this.#scene ?? (await this.#open({}));
    const at = `${this.#path}:${fence.line}`;
    const countsVary = fence.info.includes('counts-vary');
    const { commands, before, exitCode } = commandsOf(fence);
    if (fence.info.includes('ends')) await this.#end(at, before, exitCode, countsVary);
    else if (before.some(line => line.trim() !== '')) {
      throw new Error(`${at}: a console block begins with "$ ".`);
    }
    for (const [index, command] of commands.entries()) {
      this.#commands += 1;
      const text = withRun(command.text, scene.run, at);
      const leave = fence.info.includes('starts') && index === commands.length - 1;
      const terminal = leave ? scene.terminal() : (this.#terminal ?? scene.terminal());
      const started = terminal.start(text, COMMAND_TIMEOUT_MS, answerIn(command));
      const watching = setInterval(() => {
        const run = runIn(started.output());
        if (run !== undefined && run !== scene.run) scene.runBegan(run);
      }, 100);
      started.result.finally(() => clearInterval(watching)).catch(() => {});
      if (leave) {
        await appears(at, started, command, [...(command.shown ?? []), '…'], countsVary);
        this.#pending = { started, command, countsVary, line: fence.line };
        this.#recorder.command?.(text, started.output(), 'goes on');
      } else {
        const result = await started.result;
        this.#recorder.command?.(text, result.output, result.exitCode);
        check(at, command, result, countsVary);
      }
      scene.run = runIn(started.output()) ?? scene.run;
    }
  }

  async #end(at: string, shown: readonly string[], exitCode: number, countsVary: boolean): Promise<void> {
    const pending = this.#pending;
    if (!pending) throw new Error(`${at}: nothing was started that could end.`);
    this.#pending = undefined;
    const { command, started } = pending;
    const result = await started.result;
    this.#recorder.ended?.(command.text, result.output, result.exitCode);
    const whole = { text: command.text, shown: [...(command.shown ?? []), '…', ...shown], exitCode };
    check(at, whole, result, countsVary || pending.countsVary);
  }
}

/** `npm ci` would replace the modules that this test is using. The commands after it run. */
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
