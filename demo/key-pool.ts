/** The keys that may be written, from which a random one is taken in constant time. */
export class KeyPool {
  readonly #texts: string[] = [];
  readonly #positions = new Map<string, number>();

  add(text: string): void {
    if (this.#positions.has(text)) return;
    this.#positions.set(text, this.#texts.length);
    this.#texts.push(text);
  }

  /** @returns whether the key was in the pool. */
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
   * Takes a key out of the pool, so that nobody else uses it meanwhile.
   * @param at a number in [0, 1).
   */
  take(at: number): string | undefined {
    const text = this.#texts[Math.floor(at * this.#texts.length)];
    if (text !== undefined) this.remove(text);
    return text;
  }
}
