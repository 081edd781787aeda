import { fstatSync, writeSync } from 'node:fs';

type Stream = NodeJS.WriteStream & { readonly fd?: number };

/**
 * Handles output that nobody reads any longer, a full disk and a closed terminal. A supervisor of a run ignores them,
 * because the fleet needs a supervisor more than the output needs a reader. Every other command ends quietly, like
 * programs in a pipe.
 */
export class OutputStreams {
  readonly #streams: readonly Stream[];
  readonly #end: () => void;
  #needed = true;

  constructor(streams: readonly Stream[], end: () => void) {
    this.#streams = streams;
    this.#end = end;
    for (const stream of streams) {
      stream.on('error', () => {
        if (this.#needed) this.#end();
      });
    }
  }

  /** From now on the process continues without a reader. */
  doWithout(): void {
    this.#needed = false;
  }

  /** Resolves when everything written has been accepted, or no longer can be. */
  async drain(): Promise<void> {
    await Promise.all(this.#streams.map(drained));
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
    } catch {
      // The error cannot be reported, because this is the stream for reports.
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
