import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../orchestrator/examples.ts';
import { OPTION_NAMES } from '../../orchestrator/options.ts';
import { explainUsage } from '../../orchestrator/usage-errors.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUNDLE = `${ROOT}dist/orchestrate.mjs`;

function orchestrate(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [BUNDLE, ...words],
      { env: { PATH: process.env['PATH'] } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });
}

test('nothing of the AWS SDK is reached before a command is called: help and usage errors need none', async () => {
  const { metafile } = await build({
    entryPoints: [`${ROOT}orchestrator/main.ts`],
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    metafile: true,
    outdir: 'unused',
    splitting: true,
    jsx: 'automatic',
    loader: { '.css': 'text' },
    logLevel: 'silent',
  });
  const reached = new Set<string>();
  const follow = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { path, kind } of metafile.inputs[file]?.imports ?? []) {
      if (kind !== 'dynamic-import') follow(path);
    }
  };
  follow('orchestrator/main.ts');
  expect([...reached].filter(file => /@aws-sdk|@smithy/.test(file))).toEqual([]);
  expect(reached.size).toBeGreaterThan(10);
});

describe('a misspelt command line', () => {
  const explain = (message: string, ...words: string[]) =>
    explainUsage(message, words, COMMANDS, OPTION_NAMES).split('\n')[0];

  test.each([
    ['Unknown argument: statu', ['statu'], 'There is no command statu. Did you mean status?'],
    [
      'Unknown argument: segmets',
      ['--segmets', '3'],
      'There is no option --segmets. Did you mean --segments?',
    ],
    [
      'Unknown arguments: max-wrte-rate, maxWrteRate',
      ['run', '--max-wrte-rate=3'],
      'There is no option --max-wrte-rate. Did you mean --max-write-rate?',
    ],
    ['Unknown argument: zzzzzzzz', ['--zzzzzzzz'], 'There is no option --zzzzzzzz.'],
    ['Not enough arguments following: segments', ['--segments'], '--segments needs a value.'],
  ])('%s', (message, words, answer) => {
    expect(explain(message, ...words)).toBe(answer);
  });

  test('is a usage error without a stack trace, for each kind', async () => {
    for (const words of [['statu'], ['--segmets', '3'], ['--segments'], ['pause'], ['--max-cost', 'free']]) {
      const { code, out, err } = await orchestrate(...words);
      expect({ words, code }).toEqual({ words, code: 2 });
      expect(out).toBe('');
      expect(err).not.toMatch(/^\s+at /m);
    }
  });
});

test('each command has help with examples', async () => {
  for (const command of COMMANDS) {
    const { code, out } = await orchestrate(command, '--help');
    expect({ command, code }).toEqual({ command, code: 0 });
    expect(out).toContain('Examples:');
    expect(out).toContain('orchestrate ');
  }
}, 120_000);

test('completion is a script that asks for the commands', async () => {
  expect((await orchestrate('completion')).out).toContain('--get-yargs-completions');
  expect((await orchestrate('--get-yargs-completions', 'orchestrate', 're')).out.split('\n')).toContain(
    'resume',
  );
});
