/** The keys that may be written to, to take one at random in constant time. */
export class KeyPool {
  readonly #texts: string[] = [];
  readonly #positions = new Map<string, number>();

  add(text: string): void {
    if (this.#positions.has(text)) return;
    this.#positions.set(text, this.#texts.length);
    this.#texts.push(text);
  }

  /** Whether the key was there. */
  remove(text: string): boolean {
    const position = this.#positions.get(text);
    if (position === undefined) return false;
    this.#positions.delete(text);
    const last = this.#texts.pop();
    if (last !== undefined && last !== text) {
      this.#texts[position] = last;
      this.#positions.set(last, position);
    }
    return true;
  }

  /**
   * A key, taken out so that nobody else takes it while it is in use.
   * @param at a number in [0, 1).
   */
  take(at: number): string | undefined {
    const text = this.#texts[Math.floor(at * this.#texts.length)];
    if (text !== undefined) this.remove(text);
    return text;
  }
}
