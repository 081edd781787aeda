import type { RunFacts } from './snapshot.ts';

export interface WayBack {
  readonly paragraphs: readonly string[];
  readonly command: string;
  readonly warning: string;
}

/** How to see or restore what the table held before the run. */
export function wayBackOf(run: RunFacts): WayBack {
  const { table, attribute, value, createdAt, region, undoableUntil, undoes, runId } = run;
  return {
    paragraphs: [
      `The run touched no other attribute and removed no item, so most applications need no way back. Code that does not know "${attribute}" ignores it.`,
      ...(undoes
        ? [`This run is an undo. It removed what run ${undoes} had set. A new run sets it again.`]
        : []),
      ...(undoableUntil
        ? [
            `Until ${undoableUntil}, orchestrate undo ${runId} removes the values that this run wrote and nobody has changed since. With --dry-run it only counts them.`,
          ]
        : []),
      `Point-in-time recovery can restore the table as it was at ${createdAt}, when this run began. It always restores into a new table. The new table lacks what the application has written since, so compare the two and copy back only what you need.`,
    ],
    command:
      `aws dynamodb restore-table-to-point-in-time --region ${region} \\\n` +
      `  --source-table-name ${table} --target-table-name ${nameOfCopy(table, run.runId)} \\\n` +
      `  --restore-date-time ${createdAt}`,
    warning:
      `Never REMOVE "${attribute}" where it is ${value}. The application may have written the same value itself, ` +
      'and an item does not show who wrote it.',
  };
}

/** A table's name has at most 255 characters [API reference, CreateTable]. */
function nameOfCopy(table: string, run: string): string {
  return `${table.split('/').at(-1)}-before-${run}`.slice(0, 255);
}
