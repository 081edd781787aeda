import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GuardedProcess, startGuarded, stopProcess } from '../../local/guarded-process.ts';
import { runBundled } from './support/bundled-process.ts';
import { isAlive, until } from './support/processes.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleetfill-test-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs guarded JavaScript with its output in a file. */
async function start(script: string, environment: Record<string, string> = {}) {
  const file = join(directory, `output-${Math.random()}`);
  const output = openSync(file, 'w');
  const guarded = await startGuarded({
    command: process.execPath,
    args: ['-e', script],
    environment,
    directory,
    output,
  });
  closeSync(output);
  return { guarded, output: () => readFileSync(file, 'utf8') };
}

/** Pids of a process's children: the watcher, if the program itself has none. */
function childrenOf({ pid }: GuardedProcess): string {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  } catch {
    return '';
  }
}

describe('a guarded process', () => {
  test('is the program itself: its pid, its arguments, its directory', async () => {
    const { guarded, output } = await start(
      'console.log(process.pid, process.cwd(), JSON.stringify(process.argv.slice(1)), \'"$quoted" `too`\')',
    );
    await guarded.ended;
    expect(output()).toBe(`${guarded.pid} ${directory} [] "$quoted" \`too\`\n`);
  });

  test('has the environment that it was given and nothing of ours', async () => {
    process.env['FLEETFILL_LEAK'] = 'ours';
    const { guarded, output } = await start('console.log(JSON.stringify(process.env))', { GIVEN: "it's" });
    await guarded.ended;
    // The shell itself adds PWD.
    expect(JSON.parse(output())).toEqual({ GIVEN: "it's", PWD: directory });
  });

  test.each([0, 1, 143, 255])('ends with exit code %i when the program does', async exitCode => {
    const { guarded } = await start(`process.exit(${exitCode})`);
    expect(await guarded.ended).toEqual({ exitCode, signal: null });
  });

  test.each(['SIGKILL', 'SIGTERM', 'SIGSEGV'] as const)('tells that %s ended it', async signal => {
    const { guarded } = await start('setInterval(() => {}, 1000)');
    process.kill(guarded.pid, signal);
    expect(await guarded.ended).toEqual({ exitCode: null, signal });
  });

  test('lets the program handle SIGTERM', async () => {
    const { guarded, output } = await start(
      "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('ready')",
    );
    await until('the program is ready', () => output() !== '');
    expect(await stopProcess(guarded, 5_000)).toEqual({ exitCode: 7, signal: null });
  });

  test('is killed when it does not stop in time', async () => {
    const { guarded, output } = await start(
      "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')",
    );
    await until('the program is ready', () => output() !== '');
    expect(await stopProcess(guarded, 50)).toEqual({ exitCode: null, signal: 'SIGKILL' });
  });

  test('is in a process group of its own, so that Ctrl-C does not reach it', async () => {
    const { guarded } = await start('setInterval(() => {}, 1000)');
    const stat = readFileSync(`/proc/${guarded.pid}/stat`, 'utf8');
    const group = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2];
    expect(group).toBe(String(guarded.pid));
    await stopProcess(guarded, 1_000);
  });

  test('leaves no watcher behind', async () => {
    const { guarded } = await start('setInterval(() => {}, 1000)');
    await until('the watcher is there', () => childrenOf(guarded) !== '');
    const watcher = Number(childrenOf(guarded));
    expect(isAlive(watcher)).toBe(true);
    await stopProcess(guarded, 1_000);
    await until('the watcher is gone', () => !isAlive(watcher));
  });

  test('a program that is not there ends with 127', async () => {
    const guarded = await startGuarded({
      command: join(directory, 'no-such-program'),
      args: [],
      environment: {},
      directory,
      output: 'pipe',
    });
    expect(await guarded.ended).toEqual({ exitCode: 127, signal: null });
  });

  test('dies with the process that started it, even by kill -9', async () => {
    const parent = await runBundled(`
      import { startGuarded } from './local/guarded-process.ts';
      const guarded = await startGuarded({
        command: process.execPath,
        args: ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"],
        environment: {}, directory: '/', output: 'pipe',
      });
      console.log(guarded.pid);
    `);
    try {
      const pid = Number(await parent.nextLine());
      expect(isAlive(pid)).toBe(true);
      parent.child.kill('SIGKILL');
      await until('the guarded process is gone', () => !isAlive(pid));
    } finally {
      await parent.remove();
    }
  });
});
