import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod';
import { systemClock } from '../../core/clock.ts';
import { ConfigurationError, describeError } from '../../core/errors.ts';
import { defineCommand, type Handler, RUN_POSITIONAL } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { GROUP, nonEmpty, value } from '../cli/option.ts';
import { htmlReport } from '../report/html.ts';
import { jsonReport } from '../report/json.ts';
import { markdownReport } from '../report/markdown.ts';
import { readReport } from '../report/read-report.ts';
import { openStores, readRun } from '../session.ts';

const FORMATS = { html: htmlReport, md: markdownReport, json: jsonReport };

export const report = defineCommand({
  usage: 'report <run>',
  describe: 'Write the report of a run: one file that needs no network',
  positionals: RUN_POSITIONAL,
  options: {
    format: value(
      'html for a browser, md or json',
      GROUP.output,
      () => z.enum(['html', 'md', 'json']).default('html'),
      {
        choices: ['html', 'md', 'json'],
        default: 'html',
      },
    ),
    out: value(
      'File to write (default: html into fleetfill-RUN.html, md and json to stdout)',
      GROUP.output,
      () => nonEmpty().optional(),
    ),
  },
  onlyShows: () => true,
  examples: [['$0 report 20261124071218-1a2b3c', 'write the report as one HTML file']],
});

/**
 * `orchestrate report RUN`: writes the evidence of a run into one file. Text goes to stdout if no file is named and
 * stdout is not for events.
 */
export const handler: Handler<typeof report> = async context => {
  const { settings, output } = context;
  const stores = await openStores(context);
  const { runId: run } = await readRun(stores, settings.run ?? '');
  output.setRun(run);
  const report = await readReport(stores, run, systemClock.nowIso());
  if (!report) throw new ConfigurationError(`There is no run ${run}.`);
  const { format } = settings;
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
};
