import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { hurriedTime } from '../../../local/fault/hurried-time.ts';
import { createProcessFaults } from '../../../local/fault/process-faults.ts';
import { shiftedClock } from '../../../local/fault/shifted-clock.ts';
import { override, startTestControlPlane, type TestControlPlane } from '../support/control-plane.ts';
import { isAlive, until } from '../support/processes.ts';

const planes: TestControlPlane[] = [];
afterEach(async () => {
  for (const plane of planes.splice(0)) await plane.stop();
});

async function start() {
  const plane = await startTestControlPlane();
  planes.push(plane);
  return { plane, faults: createProcessFaults(plane.ecs) };
}

/** A task, by its launch, that has reported its start and now waits. */
async function runLaunch(plane: TestControlPlane, launch: string) {
  const task = await plane.run({ overrides: override({ FLEETFILL_LAUNCH: launch, SCRIPT: 'wait' }) });
  await plane.untilStatus(task, 'RUNNING');
  await until('the task has spoken', async () => (await plane.log(task)).includes('to stderr'));
  const pid = plane.ecs.tasks().find(known => known.launch === launch)?.pid;
  if (pid === undefined) throw new Error('The task has no process.');
  return { task, pid };
}

const stateOf = (pid: number) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

describe('a fault of a process', () => {
  test('kills without a word', async () => {
    const { plane, faults } = await start();
    const { task, pid } = await runLaunch(plane, 'one');
    faults.kill('one');
    const stopped = await plane.untilStatus(task, 'STOPPED');
    expect(stopped.containers?.[0]?.exitCode).toBe(137);
    expect(stopped.stopCode).toBe('EssentialContainerExited');
    expect(isAlive(pid)).toBe(false);
    expect(() => faults.kill('one')).toThrow(/No process of task one/);
  });

  test('terminates by SIGTERM, and finds a task by its ARN', async () => {
    const { plane, faults } = await start();
    const { task } = await runLaunch(plane, 'one');
    faults.terminate(task.taskArn ?? '');
    expect((await plane.untilStatus(task, 'STOPPED')).containers?.[0]?.exitCode).toBe(143);
  });

  test('freezes and thaws', async () => {
    const { plane, faults } = await start();
    const { task, pid } = await runLaunch(plane, 'one');
    faults.freeze('one');
    await until('it stands still', () => stateOf(pid) === 'T');
    expect((await plane.describe(task)).lastStatus).toBe('RUNNING');
    faults.thaw('one');
    await until('it runs', () => stateOf(pid) !== 'T');
  });

  test('shifts the clock of tasks that start from then on', async () => {
    const { plane, faults } = await start();
    faults.shiftClock(-600_000);
    const { task } = await runLaunch(plane, 'one');
    expect(await plane.log(task)).toContain('NODE_OPTIONS');
    faults.shiftClock(0);
    const { task: next } = await runLaunch(plane, 'two');
    expect(await plane.log(next)).toContain('"NODE_OPTIONS":""');
  });
});

describe('a shifted clock', () => {
  const TEN_MINUTES = 600_000;

  /** What a process with that environment prints as JSON. */
  function evaluate(source: string, offsetMs: number): unknown {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', `console.log(JSON.stringify(${source}))`],
      { env: { ...shiftedClock(offsetMs) }, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  }

  test.each([TEN_MINUTES, -TEN_MINUTES])('is off by %i ms in every way of reading the time', offsetMs => {
    const times = evaluate(
      `[Date.now(), new Date().getTime(), Date.parse(Date()), performance.timeOrigin + performance.now()]`,
      offsetMs,
    ) as number[];
    for (const time of times) {
      expect(Math.abs(time - Date.now() - offsetMs)).toBeLessThan(30_000);
    }
  });

  test('leaves given times, the monotonic clock and the kind of a date alone', () => {
    const [given, parsed, isDate, sameClass, lasted] = evaluate(
      `await (async () => {
        const { setTimeout: sleep } = await import('node:timers/promises');
        const startedAt = performance.now();
        await sleep(50);
        return [
          new Date(1000).getTime(), new Date('2012-08-10T00:00:00Z').getTime(),
          new Date() instanceof Date, new Date().constructor === Date, performance.now() - startedAt,
        ];
      })()`,
      TEN_MINUTES,
    ) as [number, number, boolean, boolean, number];
    expect([given, parsed, isDate, sameClass]).toEqual([1_000, 1_344_556_800_000, true, true]);
    expect(lasted).toBeGreaterThanOrEqual(45);
    expect(lasted).toBeLessThan(5_000);
  });
});

describe('hurried time', () => {
  test('shortens every kind of wait, which still looks full length by its own clock, and leaves the wall clock true', () => {
    const source = `
      import { setTimeout as named } from 'node:timers';
      import { setTimeout as sleep } from 'node:timers/promises';
      import { promisify } from 'node:util';
      const lasted = async wait => {
        const from = [performance.now(), Date.now()];
        await wait();
        return [performance.now() - from[0], Date.now() - from[1]];
      };
      console.log(JSON.stringify([
        await lasted(() => new Promise(resolve => setTimeout(resolve, 2000))),
        await lasted(() => new Promise(resolve => named(resolve, 2000))),
        await lasted(() => sleep(2000)),
        await lasted(() => promisify(setTimeout)(2000)),
      ]));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      env: { ...hurriedTime(10) },
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    for (const [own, wall] of JSON.parse(stdout) as [number, number][]) {
      expect(own).toBeGreaterThanOrEqual(1_980);
      expect(wall).toBeGreaterThanOrEqual(190);
      expect(wall).toBeLessThan(1_900);
    }
  });
});
