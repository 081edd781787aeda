import type { Clock } from '../../core/clock.ts';
import { count, dollars, percent, rate, roughDuration } from '../snapshot/format.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Display } from './display.ts';
import { clean } from './styled-text.ts';

/** Time between two lines of progress. A change gets its line at once. */
const LINE_INTERVAL_MS = 30_000;

/** Plain lines for logs, pipes and people who want no colours. */
export class PlainDisplay implements Display {
  readonly #write: (text: string) => unknown;
  readonly #clock: Clock;
  #lastLineMs = Number.NEGATIVE_INFINITY;

  constructor(write: (text: string) => unknown, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
  }

  show(snapshot: Snapshot): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#lastLineMs < LINE_INTERVAL_MS) return;
    this.#lastLineMs = now;
    this.#write(`${clean(describe(snapshot))}\n`);
  }

  note(line: string): void {
    this.#write(`${line.split('\n').map(clean).join('\n')}\n`);
  }

  close(): void {}
}

function describe({ run, states, tasks, counters, rate: now, throttling, progress, cost }: Snapshot): string {
  const running = tasks.filter(({ status }) => status === 'running').length;
  const stage =
    run.status === 'verifying'
      ? `pass ${run.pass}, verifying: ${percent(progress.part)} ${progress.basis}`
      : `pass ${run.pass}: ${count(states.complete)} of ${count(run.totalSegments)} segments complete`;
  return [
    stage,
    `${count(running)} of ${count(run.tasksWanted)} tasks`,
    `${count(counters.scanned)} scanned, ${count(counters.updated)} updated`,
    now && `${rate(now.writeUnitsPerSecond)} of ${rate(run.budgetNow.writeUnitsPerSecond)} write units/s`,
    run.cut && `the budget is cut to ${percent(run.cut.factor)}: ${run.cut.reason}`,
    progress.remainingMs !== null &&
      `${roughDuration(progress.remainingMs)} left, estimated from ${progress.remainingBasis}`,
    counters.quarantined > 0 && `${count(counters.quarantined)} in quarantine`,
    throttling && `throttled: ${throttling.reason}`,
    `${dollars(cost.total)} spent`,
  ]
    .filter(part => typeof part === 'string')
    .join(', ');
}
