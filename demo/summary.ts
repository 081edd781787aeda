import type { ApplicationStats } from './application-stats.ts';
import type { DemoOptions } from './demo-options.ts';
import type { FillResult } from './fill.ts';
import type { JournalReport } from './oracle.ts';
import type { RunFinished } from './run-events.ts';

export interface DemoOutcome {
  readonly options: DemoOptions;
  readonly filled: FillResult;
  readonly application: ApplicationStats;
  readonly finished: RunFinished;
  readonly journal: JournalReport;
  /** What disagrees, see agreement.ts. */
  readonly disagreements: readonly string[];
  readonly durationMs: number;
}

const LABEL_WIDTH = 13;

/** The demo's last words: what was there, what happened meanwhile, what the fleet did, and what proves it. */
export function summarize(outcome: DemoOutcome): string {
  const paragraphs: [label: string, ...lines: string[]][] = [
    describeTable(outcome),
    describeApplication(outcome.application),
    describeFleet(outcome),
    describeProof(outcome),
  ];
  const body = paragraphs.flatMap(([label, ...lines]) =>
    lines.map((line, index) => `${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`),
  );
  return ['', ...body, '', ...verdict(outcome)].join('\n');
}

function describeTable({ filled, options }: DemoOutcome): [string, ...string[]] {
  return [
    'Table',
    `${number(filled.items)} real places put in ${seconds(filled.durationMs)} (${perSecond(filled.items, filled.durationMs)});`,
    `a fifth had "test" already, with every type of value, NULL among them (seed ${options.seed})`,
  ];
}

function describeApplication(stats: ApplicationStats): [string, ...string[]] {
  const { insert, restore, update, set, replace, delete: deleted } = stats.operations;
  const { p50, p99, max } = stats.latencyMs;
  return [
    'Application',
    `went on meanwhile: ${number(stats.total)} writes in ${seconds(stats.durationMs)} (${perSecond(stats.total, stats.durationMs)}):`,
    `${number(insert + restore)} inserts, ${number(update)} updates of other fields, ` +
      `${number(set)} × test = 2, ${number(replace)} whole replacements, ${number(deleted)} deletes`,
    `its latency: median ${milliseconds(p50)}, 99 % under ${milliseconds(p99)}, longest ${milliseconds(max)}; ` +
      `${number(stats.throttled)} of its requests throttled`,
  ];
}

function describeFleet({ finished, options }: DemoOutcome): [string, ...string[]] {
  const { readCapacityUnits, writeCapacityUnits } = finished.consumed;
  return [
    'Fleet',
    `${number(finished.tasks)} tasks on ${number(finished.segments)} segments, ${number(finished.passes)} pass(es), in ` +
      `${seconds(finished.durationMs)}: read ${number(finished.scanned)} items, ${number(finished.matched)} lacked "test"`,
    `set ${number(finished.updated)} of them; ${number(finished.alreadySet)} had it from the application by then, ` +
      `${number(finished.deleted)} were deleted by then, ${number(finished.quarantined)} could not be written`,
    `consumed ${number(writeCapacityUnits)} write and ${number(readCapacityUnits)} read units, with a budget of ` +
      `${number(options.maxWriteRate)} and ${number(options.maxReadRate)} a second`,
  ];
}

function describeProof({ finished, journal }: DemoOutcome): [string, ...string[]] {
  const { atLeast, atMost } = journal.filled;
  const filled = atLeast === atMost ? number(atLeast) : `${number(atLeast)} to ${number(atMost)}`;
  const deviations = Object.values(journal.counts).reduce((sum, count) => sum + count, 0);
  return [
    'Proof',
    `verification: ${finished.status}; ${number(finished.missing)} items lack "test" in a strongly consistent scan`,
    `journal: ${number(journal.scanned)} items compared whole with every write that was made; ` +
      `${number(deviations)} deviations`,
    `by the journal the tool set ${filled} items, and ${number(journal.applicationSet)} keep the value of the application`,
  ];
}

function verdict({ disagreements, durationMs }: DemoOutcome): string[] {
  if (disagreements.length === 0) {
    return [
      `Every item has "test". Orchestrator, CloudWatch and journal agree to the item (${seconds(durationMs)} in all).`,
    ];
  }
  return ['This does NOT agree:', ...disagreements.map(sentence => `  ${sentence}`)];
}

export function number(value: number): string {
  return Math.round(value).toLocaleString('en');
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
