import { isInAuthority } from '../../core/records.ts';
import { compose, type Records } from '../snapshot/compose.ts';
import type { Evidence } from '../snapshot/evidence.ts';
import { History } from '../snapshot/history.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { sweepStart } from '../snapshot/sweep-start.ts';
import type { Stores } from '../stores.ts';
import { evidenceOf } from './compose-evidence.ts';

export interface RunReport {
  readonly records: Records;
  readonly snapshot: Snapshot;
  readonly evidence: Evidence;
}

/**
 * Reads everything that the control table holds of a run.
 * @returns undefined if the run does not exist.
 */
export async function readReport(stores: Stores, run: string, at: string): Promise<RunReport | undefined> {
  const record = await stores.runs.read(run);
  if (!record) return undefined;
  const [segments, tasks, quarantine, verifications, verificationProgress, samples] = await Promise.all([
    stores.segments.list(run),
    stores.tasks.list(run),
    stores.quarantine.list(run),
    stores.runs.verifications(run),
    stores.samples.verifications(run),
    stores.samples.list(run),
  ]);
  const records = { run: record, segments, tasks, quarantine, verifications, verificationProgress };
  const history = new History();
  history.addSamples(samples);
  const nowMs = Date.parse(at);
  const ages = tasks.flatMap(({ launchId: launch, status, heartbeatAt }): [string, number][] =>
    isInAuthority(status) && heartbeatAt ? [[launch, Math.max(0, nowMs - Date.parse(heartbeatAt))]] : [],
  );
  const snapshot = compose(records, {
    nowMs,
    ages: new Map(ages),
    rate: null,
    history,
    scannedBefore: sweepStart(samples)?.scanned,
    orchestratorAgeMs: null,
  });
  return { records, snapshot, evidence: evidenceOf(record, snapshot, at, history.cuts) };
}
