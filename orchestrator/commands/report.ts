import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, describeError } from '../../core/errors.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { htmlReport } from '../report/html.ts';
import { jsonReport } from '../report/json.ts';
import { markdownReport } from '../report/markdown.ts';
import { readReport } from '../report/read-report.ts';
import { type CommandContext, openStores, readRun } from '../session.ts';

const FORMATS = { html: htmlReport, md: markdownReport, json: jsonReport };

/** `text` is the default of `plan`, and means nothing here. */
const USUAL_FORMAT = 'html';

/**
 * `orchestrate report RUN`: the evidence of a run in one file. What is text goes to stdout unless a file is named, or
 * stdout is for events.
 */
export async function report(context: CommandContext): Promise<ExitCode> {
  const { settings, output } = context;
  const stores = await openStores(context);
  const { runId: run } = await readRun(stores, settings.run ?? '');
  output.setRun(run);
  const report = await readReport(stores, run, systemClock.nowIso());
  if (!report) throw new ConfigurationError(`There is no run ${run}.`);
  const format = settings.format === 'text' ? USUAL_FORMAT : settings.format;
  const text = FORMATS[format](report);
  if (settings.out === undefined && format !== 'html' && !settings.json) {
    output.print(text.trimEnd());
    return EXIT.ok;
  }
  const file = resolve(settings.out ?? `fleetfill-${run}.${format}`);
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new ConfigurationError(`The report cannot be written: ${describeError(cause)}`, { cause });
  }
  output.print(`${report.evidence.conclusion}\nThe report is in ${file}`);
  output.event('report.written', { file, format, status: report.snapshot.run.status });
  return EXIT.ok;
}
