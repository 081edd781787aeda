import { createLogUpdate } from 'log-update';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Display, ViewStream } from './display.ts';
import { drawFrame } from './frame.ts';
import { clean, render } from './styled-text.ts';

/** The size of a terminal that does not report its own. */
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;

/** Lines that are printed again after the screen was cleared. */
const KEPT_NOTES = 200;

/** Clears the screen but not the scrollback, and moves the cursor to the first line [ECMA-48: ED, CUP]. */
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

/**
 * Redraws one block in place, below the lines that stay.
 *
 * When a window becomes narrower, each terminal wraps the shown lines in its own way. So nobody knows how many lines
 * the block takes. The display then clears the screen and draws the newest lines and the block again.
 */
export class LiveDisplay implements Display {
  readonly #stream: ViewStream;
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #notes: string[] = [];
  #snapshot: Snapshot | undefined;
  #closed = false;

  constructor(stream: ViewStream) {
    this.#stream = stream;
    this.#update = createLogUpdate(stream as unknown as NodeJS.WritableStream);
    stream.on('resize', this.#resized);
  }

  show(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#draw();
  }

  note(line: string): void {
    const lines = line.split('\n').map(clean);
    this.#notes.push(...lines);
    this.#notes.splice(0, this.#notes.length - KEPT_NOTES);
    this.#update.clear();
    this.#stream.write(`${lines.join('\n')}\n`);
    this.#draw();
  }

  /** The last block stays on the screen. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.off('resize', this.#resized);
    this.#update.done();
  }

  readonly #resized = (): void => {
    this.#update.clear();
    const frame = this.#frame();
    const room = Math.max(0, (this.#stream.rows ?? USUAL_ROWS) - frame.length - 1);
    const columns = (this.#stream.columns ?? USUAL_COLUMNS) - 1;
    const notes = room === 0 ? [] : this.#notes.slice(-room).map(line => `${render([[line]], columns)}\n`);
    this.#stream.write(`${CLEAR_SCREEN}${notes.join('')}`);
    this.#draw();
  };

  #draw(): void {
    if (this.#closed || !this.#snapshot) return;
    this.#update(this.#frame().join('\n'));
  }

  #frame(): string[] {
    const { columns = USUAL_COLUMNS, rows = USUAL_ROWS } = this.#stream;
    return this.#snapshot ? drawFrame(this.#snapshot, { columns, rows }) : [];
  }
}
