/** Without a terminal, lines stay, so there are fewer of them. */
const PLAIN_LINE_EVERY_MS = 5000;
const REDRAW_EVERY_MS = 100;

/** For terminals that do not report their width. */
const USUAL_COLUMNS = 80;

/** One line that is redrawn in place on a terminal; elsewhere a plain line from time to time. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #everyMs: number;
  #shownAt: number;
  #visible = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#everyMs = stream.isTTY ? REDRAW_EVERY_MS : PLAIN_LINE_EVERY_MS;
    this.#shownAt = stream.isTTY ? Number.NEGATIVE_INFINITY : performance.now();
  }

  /** Shows the text, unless the last one appeared only just before. */
  show(text: string): void {
    const now = performance.now();
    if (now - this.#shownAt < this.#everyMs) return;
    this.#shownAt = now;
    if (!this.#stream.isTTY) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#wipe();
    this.#stream.write(text.slice(0, (this.#stream.columns || USUAL_COLUMNS) - 1));
    this.#visible = true;
  }

  /** Removes the line, so that others can write. */
  clear(): void {
    if (this.#visible) this.#wipe();
    this.#visible = false;
  }

  #wipe(): void {
    this.#stream.cursorTo(0);
    this.#stream.clearLine(0);
  }
}
