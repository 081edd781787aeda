import { clockTime, count, shortLaunch } from '../snapshot/format.ts';
import type { RunReport } from './read-report.ts';

/** The evidence as text, for a ticket. */
export function markdownReport({ snapshot, evidence, records }: RunReport): string {
  const { run, states, marks, segments, verifications } = snapshot;
  return [
    `# Fleetfill: ${run.table}, run ${run.runId}`,
    evidence.conclusion,
    '## What was run',
    table(
      ['', ''],
      evidence.options.map(({ name, value }) => [name, value]),
    ),
    '## Who changed it, and when',
    table(
      ['When', 'Who', 'What'],
      evidence.changes.map(({ at, by, what, detail }) => [at, by, detail ? `${what}: ${detail}` : what]),
    ),
    '## Verification',
    verifications.length === 0
      ? 'There was none.'
      : table(
          ['Pass', 'From', 'To', 'Segments', 'Scanned', 'Lacked it', 'NULL', 'Read units'],
          verifications.map(({ pass, startedAt, segments, result }) => [
            String(pass),
            startedAt,
            result?.finishedAt ?? 'not finished',
            `${segments.filter(({ done }) => done).length} of ${result?.totalSegments ?? segments.length}`,
            result ? count(result.scanned) : '',
            result ? count(result.missing) : '',
            result ? count(result.nulls) : '',
            result ? count(result.readUnits) : '',
          ]),
        ),
    ...verifications.flatMap(({ pass, segments: parts }) =>
      parts.length === 0
        ? []
        : [
            `### Segments of the verification, pass ${pass}`,
            longTable(
              ['Segment', 'State', 'Scanned', 'Lacked it'],
              parts.map(({ scanned, missing, done }, index) => [
                String(index),
                done ? 'read to its end' : 'not finished',
                count(scanned),
                count(missing),
              ]),
            ),
          ],
    ),
    '## Consumed and expected',
    table(
      ['', 'Consumed', 'Expected'],
      evidence.consumption.map(({ what, consumed, expected }) => [what, consumed, expected]),
    ),
    ...evidence.consumptionNotes,
    '## Segments',
    `${count(states.complete)} of ${count(run.totalSegments)} are complete, ${count(states.failed)} were given up.`,
    longTable(
      ['Segment', 'State', 'Scanned', 'Set', 'Last launch', 'Complete at'],
      segments.map(({ status, reason, scanned, updated, launchId: launch, completedAt }, index) => [
        String(index),
        reason ? `${status}: ${reason}` : status,
        count(scanned),
        count(updated),
        launch ? shortLaunch(launch) : '',
        completedAt ? clockTime(completedAt) : '',
      ]),
    ),
    '## Quarantine',
    records.quarantine.length === 0
      ? 'No item is in quarantine.'
      : table(
          ['Key', 'Reason', 'Attempts', 'Now'],
          records.quarantine.map(({ key, reason, attempts, resolved }) => [
            `\`${key}\``,
            reason,
            String(attempts),
            resolved ? resolved.outcome : 'lacks it',
          ]),
        ),
    '## What happened (UTC)',
    marks.map(({ at, text }) => `- ${clockTime(at)} ${line(text)}`).join('\n'),
    '## The way back',
    ...evidence.wayBack.paragraphs,
    `\`\`\`\n${evidence.wayBack.command}\n\`\`\``,
    `**${evidence.wayBack.warning}**`,
    `Read from the control table ${run.controlTable} at ${evidence.writtenAt}.`,
  ]
    .join('\n\n')
    .concat('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [row(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(row)].join('\n');
}

/** A ticket takes no more rows. Programs read them from the JSON report. */
const MOST_ROWS = 500;

function longTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const shown = table(head, rows.slice(0, MOST_ROWS));
  const more = rows.length - MOST_ROWS;
  return more > 0 ? `${shown}\n\nand ${count(more)} more: --format json` : shown;
}

/** A bar or a line break would end the cell. */
function cell(text: string): string {
  return line(text).replaceAll('|', '\\|');
}

function line(text: string): string {
  return text.replace(/\s+/g, ' ');
}
