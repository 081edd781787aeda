import { Writable } from 'node:stream';
import { beforeEach, expect, test, vi } from 'vitest';
import { OutputStreams } from '../../../orchestrator/cli/streams.ts';

/** A stream whose writes fail with `code`, or succeed without one. */
function stream(code?: string) {
  let text = '';
  const writable = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done(code === undefined ? null : Object.assign(new Error(`${code}: said so`), { code }));
    },
  });
  return { stream: writable as unknown as NodeJS.WriteStream, said: () => text };
}

const end = vi.fn();
beforeEach(() => end.mockReset());

function open(stdoutCode?: string, stderrCode?: string) {
  const [stdout, stderr] = [stream(stdoutCode), stream(stderrCode)];
  return { stdout, stderr, streams: new OutputStreams(stdout.stream, stderr.stream, end) };
}

test('what could be written leaves the exit code alone', async () => {
  const { streams, stdout } = open();
  stdout.stream.write('a result\n');
  expect(await streams.drain()).toBeUndefined();
  expect(end).not.toHaveBeenCalled();
});

test.each(['EPIPE', 'ECONNRESET', 'EIO'])(
  'a command that only shows something ends quietly on %s',
  async code => {
    const { streams, stdout, stderr } = open(code);
    stdout.stream.write('a result\n');
    expect(await streams.drain()).toBeUndefined();
    expect(end).toHaveBeenCalledWith();
    expect(stderr.said()).toBe('');
  },
);

test('what somebody wants and cannot be written is an error, said once', async () => {
  const { streams, stdout, stderr } = open('ENOSPC');
  stdout.stream.write('a result\n');
  expect(await streams.drain()).toBe(3);
  await vi.waitFor(() => expect(end).toHaveBeenCalledWith(3));
  expect(stderr.said()).toBe('The output cannot be written: ENOSPC: said so\n');
});

test.each(['EPIPE', 'ENOSPC'])(
  'a command that does something continues on %s, to its own exit code',
  async code => {
    const { streams, stdout, stderr } = open(code, code);
    streams.doWithout();
    stdout.stream.write('a result\n');
    stderr.stream.write('words\n');
    expect(await streams.drain()).toBeUndefined();
    expect(end).not.toHaveBeenCalled();
  },
);

test('words that cannot be written end nothing, while the result can be', async () => {
  const { streams, stdout, stderr } = open(undefined, 'ENOSPC');
  stderr.stream.write('words\n');
  stdout.stream.write('a result\n');
  expect(await streams.drain()).toBeUndefined();
  expect(end).not.toHaveBeenCalled();
});
