import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { faultsOf } from '../../../local/fault/fault-proxy.ts';
import { LocalRun, ORCHESTRATE } from '../support/local-run.ts';
import { Terminal, type TerminalSize } from '../support/terminal.ts';
import { terminalScreenshot } from '../support/terminal-screenshot.ts';

/** Each run of this file fills another attribute, so that all of them have the same work. */
let runs = 0;
const optionsOf = (writeRate: number, ...more: string[]) => [
  ...['run', '--attribute', `test${runs++}`, '--segments', '40', '--tasks', '3'],
  ...['--max-write-rate', String(writeRate), '--yes', '--allow-no-pitr', ...more],
];

describe('the view of a run in a pseudo-terminal', () => {
  let local: LocalRun;
  let terminal: Terminal | undefined;

  beforeAll(async () => {
    local = await LocalRun.start(3_000, { faults: faultsOf() });
  }, 120_000);
  afterAll(async () => local?.stop());
  afterEach(() => terminal?.end());

  const open = (size: TerminalSize, environment: NodeJS.ProcessEnv = {}, ...more: string[]) => {
    terminal = new Terminal(
      [process.execPath, ORCHESTRATE, ...optionsOf(400, ...more)],
      { ...local.environment, ...environment },
      size,
    );
    return terminal;
  };

  test.each([
    { columns: 110, rows: 34 },
    { columns: 60, rows: 24 },
    { columns: 32, rows: 12 },
  ])(
    'is one block that is drawn over, in $columns columns and $rows rows',
    async size => {
      const shown = open(size);
      await shown.until(screen => screen.some(line => /^Writes .*━/.test(line)));
      const screen = await shown.screen();
      expect(screen.filter(line => line.startsWith('Fleetfill '))).toHaveLength(1);
      expect(screen.filter(line => line.startsWith('Writes '))).toHaveLength(1);
      if (size.columns < 100) await terminalScreenshot(shown, `terminal-${size.columns}x${size.rows}`);
      expect(await shown.exited).toBe(0);
      const everything = await shown.everything();
      // The final block stays once, below the noted lines.
      expect(everything.filter(line => line.startsWith('Fleetfill '))).toHaveLength(1);
      expect(everything.some(line => line.startsWith('Fleetfill verified'))).toBe(true);
      expect(everything.some(line => line.startsWith('Verification of pass 1 begins'))).toBe(true);
      expect(everything.join('').replaceAll(/\s/g, '')).toContain('Verified:inastronglyconsistentscan');
    },
    120_000,
  );

  test('shows what throttles, a task that is lost, and which segments lag', async () => {
    terminal = new Terminal(
      [process.execPath, ORCHESTRATE, ...optionsOf(150, '--sample', '0')],
      local.environment,
      { columns: 110, rows: 30 },
    );
    await terminal.until(screen => screen.some(line => /^Tasks {6}3 of 3 running/.test(line)));
    await terminal.until(screen => screen.some(line => /^Segments {3}[█▇▆▅]{3}/.test(line)), 60_000);
    const { faults, ecs } = local.stack;
    faults?.add({
      name: 'hot',
      fault: { kind: 'throttle', error: 'on-demand', reason: 'TableWriteKeyRangeThroughputExceeded' },
      operations: ['BatchExecuteStatement', 'UpdateItem'],
      tables: ['stuff'],
      probability: 0.4,
    });
    const throttled = (screen: readonly string[]) =>
      screen.some(line => /^Throttled {2}\d tasks?: TableWriteKeyRange/.test(line));
    await terminal.until(throttled);
    const victim = ecs.tasks().find(({ lastStatus }) => lastStatus === 'RUNNING');
    if (victim?.pid === undefined) throw new Error('no task runs');
    process.kill(victim.pid, 'SIGKILL');
    const lagging = (screen: readonly string[]) =>
      screen.some(line => /^Segments .*!/.test(line)) &&
      screen.some(line => /\d without progress/.test(line));
    await terminal.until(screen => lagging(screen) && throttled(screen));
    await terminalScreenshot(terminal, 'terminal-110x30');
    faults?.remove('hot');
    await terminal.until(screen => screen.some(line => /^Tasks .* 1 launched again/.test(line)));
    expect(await terminal.exited).toBe(0);
    const everything = await terminal.everything();
    const noted = (pattern: RegExp) => everything.filter(line => pattern.test(line)).length;
    expect(noted(/^3 tasks launched\./)).toBe(1);
    expect(noted(/^1 task ended: EssentialContainerExited, exit code 137/)).toBe(1);
    expect(noted(/^1 task launched\./)).toBe(1);
    expect(noted(/^The table throttles, so the fleet slows down: TableWriteKeyRange/)).toBe(1);
    expect(noted(/^The table has stopped throttling after \d+ s\./)).toBe(1);
  }, 180_000);

  test('is plain lines when there is no terminal', async () => {
    const written = await local.finish(local.orchestrate(...optionsOf(400)));
    expect(written).not.toContain('\u001b');
    expect(written).toMatch(/^pass 1: \d+ of 40 segments complete, .* spent$/m);
    expect(written).toMatch(/^3 tasks launched\.$/m);
    expect(written).toMatch(/^Verification: none of 3,000/m);
  }, 120_000);

  test('survives a window that is made smaller and larger', async () => {
    const shown = open({ columns: 100, rows: 30 });
    await shown.until(screen => screen.some(line => line.startsWith('Writes ')));
    for (const size of [
      { columns: 50, rows: 20 },
      { columns: 120, rows: 40 },
      { columns: 40, rows: 10 },
    ]) {
      shown.resize(size);
      await shown.until(
        screen =>
          screen.filter(line => line.startsWith('Fleetfill ')).length === 1 &&
          screen.filter(line => line.startsWith('Done ')).length === 1 &&
          screen.every(line => line.length < size.columns),
      );
    }
    expect(await shown.exited).toBe(0);
  }, 120_000);

  test.each([
    ['NO_COLOR', { NO_COLOR: '1' }, []],
    ['a dumb terminal', { TERM: 'dumb' }, []],
    ['--json', {}, ['--json']],
  ])(
    'is plain lines with %s',
    async (_, environment, more) => {
      const shown = open({ columns: 200, rows: 60 }, environment, ...more);
      const escapes = shown.escapes();
      expect(await shown.exited).toBe(0);
      expect(await escapes).toEqual([]);
      const everything = await shown.everything();
      expect(everything.some(line => /^pass 1: \d+ of 40 segments complete/.test(line))).toBe(true);
      expect(everything.some(line => line.startsWith('Verification: none of 3,000'))).toBe(true);
    },
    120_000,
  );
});
