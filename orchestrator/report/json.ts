import type { RunReport } from './read-report.ts';

/** Everything that the control table holds of a run, for programs. The records keep their own shape. */
export function jsonReport({ records, snapshot, evidence }: RunReport): string {
  const { run, segments, tasks, quarantine, verifications, verificationProgress } = records;
  const { counters, states, cost, marks, history } = snapshot;
  return `${JSON.stringify(
    {
      runId: run.runId,
      writtenAt: evidence.writtenAt,
      status: run.status,
      proved: evidence.proved,
      conclusion: evidence.conclusion,
      run,
      counters,
      segmentStates: states,
      segments,
      tasks,
      verifications,
      verificationSegments: verificationProgress,
      quarantine,
      cost,
      changes: evidence.changes,
      marks,
      history,
      wayBack: evidence.wayBack,
    },
    undefined,
    2,
  )}\n`;
}
