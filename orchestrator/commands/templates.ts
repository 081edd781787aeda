import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigurationError, describeError } from '../../core/errors.ts';
import { defineCommand, type Handler } from '../cli/command.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { YES_OPTION } from '../cli/options.ts';

/** By file name. scripts/build.mjs inserts them from infra/, because the bundle must run alone. */
declare const FLEETFILL_TEMPLATES: Readonly<Record<string, string>>;

export const templates = defineCommand({
  usage: 'templates <directory>',
  describe: 'Write out the CloudFormation templates for fleet, network, repository and table',
  positionals: { directory: 'Folder to write them to; the command creates it if needed' },
  options: YES_OPTION,
  examples: [['$0 templates ./infra', 'then: aws cloudformation deploy --template-file infra/fleet.yaml …']],
});

/**
 * `orchestrate templates DIR`: writes the templates of this version. If a file exists with other content, it is
 * somebody's work, so no file is written.
 */
export const handler: Handler<typeof templates> = async ({ settings, output }) => {
  const directory = resolve(settings.directory ?? '.');
  const files = Object.entries(FLEETFILL_TEMPLATES).map(([name, text]) => ({
    path: join(directory, name),
    text,
  }));
  try {
    await mkdir(directory, { recursive: true });
    const present = await Promise.all(files.map(({ path }) => readIfThere(path)));
    const others = files.filter(({ text }, index) => present[index] !== undefined && present[index] !== text);
    if (others.length > 0) {
      throw new ConfigurationError(
        `${others.map(({ path }) => path).join(' and ')} exists and differs from what would be written. Nothing was written. Move it away, or name another folder.`,
      );
    }
    for (const { path, text } of files) await writeFile(path, text);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    throw new ConfigurationError(`The templates cannot be written: ${describeError(cause)}`, { cause });
  }
  output.print(files.map(({ path }) => path).join('\n'));
  output.event('templates.written', { directory, files: Object.keys(FLEETFILL_TEMPLATES) });
  return EXIT.ok;
};

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
