import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ORCHESTRATE } from './orchestrator-process.ts';

/** Ids in the help's examples. */
const EXAMPLE_RUN = /\b\d{14}-[0-9a-f]{6}\b/;

/** What a command has printed so far, and how it ended. */
export interface Screen {
  readonly line: string;
  text: string;
  readonly exit: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * A person at a shell who knows only what the tool prints. They type lines, read the screen, and copy the next line
 * from it. There is no terminal, so a run must be confirmed with the command that it prints.
 */
export class Operator {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #screens: Screen[] = [];

  private constructor(directory: string, environment: Readonly<Record<string, string>>) {
    this.#directory = directory;
    this.#environment = environment;
  }

  /** `directory`: an empty directory to work in. */
  static async at(directory: string, environment: Readonly<Record<string, string>>): Promise<Operator> {
    await mkdir(join(directory, 'bin'));
    await symlink(ORCHESTRATE, join(directory, 'bin/orchestrate'));
    return new Operator(directory, environment);
  }

  /** Types a line and watches the screen. */
  type(line: string): Screen {
    const child: ChildProcess = spawn('/bin/sh', ['-c', `exec ${line}`], {
      cwd: this.#directory,
      env: {
        HOME: process.env['HOME'],
        ...this.#environment,
        PATH: `${join(this.#directory, 'bin')}${delimiter}${process.env['PATH']}`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const screen: Screen = {
      line,
      text: '',
      exit: new Promise(resolve => {
        child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 1)));
      }),
      kill: signal => void child.kill(signal),
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        screen.text += text;
      });
    }
    this.#screens.push(screen);
    return screen;
  }

  /**
   * Types a line and waits for its end.
   * @throws when it ends differently.
   */
  async expect(exit: number, line: string): Promise<Screen> {
    const screen = this.type(line);
    const code = await screen.exit;
    if (code !== exit) throw new Error(`${line}\nended with ${code}, not ${exit}:\n${screen.text}`);
    return screen;
  }

  /** The example in a command's help that names a run, to be typed with the id of another run. */
  async exampleOf(command: string, with_ = ''): Promise<(run: string) => string> {
    const { text } = await this.expect(0, `orchestrate ${command} --help`);
    const example = text.split('\n').find(line => EXAMPLE_RUN.test(line) && line.includes(with_)) ?? '';
    return run => commandIn(example).replace(EXAMPLE_RUN, run);
  }

  async close(): Promise<void> {
    for (const screen of this.#screens) screen.kill('SIGKILL');
    await Promise.all(this.#screens.map(({ exit }) => exit));
  }
}

/**
 * The command that a screen shows after these words.
 * @throws when it shows none.
 */
export function commandAfter({ line, text }: Screen, words: string): string {
  const said = text.split('\n').find((each, index, all) => {
    const before = `${all[index - 1] ?? ''}\n${each}`;
    return each.includes('orchestrate ') && before.includes(words);
  });
  const from = said?.includes(words) ? said.slice(said.indexOf(words)) : said;
  if (from === undefined) throw new Error(`After ${line} nothing says "${words}":\n${text}`);
  return commandIn(from);
}

/** From `orchestrate` to the end of the line, or to the explanation after a help example. */
function commandIn(line: string): string {
  const [command] = /\borchestrate (?:(?! {2,}).)*/.exec(line) ?? [];
  if (command === undefined) throw new Error(`There is no command in: ${line}`);
  return command.trim();
}
