import type { RunFacts } from './snapshot.ts';

export interface WayBack {
  readonly paragraphs: readonly string[];
  readonly command: string;
  readonly warning: string;
}

/** How to see, or have again, what the table held before the run. */
export function wayBackOf(run: RunFacts): WayBack {
  const { table, attribute, value, createdAt, region, undoableUntil, undoes, runId } = run;
  return {
    paragraphs: [
      `No other attribute was touched and no item was removed, so for most purposes there is nothing to go back to: code that does not know "${attribute}" ignores it.`,
      ...(undoes
        ? [`This run is an undo: it removed what run ${undoes} had set. A new run sets it again.`]
        : []),
      ...(undoableUntil
        ? [
            `orchestrate undo ${runId} removes what this run wrote and nobody has changed since, until ${undoableUntil}. With --dry-run it counts and writes nothing.`,
          ]
        : []),
      `Point-in-time recovery restores the table as it was at ${createdAt}, the second in which this run began, always into a new table. Writes that the application made since are not in it; compare, and copy back only what you mean to.`,
    ],
    command:
      `aws dynamodb restore-table-to-point-in-time --region ${region} \\\n` +
      `  --source-table-name ${table} --target-table-name ${nameOfCopy(table, run.runId)} \\\n` +
      `  --restore-date-time ${createdAt}`,
    warning:
      `Never REMOVE "${attribute}" where it is ${value}: the application may have written the same value itself, on items of its own, ` +
      'and nothing in an item says who did.',
  };
}

/** A table's name has at most 255 characters [API reference, CreateTable]. */
function nameOfCopy(table: string, run: string): string {
  return `${table.split('/').at(-1)}-before-${run}`.slice(0, 255);
}
