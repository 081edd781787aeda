import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  type OrchestrationOptions,
  type OrchestrationResult,
  orchestrate,
} from '../../demo/orchestration.ts';

const finished = {
  event: 'run.finished',
  at: '2030-01-01T00:00:00.000Z',
  runId: 'r7',
  status: 'verified',
  table: 'stuff',
  attribute: 'test',
  segments: 1,
  tasks: 1,
  scanned: 1,
  matched: 1,
  updated: 1,
  alreadySet: 0,
  deleted: 0,
  quarantined: 0,
  missing: 0,
  passes: 1,
  durationMs: 5,
  consumed: { readCapacityUnits: 0.5, writeCapacityUnits: 1 },
};
const LAST_LINE = JSON.stringify(finished);

interface Observed {
  readonly lines: string[];
  readonly words: string[];
  readonly result: Promise<OrchestrationResult>;
}

function start(
  lines: readonly string[],
  environment: Record<string, string> = {},
  options: Partial<OrchestrationOptions> = {},
): Observed {
  const observed = { lines: [] as string[], words: [] as string[] };
  const result = orchestrate({
    bundle: fileURLToPath(new URL('./support/scripted-orchestrator.mjs', import.meta.url)),
    args: [JSON.stringify(lines)],
    environment,
    onEvent: (_, line) => observed.lines.push(line),
    onWords: line => observed.words.push(line),
    signal: new AbortController().signal,
    ...options,
  });
  return { ...observed, result };
}

describe('the orchestrator’s lines', () => {
  test('are passed on verbatim, but for run.finished, which is kept', async () => {
    const first = '{ "event": "run.started",  "runId": "r7" }';
    const { lines, words, result } = start([first, '{"event":"run.progress","later":true}', LAST_LINE]);
    expect(await result).toStrictEqual({
      exitCode: 0,
      runId: 'r7',
      finished: { event: finished, line: LAST_LINE },
      strayLines: [],
    });
    expect(lines).toStrictEqual([first, '{"event":"run.progress","later":true}']);
    expect(words).toStrictEqual(['words for people']);
  });

  test('that are not events, or follow the last event, are named', async () => {
    const { lines, result } = start(['oops', '{"event":1}', LAST_LINE, '{"event":"late"}']);
    expect((await result).strayLines).toStrictEqual(['oops', '{"event":1}', '{"event":"late"}']);
    expect(lines).toStrictEqual([]);
  });

  test('may end without run.finished', async () => {
    const { result } = start(['{"event":"run.started","runId":"r9"}'], { EXIT_CODE: '3' });
    expect(await result).toStrictEqual({ exitCode: 3, runId: 'r9', finished: undefined, strayLines: [] });
  });

  test('must end with a run.finished that matches the contract', async () => {
    const { updated: _, ...without } = finished;
    await expect(start([JSON.stringify(without)]).result).rejects.toThrow(
      /form that the contract describes: updated/,
    );
  });
});

describe('an orchestrator that is to end', () => {
  test.each([
    ['leaves by SIGINT', {}, 130],
    ['is killed when it does not', { DEAF: 'yes' }, null],
  ])('%s', async (_, environment, exitCode) => {
    const controller = new AbortController();
    const onEvent = () => controller.abort();
    const { result } = start(
      [],
      { EXIT_CODE: 'never', ...environment },
      { signal: controller.signal, onEvent },
    );
    expect((await result).exitCode).toBe(exitCode);
  });
});
