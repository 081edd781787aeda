import { ProgressLine } from './progress-line.ts';

/** The output of the demo. Under --json, stdout belongs to the events, and text for people goes to stderr. */
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

  /** Passes on an event's line as the orchestrator wrote it, if events were requested. */
  passOn(line: string): void {
    if (this.#json) process.stdout.write(`${line}\n`);
  }

  /** Writes an event of the demo itself. */
  emit(event: string, runId: string | undefined, fields: Readonly<Record<string, unknown>>): void {
    this.passOn(JSON.stringify({ event, at: new Date().toISOString(), runId, ...fields }));
  }
}
