import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';

const IN_TERMINAL = fileURLToPath(new URL('./in_terminal.py', import.meta.url));

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Escape sequences, which turn a stream into a screen. */
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\S*`, 'g');

/** A command in a kernel pseudo-terminal, and a terminal emulator that shows what it wrote there. */
export class Terminal {
  readonly emulator: InstanceType<typeof xterm.Terminal>;
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  #drawn: Promise<void> = Promise.resolve();

  constructor(command: readonly string[], environment: NodeJS.ProcessEnv, { columns, rows }: TerminalSize) {
    this.emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 5_000, allowProposedApi: true });
    this.#child = spawn('python3', [IN_TERMINAL, String(columns), String(rows), ...command], {
      env: environment,
    });
    this.#child.stdout.on('data', (bytes: Buffer) => {
      const before = this.#drawn;
      const written = new Promise<void>(resolve => this.emulator.write(bytes, resolve));
      this.#drawn = before.then(() => written);
    });
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', code => resolve(code));
    });
  }

  /**
   * Resolves when the screen satisfies the predicate.
   * @throws with the screen when it does not in time, or when the command ends.
   */
  async until(holds: (screen: readonly string[]) => boolean, withinMs = 30_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const screen = await this.screen();
      if (holds(screen)) return;
      if (performance.now() > deadline) throw new Error(`The screen stayed so:\n${screen.join('\n')}`);
      await new Promise(resolve => setTimeout(resolve, 40));
    }
  }

  /** The escape sequences that the command writes until it ends. */
  async escapes(): Promise<string[]> {
    const found: string[] = [];
    this.#child.stdout.on('data', (bytes: Buffer) => found.push(...(String(bytes).match(ESCAPES) ?? [])));
    await this.exited;
    return found;
  }

  /** Resizes the window: the emulator wraps its contents again, and the program is told. */
  resize({ columns, rows }: TerminalSize): void {
    this.emulator.resize(columns, rows);
    this.#child.stdin.write(`resize ${columns} ${rows}\n`);
  }

  /** Presses Ctrl-C. The kernel sends SIGINT to the foreground process. */
  interrupt(): void {
    this.#child.stdin.write('\u0003\n');
  }

  /** Types this text and Enter. Control characters are keys with Ctrl. */
  type(text: string): void {
    this.#child.stdin.write(`${text}\n`);
  }

  /** The lines of the screen, without the scrollback. */
  async screen(): Promise<string[]> {
    await this.#drawn;
    const { active } = this.emulator.buffer;
    return this.#lines(active.baseY, active.baseY + this.emulator.rows);
  }

  /** The screen and everything above it. */
  async everything(): Promise<string[]> {
    await this.#drawn;
    return this.#lines(0, this.emulator.buffer.active.length);
  }

  end(): void {
    this.#child.kill();
  }

  #lines(from: number, to: number): string[] {
    const lines: string[] = [];
    for (let row = from; row < to; row++) {
      lines.push(this.emulator.buffer.active.getLine(row)?.translateToString(true) ?? '');
    }
    return lines;
  }
}
