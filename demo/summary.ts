import type { ApplicationStats } from './application-stats.ts';
import type { DemoOptions } from './demo-options.ts';
import type { FillResult } from './fill.ts';
import type { JournalReport } from './oracle.ts';
import type { ProcessUsage, Usage } from './process-usage.ts';
import type { RunFinished } from './run-events.ts';

export interface DemoOutcome {
  readonly options: DemoOptions;
  readonly filled: FillResult;
  readonly application: ApplicationStats;
  readonly finished: RunFinished;
  readonly journal: JournalReport;
  /** What disagrees, see cross-check.ts. */
  readonly disagreements: readonly string[];
  readonly usage: Usage;
  readonly durationMs: number;
}

type Paragraph = readonly [label: string, ...lines: string[]];

const LABEL_WIDTH = 14;

/** The demo's final text: what there was, what happened meanwhile, what the fleet did, and what proves it. */
export function summarize(outcome: DemoOutcome): string {
  const paragraphs: Paragraph[] = [
    describeTable(outcome),
    describeApplication(outcome.application),
    describeFleet(outcome),
    ...describeProcesses(outcome.usage),
    ['Verification', `strongly consistent scan: ${items(outcome.finished.missing)} without "test"`],
    describeJournal(outcome.journal),
  ];
  const body = paragraphs.flatMap(([label, ...lines]) =>
    lines.map((line, index) => `${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`),
  );
  return ['', ...body, '', ...verdict(outcome)].join('\n');
}

function describeTable({ filled, options }: DemoOutcome): Paragraph {
  const rate = perSecond(filled.items, filled.durationMs);
  return [
    'Table',
    `${items(filled.items)} of real places, filled in ${seconds(filled.durationMs)} (${rate})`,
    'a fifth had "test" from the start, with values of every type, NULL included',
    `seed ${options.seed}`,
  ];
}

function describeApplication(stats: ApplicationStats): Paragraph {
  const { insert, restore, update, set, replace, delete: deleted } = stats.operations;
  const { p50, p99, max } = stats.latencyMs;
  return [
    'Application',
    `${number(stats.total)} writes during the run, in ${seconds(stats.durationMs)} (${perSecond(stats.total, stats.durationMs)})`,
    `${number(insert + restore)} inserts, ${number(update)} updates of other fields, ${number(set)} × test = 2, ` +
      `${number(replace)} replacements, ${number(deleted)} deletes`,
    `latency: median ${milliseconds(p50)}, 99 % within ${milliseconds(p99)}, longest ${milliseconds(max)}; ` +
      `${number(stats.throttled)} requests throttled`,
  ];
}

function describeFleet({ finished, options }: DemoOutcome): Paragraph {
  const { readCapacityUnits, writeCapacityUnits } = finished.consumed;
  return [
    'Fleet',
    `${number(finished.tasks)} tasks, ${number(finished.segments)} segments, ` +
      `${finished.passes === 1 ? '1 pass' : `${finished.passes} passes`}, ${seconds(finished.durationMs)}`,
    `${items(finished.scanned)} read, ${number(finished.matched)} of them without "test"`,
    `${number(finished.updated)} set, ${number(finished.alreadySet)} had been set by the application, ` +
      `${number(finished.deleted)} had been deleted, ${number(finished.quarantined)} in quarantine`,
    `${number(writeCapacityUnits)} write and ${number(readCapacityUnits)} read units, from a budget of ` +
      `${number(options.maxWriteRate)} and ${number(options.maxReadRate)} a second`,
  ];
}

/** Empty if the machine has no `ps`. */
function describeProcesses({ orchestrator, workers }: Usage): Paragraph[] {
  if (orchestrator.processes === 0 || workers.processes === 0) return [];
  const of = ({ processes, cpuMs, mostRssBytes }: ProcessUsage, one: string) =>
    `${processes === 1 ? one : `${number(processes)} ${one}s`}: ${number(cpuMs / 1_000)} s of CPU, at most ` +
    `${number(mostRssBytes / 2 ** 20)} MiB of memory${processes === 1 ? '' : ' each'}`;
  return [['Processes', of(orchestrator, 'orchestrator'), of(workers, 'worker')]];
}

function describeJournal(journal: JournalReport): Paragraph {
  const { atLeast, atMost } = journal.filled;
  const deviations = Object.values(journal.counts).reduce((sum, count) => sum + count, 0);
  return [
    'Journal',
    `${items(journal.scanned)} compared in full with the record of every write: ${number(deviations)} deviations`,
    `${atLeast === atMost ? number(atLeast) : `${number(atLeast)} to ${number(atMost)}`} set by the tool, ` +
      `${number(journal.applicationSet)} kept a value that the tool did not set`,
  ];
}

function verdict({ disagreements, durationMs, finished, journal }: DemoOutcome): string[] {
  const unanswered = journal.filled.atLeast - finished.updated;
  if (disagreements.length === 0 && unanswered > 0) {
    return [
      `Every item has "test". Orchestrator, CloudWatch and journal agree. ${seconds(durationMs)} in all.`,
      `This machine was slow, so some replies came too late. So the tool counts ${items(unanswered)} as already set that it had set itself.`,
    ];
  }
  if (disagreements.length === 0) {
    return [
      `Every item has "test". Orchestrator, CloudWatch and journal agree to the item. ${seconds(durationMs)} in all.`,
    ];
  }
  return ['These results do NOT agree:', ...disagreements.map(sentence => `  ${sentence}`)];
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function items(count: number): string {
  return count === 1 ? '1 item' : `${number(count)} items`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

function milliseconds(durationMs: number): string {
  return `${durationMs < 10 ? durationMs.toFixed(1) : number(durationMs)} ms`;
}

function perSecond(count: number, durationMs: number): string {
  return `${number(durationMs > 0 ? (count * 1000) / durationMs : 0)} a second`;
}
