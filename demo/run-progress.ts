import { parseProgress, type RunEvent } from './run-events.ts';
import { number } from './summary.ts';

/** Turns the orchestrator's events into one line about the run. */
export class RunProgress {
  readonly #beganAt = performance.now();
  #phase = 'Starting the fleet';
  #launched = 0;
  #figures = '';

  /** @returns the line, or undefined if the event does not change it. */
  follow(event: RunEvent, applicationWrites: number): string | undefined {
    switch (event.event) {
      case 'task.launched':
        this.#launched += 1;
        this.#phase = `Filling "test" with ${number(this.#launched)} tasks`;
        break;
      case 'run.progress':
        this.#figures = this.#describe(event);
        break;
      case 'verification.started':
        this.#phase = 'Verifying';
        break;
      default:
        return undefined;
    }
    return `${this.#phase}${this.#figures}; the application made ${number(applicationWrites)} writes`;
  }

  #describe(event: RunEvent): string {
    const { segments, scanned, updated } = parseProgress(event);
    const rate = updated === undefined ? 0 : (updated * 1000) / (performance.now() - this.#beganAt);
    return [
      segments && `segments ${number(segments.complete)} of ${number(segments.total)}`,
      scanned !== undefined && `read ${number(scanned)}`,
      updated !== undefined && `set ${number(updated)} (${number(rate)}/s)`,
    ]
      .filter(part => typeof part === 'string')
      .map(part => `, ${part}`)
      .join('');
  }
}
