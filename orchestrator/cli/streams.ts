import { fstatSync, writeSync } from 'node:fs';

type Stream = NodeJS.WriteStream & { readonly fd?: number };

/**
 * What happens when nobody reads any longer, the disk is full, or the terminal is gone. A supervisor of a run ignores
 * it, since the fleet needs a supervisor more than the output needs a reader. Every other command ends quietly, as
 * programs in a pipe do.
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

  /** Resolves when everything written has been accepted, or can no longer be. */
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
 * Writes lines to a stream. Lines go into a file one by one, so that a disk that is full for a while loses only the
 * lines of that time: a stream that has failed once accepts no more.
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
      // The error cannot be reported: this is the stream for reports.
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
