import { setTimeout as delay } from 'node:timers/promises';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import type { Report } from '../support/report.ts';
import { atRate, judgeEnd, UNLIMITED, until, untilUpdated } from '../support/steps.ts';

/** After an acknowledgement nothing should be written at all. The promise is five seconds. */
const GRACE_SECONDS = 5;
const FLEET = ['--segments', '4', '--yes', ...atRate(100)];

/** A small budget, so that a verification has several pages. */
const SMALL_PAGES = ['--max-write-rate', '20000', '--max-read-rate', '10'];

type Command = 'pause' | 'resume' | 'cancel' | 'rate';

interface Expected {
  readonly state: string;
  readonly command: Command;
  /** More than one if another command at the same time may be first. */
  readonly codes: readonly number[];
}

/** Runs a command and compares its exit code with the expected one. */
async function give(arena: Arena, report: Report, run: string, { state, command, codes }: Expected) {
  const { code, process } = await arena.command(
    command === 'rate' ? ['rate', run, ...atRate(98)] : [command, run],
  );
  report.holds(`${command} while ${state}, exit code`, code, codes.join(' or '), codes.includes(code));
  return process;
}

/** Nothing may be written after a command has ended. */
async function quiet(arena: Arena, report: Report, command: string): Promise<void> {
  const acknowledgedAt = performance.now();
  await delay((GRACE_SECONDS + 1) * 1_000);
  report.equal(`item writes after ${command} was acknowledged`, arena.wire.receivedAfter(acknowledgedAt), 0);
}

async function everyState(context: CaseContext): Promise<void> {
  await Promise.all([runningAndPaused(context), verifying(context), failed(context)]);
}

async function runningAndPaused({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 16_000, faults: true, seed: '15/running' });
  const run = arena.orchestrate(FLEET);
  await untilUpdated(run, 100);
  const { runId } = run;
  await give(arena, report, runId, { state: 'running', command: 'rate', codes: [0] });
  await give(arena, report, runId, { state: 'running', command: 'pause', codes: [0] });
  await quiet(arena, report, 'pause');
  report.equal('the paused orchestrator, exit code', await run.exit, 9);
  await give(arena, report, runId, { state: 'paused', command: 'pause', codes: [0] });
  await give(arena, report, runId, { state: 'paused', command: 'rate', codes: [0] });
  const resumed = arena.orchestrate(['resume', runId]);
  await resumed.waitFor(({ event }) => event === 'run.started');
  await until('it writes again', () => arena.wire.lastReceivedAtMs > performance.now() - 500);
  const taken = arena.orchestrate(['resume', runId]);
  report.equal('resume while running: the older one, exit code', await resumed.exit, 8);
  await twoAtOnce(arena, report, runId);
  const last = await arena.command(['cancel', runId]);
  report.equal('cancel while running, exit code', last.code, 0);
  await quiet(arena, report, 'cancel');
  report.holds(
    'the orchestrators of a cancelled run, exit code',
    await taken.exit,
    '8 or 9',
    [8, 9].includes(await taken.exit),
  );
  await give(arena, report, runId, { state: 'cancelled', command: 'pause', codes: [2] });
  await give(arena, report, runId, { state: 'cancelled', command: 'cancel', codes: [2] });
  await give(arena, report, runId, { state: 'cancelled', command: 'rate', codes: [2] });
  await give(arena, report, runId, { state: 'cancelled', command: 'resume', codes: [9] });
  const [record] = await arena.control.read('RUN');
  const changes = (record?.['changes'] ?? []) as { what: string; by: string; at: string }[];
  report.atLeast('changes recorded, with who and when', changes.filter(({ by, at }) => by && at).length, 8);
  report.equal('locks left behind', await arena.control.locks(), 0);
}

