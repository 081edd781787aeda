import { ProgressLine } from './progress-line.ts';

/**
 * Where the demo speaks. Under --json stdout belongs to the events, and people's words go to stderr.
 */
export class DemoOutput {
  readonly #json: boolean;
  readonly #words: NodeJS.WriteStream;
  readonly #progress: ProgressLine;

  constructor(json: boolean) {
    this.#json = json;
    this.#words = json ? process.stderr : process.stdout;
    this.#progress = new ProgressLine(this.#words);
  }

  say(text: string): void {
    this.#progress.clear();
    this.#words.write(`${text}\n`);
  }

  progress(text: string): void {
    this.#progress.show(text);
  }

  /** An event's line as the orchestrator wrote it; nothing unless events were asked for. */
  passOn(line: string): void {
    if (this.#json) process.stdout.write(`${line}\n`);
  }

  /** An event of the demo's own. */
  emit(event: string, runId: string | undefined, fields: Readonly<Record<string, unknown>>): void {
    this.passOn(JSON.stringify({ event, at: new Date().toISOString(), runId, ...fields }));
  }
}
