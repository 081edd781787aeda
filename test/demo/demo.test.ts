import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Usage } from '../../demo/process-usage.ts';
import { Terminal } from '../orchestrator/support/terminal.ts';
import { runBundle } from './support/run-bundle.ts';

type Event = Record<string, unknown> & { event: string; at: string; runId?: string };

function eventsOf(stdout: string): Event[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Event);
}

/** The first message that the page gets. */
async function firstPicture(url: string): Promise<unknown> {
  const { body } = await fetch(`${url}events`);
  let heard = '';
  for await (const bytes of body ?? []) {
    heard += Buffer.from(bytes).toString();
    const data = /event: snapshot\ndata: (.*)\n\n/.exec(heard)?.[1];
    if (data) return JSON.parse(data);
  }
  throw new Error(`No snapshot came: ${heard}`);
}

/** The only place where the demo and every process that it starts may put temporary files. */
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fleetfill-test-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('the demo', () => {
  test('under --json ends with the journal’s verdict and run.finished, and prints nothing else to stdout', async () => {
    const { exitCode, stdout, stderr } = await runBundle('demo', [
      '--items',
      '1000',
      '--tasks',
      '2',
      '--json',
    ]);
    const events = eventsOf(stdout);
    expect(stderr).toContain('agree to the item');
    expect(exitCode).toBe(0);
    expect(events[0]?.event).toBe('run.started');
    expect(events.slice(-2).map(({ event }) => event)).toStrictEqual(['journal.compared', 'run.finished']);
    expect(events.filter(({ event }) => event === 'run.finished')).toHaveLength(1);
    expect(new Set(events.map(({ runId }) => runId)).size).toBe(1);
    for (const { at } of events) expect(new Date(at).toISOString()).toBe(at);
    const [compared, finished] = events.slice(-2);
    expect(compared).toMatchObject({ clean: true, counts: {}, disagreements: [], unknown: 0 });
    expect(compared?.['filled']).toStrictEqual({
      atLeast: finished?.['updated'],
      atMost: finished?.['updated'],
    });
    const usage = compared?.['usage'] as Usage;
    const { orchestrator, workers } = usage;
    expect([orchestrator.processes, workers.processes]).toStrictEqual([1, 2]);
    // Node alone takes more than this for each process.
    expect(Math.min(orchestrator.mostRssBytes, workers.mostRssBytes)).toBeGreaterThan(30 * 2 ** 20);
    expect(orchestrator.cpuMs).toBeGreaterThan(0);
    expect(finished).toMatchObject({ status: 'verified', missing: 0, segments: 32, tasks: 2 });
  });

  test('without --json tells a person what happened', async () => {
    const { exitCode, stdout, stderr } = await runBundle('demo', ['--items', '500', '--tasks', '2'], {
      TMPDIR: scratch,
    });
    expect({ exitCode, stderr }).toStrictEqual({ exitCode: 0, stderr: '' });
    for (const label of ['Table', 'Application', 'Fleet', 'Processes', 'Verification', 'Journal']) {
      expect(stdout).toMatch(new RegExp(`^${label} `, 'm'));
    }
    expect(stdout).toMatch(
      /Every item has "test"\. Orchestrator, CloudWatch and journal agree to the item\./,
    );
    const [report] = await readdir(scratch);
    expect(stdout).toContain(`The report is in ${join(scratch, report ?? '?')}`);
    expect(await readFile(join(scratch, report ?? ''), 'utf8')).toContain('<title>Fleetfill: stuff, run ');
    await rm(join(scratch, report ?? ''));
    expect(await readdir(scratch)).toStrictEqual([]);
  });

  test('with --detach hands the supervision to a task, and waits for what that comes to', async () => {
    const slowly = ['--items', '1500', '--tasks', '2', '--max-write-rate', '250'];
    const { exitCode, stdout, stderr } = await runBundle('demo', [...slowly, '--detach', '--json']);
    expect(exitCode, stderr).toBe(0);
    const events = eventsOf(stdout);
    const [{ runId = '' } = {}] = events;
    expect(stderr).toMatch(/^The application is writing\. The demo runs: orchestrate run .* --detach$/m);
    expect(stderr).toContain(
      `A task supervises the run now. The demo runs: orchestrate wait ${runId} --json`,
    );
    expect(stderr).toContain('agree to the item');
    const names = events.map(({ event }) => event);
    expect(names.filter(name => name === 'run.detached')).toHaveLength(1);
    expect(names.filter(name => name === 'run.finished')).toHaveLength(1);
    expect(events.find(({ event }) => event === 'run.detached')).toMatchObject({
      runId,
      taskArn: expect.stringContaining(':task/'),
    });
    expect(events.at(-1)).toMatchObject({ event: 'run.finished', runId, status: 'verified', missing: 0 });
  }, 180_000);

  test('with a recipe judges every value by the item as it stood when it was written', async () => {
    const { exitCode, stdout, stderr } = await runBundle('demo', [
      ...['--recipe', '--items', '1500', '--segments', '4', '--tasks', '2'],
      ...['--max-write-rate', '400', '--json'],
    ]);
    const events = eventsOf(stdout);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('Every value is what the recipe gives for the item at the moment of the write.');
    const [compared, finished] = events.slice(-2);
    expect(compared).toMatchObject({
      ...{ event: 'journal.compared', clean: true, counts: {}, disagreements: [] },
      filled: finished?.['updated'],
    });
    expect(finished).toMatchObject({
      ...{ event: 'run.finished', status: 'verified', missing: 0, quarantined: 0 },
      recipe: { set: [{ name: 'placeKey' }, { name: 'expiresAt' }], where: expect.any(String) },
    });
    expect(finished?.['outOfScope']).toBeGreaterThan(0);
    expect(compared).toHaveProperty(
      'application.operations.update',
      expect.toSatisfy(count => count > 50),
    );
  }, 180_000);

  test('serves the page of the run while it lasts, and takes it away at its end', async () => {
    const { exitCode, stdout } = await runBundle('demo', ['--items', '500', '--tasks', '2', '--dashboard'], {
      TMPDIR: scratch,
    });
    expect(exitCode).toBe(0);
    const url = /Watch it at (http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/)/.exec(stdout)?.[1] ?? '';
    await expect(fetch(url)).rejects.toThrow('fetch failed');
    for (const report of await readdir(scratch)) await rm(join(scratch, report));
  });

  test('on a terminal the page stays up until Ctrl-C', async () => {
    const bundle = fileURLToPath(new URL('../../dist/demo.mjs', import.meta.url));
    const { CI: _, ...environment } = process.env;
    const terminal = new Terminal(
      [process.execPath, bundle, '--items', '500', '--tasks', '2', '--dashboard'],
      { ...environment, TMPDIR: scratch, TERM: 'xterm-256color' },
      { columns: 160, rows: 50 },
    );
    try {
      await terminal.until(screen => screen.includes('The page stays open until you press Ctrl-C.'), 100_000);
      const said = (await terminal.everything()).join('\n');
      expect(said).toContain('agree to the item');
      const url = /Watch it at (http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/)/.exec(said)?.[1] ?? '';
      expect(await (await fetch(url)).text()).toContain('<title>Fleetfill</title>');
      expect(await firstPicture(url)).toMatchObject({ run: { status: 'verified', missing: 0 } });
      terminal.interrupt();
      expect(await terminal.exited).toBe(0);
      await expect(fetch(url)).rejects.toThrow('fetch failed');
    } finally {
      terminal.end();
    }
    for (const report of await readdir(scratch)) {
      expect(report).toMatch(/^fleetfill-[\d-]+[0-9a-f]*\.html$/);
      await rm(join(scratch, report));
    }
  }, 150_000);

  test.each([
    [['--bogus'], /Unknown argument: bogus/],
    [['--items', '0'], /--items must be a whole number of 1 or more/],
    [['--tasks', '33'], /--tasks must be a whole number from 1 to 32/],
    [['--segments', 'x'], /--segments must be a whole number/],
    [['--rate', '-1'], /--rate must be a whole number/],
    [['--seed', ''], /--seed must not be empty/],
    [['extra'], /Unknown argument: extra/],
  ])('refuses %j in one line', async (args, message) => {
    const { exitCode, stdout, stderr } = await runBundle('demo', args);
    expect({ exitCode, stdout }).toStrictEqual({ exitCode: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message);
  });
});

test('a demo that is ended leaves with the code of the signal, and leaves nothing behind', async () => {
  const finished = await runBundle(
    'demo',
    ['--items', '100000'],
    { TMPDIR: scratch },
    { signal: 'SIGTERM', afterMs: 2000 },
  );
  expect(finished.exitCode).toBe(143);
  expect(finished.stderr).toBe('demo: ended by SIGTERM\n');
  expect(await readdir(scratch)).toStrictEqual([]);
});