/** Two commands at the same moment: both succeed, or one of them is told why not. */
async function twoAtOnce(arena: Arena, report: Report, runId: string): Promise<void> {
  const rates = await Promise.all([
    arena.command(['rate', runId, ...atRate(96)]),
    arena.command(['rate', runId, ...atRate(94)]),
  ]);
  report.equal('two rates at once, exit codes', rates.map(({ code }) => code).join(), '0,0');
  const pauses = await Promise.all([arena.command(['pause', runId]), arena.command(['pause', runId])]);
  report.equal('two pauses at once, exit codes', pauses.map(({ code }) => code).join(), '0,0');
  const resumes = [arena.orchestrate(['resume', runId]), arena.orchestrate(['resume', runId])];
  const first = await Promise.race(resumes.map(({ exit }) => exit));
  report.equal('two resumes at once: one leaves with', first, 8);
  await until('the other one goes on', () => arena.wire.lastReceivedAtMs > performance.now() - 500);
}

/** The verification takes seconds, because each of its pages does. */
async function verifying({ open, report }: CaseContext): Promise<void> {
  for (const command of ['pause', 'rate', 'resume', 'cancel'] as const) {
    const arena = await open({ items: 600, faults: true, seed: `15/verifying/${command}` });
    arena.faults.add({
      name: 'slow pages',
      fault: { kind: 'delay', ms: 3_000 },
      operations: ['Scan'],
      tables: [TABLE],
      clients: ['orchestrator'],
    });
    const run = arena.orchestrate(['--segments', '2', '--yes', ...SMALL_PAGES]);
    await run.waitFor(({ event }) => event === 'verification.started');
    const code = command === 'resume' ? 0 : await commandOf(arena, run.runId, command);
    const later = command === 'resume' ? arena.orchestrate(['resume', run.runId]) : undefined;
    report.equal(`${command} while verifying, exit code`, code, 0);
    const own = { pause: 9, rate: 0, resume: 8, cancel: 9 }[command];
    report.equal(`${command} while verifying: the orchestrator, exit code`, await run.exit, own);
    arena.faults.switch('slow pages', false);
    if (later) report.equal('resume while verifying: the new one, exit code', await later.exit, 0);
    if (command !== 'pause') continue;
    const resumed = await arena.command(['resume', run.runId]);
    judgeEnd(report, resumed.code, resumed.process.last);
    await give(arena, report, run.runId, { state: 'verified', command: 'pause', codes: [2] });
    await give(arena, report, run.runId, { state: 'verified', command: 'cancel', codes: [2] });
    await give(arena, report, run.runId, { state: 'verified', command: 'rate', codes: [2] });
    await give(arena, report, run.runId, { state: 'verified', command: 'resume', codes: [0] });
    await arena.judge(report);
  }
}

async function commandOf(arena: Arena, run: string, command: Command): Promise<number> {
  return (
    await arena.command(command === 'rate' ? ['rate', run, '--max-write-rate', '19000'] : [command, run])
  ).code;
}

async function failed({ open, report }: CaseContext): Promise<void> {
  const arena = await open({ items: 1_500, faults: true, seed: '15/failed' });
  arena.faults.add({
    name: 'denied',
    fault: { kind: 'deny' },
    operations: ['BatchExecuteStatement'],
    tables: [TABLE],
  });
  const run = await arena.command(['--segments', '2', '--yes', ...UNLIMITED]);
  report.equal('a run that is denied its writes, exit code', run.code, 7);
  const { runId } = run.process;
  await give(arena, report, runId, { state: 'failed', command: 'pause', codes: [2] });
  await give(arena, report, runId, { state: 'failed', command: 'rate', codes: [0] });
  await give(arena, report, runId, { state: 'failed', command: 'resume', codes: [7] });
  const other = await arena.command(['--segments', '2', '--yes', '--value', '2', ...UNLIMITED]);
  report.equal('another run while this one is failed, exit code', other.code, 8);
  await give(arena, report, runId, { state: 'failed', command: 'cancel', codes: [0] });
  report.equal('locks left behind by a failed and cancelled run', await arena.control.locks(), 0);
}

export const CONTROL: readonly ReliabilityCase[] = [
  {
    number: 15,
    title: 'pause, resume, cancel and rate in every state, and two at once',
    load: 'works',
    seconds: 100,
    seeds: 1,
    run: everyState,
  },
];
