import { fstatSync, writeSync } from 'node:fs';
import { EXIT, type ExitCode } from './exit-codes.ts';

type Stream = NodeJS.WriteStream & { readonly fd?: number };

/** Codes of a reader or a terminal that is gone. With any other code somebody still wants the output. */
const NOBODY_READS: readonly unknown[] = ['EPIPE', 'ECONNRESET', 'EIO'];

/**
 * Handles output that nobody reads any longer, a full disk and a closed terminal. Most commands continue without a
 * reader: the fleet needs its supervisor, and a verification that breaks off must not end with exit code 0. A command
 * that only shows something ends. It ends quietly if nobody reads it, like programs in a pipe, and with an error if
 * somebody wants the output and it cannot be written.
 */
export class OutputStreams {
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #end: (exitCode?: ExitCode) => void;
  #needed = true;
  #unwritten: Error | undefined;
  #told = false;

  constructor(stdout: Stream, stderr: Stream, end: (exitCode?: ExitCode) => void) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#end = end;
    stdout.on('error', error => this.#failed(error, true));
    stderr.on('error', error => this.#failed(error, false));
  }

  #failed(error: Error & { readonly code?: unknown }, isResult: boolean): void {
    const isRead = !NOBODY_READS.includes(error.code);
    if (isRead && isResult) this.#unwritten ??= error;
    if (!this.#needed) return;
    if (!isRead) this.#end();
    else if (isResult) void this.drain().then(exitCode => this.#end(exitCode));
  }

  /** From now on the process continues without a reader. */
  doWithout(): void {
    this.#needed = false;
  }

  /**
   * Resolves once the streams have accepted everything written, or can no longer accept it.
   * @returns the exit code if the command's purpose was to show something, and it could not be written
   */
  async drain(): Promise<ExitCode | undefined> {
    // A stream reports a failed write only a moment later.
    await new Promise(resolve => setImmediate(resolve));
    await drained(this.#stdout);
    if (this.#unwritten && !this.#told) {
      this.#told = true;
      this.#stderr.write(`The output cannot be written: ${this.#unwritten.message}\n`);
    }
    await drained(this.#stderr);
    return this.#unwritten && this.#needed ? EXIT.preflight : undefined;
  }
}

function drained(stream: Stream): Promise<void> {
  if (stream.writableLength === 0 || stream.destroyed) return Promise.resolve();
  return new Promise(resolve => {
    stream.once('error', () => resolve());
    stream.once('close', () => resolve());
    stream.write('', () => resolve());
  });
}

/**
 * Writes lines to a stream. Lines go into a file one by one, because a stream accepts nothing more after an error. So a
 * temporarily full disk loses only the lines of that time.
 */
export function lineWriter(stream: Stream): (line: string) => void {
  const { fd } = stream;
  if (fd === undefined || !isFile(fd)) return line => void stream.write(`${line}\n`);
  let torn = false;
  return line => {
    const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`);
    try {
      torn = writeSync(fd, bytes) < bytes.length;
    } catch (error) {
      stream.emit('error', error);
    }
  };
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}
