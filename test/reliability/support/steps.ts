import { setTimeout as delay } from 'node:timers/promises';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Journal } from '../../../demo/journal.ts';
import { sendWrite } from '../../../demo/send-write.ts';
import type { Write } from '../../../demo/write.ts';
import type { OrchestratorEvent, OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import type { Report } from './report.ts';

/** A budget that limits nothing on a machine like this. */
export const UNLIMITED = ['--max-write-rate', '20000', '--max-read-rate', '20000'];

export function atRate(writeUnitsPerSecond: number): string[] {
  return ['--max-write-rate', String(writeUnitsPerSecond), '--max-read-rate', '20000'];
}

/** Resolves when this many items are updated, as the run reports. */
export async function untilUpdated(run: OrchestratorProcess, items: number): Promise<void> {
  await run.waitFor(({ event, updated }) => event === 'run.progress' && Number(updated) >= items);
}

/** @throws Error when it does not become true in time. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 60_000,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt)
      throw new Error(`After ${patienceMs / 1_000} s it was not true: ${what}.`);
    await delay(50);
  }
}

/** `undefined` if the process does not end in time, which is an outcome too. */
export async function endWithin(process: OrchestratorProcess, ms: number): Promise<number | undefined> {
  return Promise.race([process.exit, delay(ms, undefined, { ref: false })]);
}

export function countOf(event: OrchestratorEvent | undefined, counter: string): number {
  return Number(event?.[counter] ?? Number.NaN);
}

/**
 * The criteria of a run that ends well. If live writers set the attribute, one pass is enough: a second one would mean
 * that the first left something out.
 */
export function judgeEnd(
  report: Report,
  code: number,
  finished: OrchestratorEvent | undefined,
  { passes }: { readonly passes?: number | undefined } = { passes: 1 },
): void {
  if (passes !== undefined) report.equal('passes', countOf(finished, 'passes'), passes);
  report.equal('exit code', code, 0);
  report.equal('status', String(finished?.['status']), 'verified');
  const [updated, alreadySet, deleted, quarantined, matched] = [
    'updated',
    'alreadySet',
    'deleted',
    'quarantined',
    'matched',
  ].map(counter => countOf(finished, counter)) as [number, number, number, number, number];
  report.equal(
    'updated + alreadySet + deleted + quarantined = matched',
    updated + alreadySet + deleted + quarantined,
    matched,
  );
}

/** A write of the application that bypasses every fault and is recorded in the journal. */
export async function writeAsApplication(
  client: DynamoDBClient,
  journal: Journal,
  write: Write,
): Promise<void> {
  journal.begin(write);
  const outcome = await sendWrite({ client, table: 'stuff', key: journal.key }, write, {
    giveUpAfterMs: 30_000,
    requestTimeoutMs: 5_000,
  });
  if (outcome.result !== 'applied') throw new Error(`The application's ${write.kind} was ${outcome.result}.`);
  journal.applied(write, { old: outcome.old, repeated: outcome.unanswered > 0 });
}

/** A number in [0, 1) for each use of a seed. */
export { draw } from '../../../demo/draw.ts';
