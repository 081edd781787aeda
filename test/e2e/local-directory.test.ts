import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ORCHESTRATE, runBundle } from '../support/command.ts';

const ITEMS = 300;
const SEED = join(ORCHESTRATE, '../seed.mjs');

let directory: string;

/** `orchestrate` without any AWS variable. All that it knows is the folder. */
const orchestrate = (...words: string[]) => runBundle(ORCHESTRATE, [...words, '--local', directory]);

const lastEvent = ({ stdout }: { readonly stdout: string }) =>
  JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;

/** Fills a table through `orchestrate local DIR`, as a person would with two terminals. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-local-'));
  const stack = spawn(process.execPath, [ORCHESTRATE, 'local', directory], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exports = await new Promise<string>((resolve, reject) => {
    let text = '';
    stack.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (text.endsWith('\n\n')) resolve(text);
    });
    stack.once('exit', code => reject(new Error(`orchestrate local ended with ${code}.`)));
  });
  const environment = Object.fromEntries(
    [...exports.matchAll(/^export (?<name>\w+)='(?<value>[^']*)'$/gm)].map(({ groups = {} }) => [
      groups['name'] ?? '',
      groups['value'] ?? '',
    ]),
  );
  const seeded = await runBundle(
    SEED,
    ['--table', 'stuff', '--items', String(ITEMS), '--create'],
    environment,
  );
  expect(seeded.code).toBe(0);
  const ended = new Promise(resolve => stack.once('close', resolve));
  stack.kill('SIGINT');
  await ended;
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

test('what --local DIR did is found by every later command with the same folder', async () => {
  const ran = await orchestrate('--segments', '2', '--yes', '--json');
  expect(ran.code).toBe(0);
  const finished = lastEvent(ran);
  expect(finished).toMatchObject({
    event: 'run.finished',
    status: 'verified',
    matched: ITEMS,
    updated: ITEMS,
  });
  const run = String(finished['runId']);

  const verified = await orchestrate('verify', '--json');
  expect(verified.code).toBe(0);
  expect(lastEvent(verified)).toMatchObject({ event: 'verification.finished', scanned: ITEMS, missing: 0 });

  const newest = await orchestrate('status', '--json');
  expect(newest.code).toBe(0);
  expect(lastEvent(newest)).toMatchObject({ runId: run, status: 'verified' });

  const report = await orchestrate('report', run, '--format', 'md');
  expect(report.code).toBe(0);
  expect(report.stdout).toContain(run);
}, 120_000);

test('an option overrides what the folder says, and a wrong one is refused before anything starts', async () => {
  const other = await orchestrate('status', '--control-table', 'no-such-table');
  expect(other.code).toBe(3);
  expect(other.stderr).toContain('no-such-table');
  const wrong = await orchestrate('--segments', 'x');
  expect(wrong.code).toBe(2);
});
