import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlTable } from '../../core/control-table.ts';
import { QuarantineStore } from '../../core/quarantine-store.ts';
import { type HttpFront, startHttpFront } from '../support/http-front.ts';
import { ORCHESTRATE } from './support/orchestrator-process.ts';
import { Stage } from './support/stage.ts';

/** Where operators really work: behind pipes, full disks, proxies and terminals that close. */
let stage: Stage;
const fronts: HttpFront[] = [];

beforeAll(async () => {
  stage = await Stage.open({ items: 600 });
});

afterAll(async () => {
  await stage.close();
  for (const front of fronts) await front.close();
});

const NODE = `${process.execPath} ${ORCHESTRATE}`;

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** A shell command line in the stack's environment, in which `$O` is the tool. */
function shell(
  line: string,
  more: Readonly<Record<string, string | undefined>> = {},
  stdin = '',
): Promise<Ended> {
  return start(line, more, stdin).ended;
}

function start(line: string, more: Readonly<Record<string, string | undefined>> = {}, stdin = '') {
  const startedAt = performance.now();
  const child = spawn('bash', ['-c', `set -o pipefail; ${line}`], {
    env: {
      PATH: process.env['PATH'],
      HOME: '/tmp',
      O: NODE,
      FLEETFILL_SAMPLE: '0',
      ...stage.stack.environment,
      ...more,
    },
  });
  child.stdin.end(stdin);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    err += text;
  });
  const ended = once(child, 'close').then(
    ([code]): Ended => ({ code: code ?? 1, out, err, ms: performance.now() - startedAt }),
  );
  return { child, ended, said: () => out + err };
}

async function front(
  script?: Parameters<typeof startHttpFront>[1],
  target = stage.stack.environment['AWS_ENDPOINT_URL_DYNAMODB'],
) {
  const made = await startHttpFront(target, script);
  fronts.push(made);
  return made;
}

async function until(holds: () => boolean): Promise<void> {
  for (const giveUpAt = performance.now() + 60_000; !holds(); await delay(50)) {
    if (performance.now() > giveUpAt) throw new Error('It did not come true in time.');
  }
}

/** Each test uses another attribute, so that its run has work to do. */
const run = (attribute: string, more = '') =>
  `$O --attribute ${attribute} --segments 2 --max-write-rate 400 --yes ${more}`;

async function status(runId = ''): Promise<Record<string, unknown>> {
  const { out } = await shell(`$O status ${runId} --json`);
  return JSON.parse(out) as Record<string, unknown>;
}

const runIdIn = (text: string): string => /\b(\d{14}-[0-9a-f]{6})\b/.exec(text)?.[1] ?? '';

describe('the end of a pipe, a disk or a terminal', () => {
  test('a reader that goes away ends no supervision', async () => {
    const { out } = await shell(`${run('closed', '--json')} | head -1`);
    const { runId } = JSON.parse(out) as { runId: string };
    // head and the shell have ended, but the supervisor has not.
    for (let now = await status(runId); now['status'] !== 'verified'; now = await status(runId)) {
      expect(['running', 'verifying']).toContain(now['status']);
      await delay(300);
    }
  }, 60_000);

  test('nor does a full disk', async () => {
    const { code } = await shell(`${run('full', '--json')} > /dev/full 2> /dev/full`);
    expect(code).toBe(0);
  }, 60_000);

  test('nor is an exit code lost with the reader, where it says something of the table', async () => {
    for (const gone of ['| true', '> /dev/full']) {
      const { code, err } = await shell(`$O verify --attribute absent ${gone}`);
      expect(code, gone).toBe(6);
      expect(err).not.toMatch(/Internal error|^\s+at /m);
    }
    expect((await shell('$O plan --table absent --json | true')).code).toBe(3);
  }, 60_000);

  test('what is to be shown and cannot be written is an error', async () => {
    const { runId } = (await status()) as { runId: string };
    const { code, err } = await shell(`$O report ${runId} --format json > /dev/full`);
    expect(code).toBe(3);
    expect(err).toMatch(/^The output cannot be written: ENOSPC.*$/m);
    expect((await shell(`$O report ${runId} --format json | true`)).code).toBe(0);
  }, 60_000);

  test('another command ends quietly with its reader', async () => {
    const watching = await shell('$O status --watch 2>&1 | grep -m1 segments');
    expect(watching).toMatchObject({ code: 0, err: '' });
  }, 60_000);

  test('all output arrives, however late it is read', async () => {
    const { runId } = (await status()) as { runId: string };
    const document = DynamoDBDocumentClient.from(stage.client);
    const store = new QuarantineStore(new ControlTable(document, 'fleetfill-control'));
    const reason = 'x'.repeat(300);
    await Promise.all(
      Array.from({ length: 600 }, (_, index) =>
        store.add({
          runId,
          key: `{"id":{"S":"${index}"}}`,
          reason,
          attempts: 1,
          segment: 0,
          at: '2026-01-01T00:00:00Z',
        }),
      ),
    );
    const { code, out } = await shell(`$O failures ${runId} --json | (sleep 1; cat)`);
    const lines = out.trimEnd().split('\n');
    expect(out.length).toBeGreaterThan(3 * 65_536);
    expect([code, lines.length]).toEqual([0, 600]);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ event: 'failure', reason });
  }, 60_000);

  test('SIGHUP detaches with words, and the run says who left it', async () => {
    const running = start(`exec ${run('hangup').replace('400', '40')}`);
    await until(() => /tasks launched/.test(running.said()));
    running.child.kill('SIGHUP');
    const { code, err } = await running.ended;
    expect(code).toBe(130);
    expect(err).toMatch(/Detached\.[\s\S]*orchestrate resume/);
    const runId = runIdIn(err);
    const now = await status(runId);
    expect(now).toMatchObject({
      status: 'running',
      supervisor: { left: 'detached', by: expect.stringContaining('@') },
    });
    const words = await shell(`$O status ${runId}`);
    expect(words.out).toMatch(
      /Nobody has supervised it since \d{4}-.*: \S+@\S+ left \(detached\)\.\n {2}next {6}orchestrate resume/,
    );
    expect((await shell(`$O cancel ${runId}`)).code).toBe(0);
  }, 90_000);

  test('a person behind tee is asked on the terminal', async () => {
    const account = '0000';
    const line = `script -qec "${run('tee').replace(' --yes', '').replaceAll('$O', NODE)} 2>&1 | tee ${'/dev/null'}" /dev/null`;
    const asked = start(`(sleep 4; echo "stuff@${account}/us-east-1"; sleep 30) | ${line}`);
    await until(() => /Verified:|Not confirmed|Internal error/.test(asked.said()));
    expect(asked.said()).toMatch(/To begin, type stuff@0000\/us-east-1/);
    expect(asked.said()).toMatch(/Verified/);
    asked.child.kill('SIGKILL');
  }, 90_000);
});

describe.skipIf(process.getuid?.() !== 0)('a user without a name (the test needs root)', () => {
  const nobody = (line: string) =>
    shell(`setpriv --reuid 54321 --regid 54321 --clear-groups ${line}`, {
      HOME: undefined,
      USER: undefined,
      LOGNAME: undefined,
    });

  test('runs, and is recorded by its user id', async () => {
    const { code, err } = await nobody(run('nameless'));
    expect({ code, err }).toMatchObject({ code: 0 });
    expect((await status(runIdIn(err)))['changes']).toMatchObject([
      { by: expect.stringMatching(/^uid-54321@/) },
    ]);
  }, 60_000);

  test('pauses, changes and cancels what somebody else runs', async () => {
    const running = start(`exec ${run('emergency').replace('400', '40')}`);
    await until(() => /tasks launched/.test(running.said()));
    const runId = runIdIn(running.said());
    expect((await nobody(`$O rate ${runId} --max-write-rate 50`)).code).toBe(0);
    expect((await nobody(`$O pause ${runId}`)).code).toBe(0);
    expect((await running.ended).code).toBe(9);
    expect((await nobody(`$O cancel ${runId}`)).code).toBe(0);
  }, 90_000);
});

test('a folder that was deleted under the shell is said, and no more', async () => {
  const line = 'cd "$(mktemp -d)" && rmdir "$PWD" && $O';
  const { code, err } = await shell(`${line} verify --attribute absent --json`);
  expect(code).toBe(6);
  expect(err).toMatch(/^The current folder no longer exists\./);
  expect((await shell(`${line} --help`)).code).toBe(0);
});

test('a run without a name and a folder for temporary files that is not there are said', async () => {
  const unnamed = await shell('$O status ""');
  expect(unnamed.code).toBe(2);
  expect(unnamed.err).toMatch(/^There is no run ""\./);
  const homeless = await shell('$O plan --local', { TMPDIR: '/nonexistent' });
  expect(homeless.code).toBe(2);
  expect(homeless.err).toMatch(
    /The folder for temporary files cannot be used.*\/nonexistent[\s\S]*Set TMPDIR/,
  );
});

test('variables that cannot be used are named before anything is asked of AWS', async () => {
  const { code, err } = await shell('$O verify', {
    AWS_ENDPOINT_URL_DYNAMODB: 'localhost:8000',
    AWS_SESSION_TOKEN: 'cut off\n',
  });
  expect(code).toBe(2);
  expect(err).toMatch(/^AWS_ENDPOINT_URL_DYNAMODB is not a URL/m);
  expect(err).toMatch(/^AWS_SESSION_TOKEN contains/m);
  expect(err).not.toContain('cut off');
});

describe('one signal ends a command that waits for nothing but an answer', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s',
    async signal => {
      const silent = await front(() => {});
      for (const command of ['status', 'verify', 'plan']) {
        const waiting = start(`exec $O ${command}`, { AWS_ENDPOINT_URL_DYNAMODB: silent.endpoint });
        await until(() => silent.calls.length > 0);
        const signalledAt = performance.now();
        waiting.child.kill(signal);
        const { code, err } = await waiting.ended;
        expect(code, command).toBe(130);
        expect(performance.now() - signalledAt, command).toBeLessThan(4_000);
        expect(err, command).not.toMatch(/Internal error|^\s+at /m);
        silent.calls.length = 0;
      }
    },
    60_000,
  );
});

describe('the Region', () => {
  const without = { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined, AWS_CONFIG_FILE: '/dev/null' };

  test('may be in AWS_DEFAULT_REGION alone, as for the AWS CLI', async () => {
    const { code } = await shell('$O status', { ...without, AWS_DEFAULT_REGION: 'us-east-1' });
    expect(code).toBe(0);
  });

  test.each(['status', 'plan', 'verify', 'doctor', '--yes'])(
    'must be named when none is set: %s',
    async command => {
      const { code, out, err } = await shell(`$O ${command}`, without);
      expect(code).toBe(3);
      expect(out + err).toMatch(/No AWS Region is set[\s\S]*AWS_REGION/);
      expect(out + err).not.toMatch(/Internal error/);
    },
  );
});

test('when a permission is lost midway, the run stops with the cause and the command to resume', async () => {
  let denied = false;
  const before = await front((_, answer) =>
    denied
      ? answer.refuse('AccessDeniedException', 'not authorized to perform: dynamodb:GetItem')
      : answer.pass(),
  );
  const running = start(`exec ${run('denied').replace('400', '40')}`, {
    AWS_ENDPOINT_URL_DYNAMODB: before.endpoint,
  });
  await until(() => /tasks launched/.test(running.said()));
  denied = true;
  const { code, err } = await running.ended;
  expect(code).toBe(130);
  expect(err).toMatch(
    /Nobody supervises the run any more: AccessDeniedException[\s\S]*orchestrate resume \S+/,
  );
  expect(err).not.toMatch(/Internal error|^\s+at /m);
  expect((await shell(`$O cancel ${runIdIn(err)}`)).code).toBe(0);
}, 90_000);

test('a single reply about a signature stops neither verify nor plan', async () => {
  const once = new Set(['DescribeTable', 'Scan', 'GetItem']);
  const before = await front((call, answer) =>
    once.delete(call.operation)
      ? answer.refuse(
          'InvalidSignatureException',
          'Signature expired: 20261127T100000Z is now earlier than 20261127T101000Z',
          {},
          403,
        )
      : answer.pass(),
  );
  const { code } = await shell('$O verify --attribute closed', {
    AWS_ENDPOINT_URL_DYNAMODB: before.endpoint,
  });
  expect(code).toBe(0);
  expect([...once]).not.toContain('Scan');
  expect(
    (await shell('$O plan --attribute other', { AWS_ENDPOINT_URL_DYNAMODB: before.endpoint })).code,
  ).not.toBe(1);
}, 60_000);

test('a proxy is used for other machines only, and NO_PROXY bypasses it', async () => {
  const through: string[] = [];
  const { hostname, port } = new URL(stage.stack.environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? '');
  const proxy = createServer((incoming, response) => {
    through.push(String(incoming.url));
    const path = new URL(String(incoming.url)).pathname;
    const onwards = httpRequest(
      { hostname, port, path, method: incoming.method, headers: incoming.headers },
      reply => {
        response.writeHead(reply.statusCode ?? 500, reply.headers);
        reply.pipe(response);
      },
    );
    incoming.pipe(onwards);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const elsewhere = { HTTP_PROXY, AWS_ENDPOINT_URL_DYNAMODB: 'http://dynamodb.invalid' };
  try {
    expect((await shell('$O verify --attribute closed', elsewhere)).code).toBe(0);
    expect(through.length).toBeGreaterThan(1);
    expect(new Set(through)).toEqual(new Set(['http://dynamodb.invalid/']));
    const past = await shell('$O verify --attribute closed', { ...elsewhere, NO_PROXY: '.invalid' });
    expect(past.code).toBe(3);
    expect(past.err).toMatch(
      /dynamodb\.invalid has not answered[\s\S]*These proxy settings are in force: HTTP_PROXY, NO_PROXY/,
    );
    expect(past.ms).toBeLessThan(20_000);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}, 60_000);

test('an endpoint that never answers: about ten seconds, then words', async () => {
  const silent = await front(() => {});
  const { code, err, ms } = await shell('$O status', {
    FLEETFILL_CONTROL_TABLE: undefined,
    AWS_ENDPOINT_URL_CLOUDFORMATION: silent.endpoint,
  });
  expect(code).toBe(3);
  expect(ms).toBeLessThan(30_000);
  expect(err).toMatch(
    /The stack fleetfill cannot be read: CloudFormation at 127\.0\.0\.1:\d+ has not answered/,
  );
}, 60_000);

test('without credentials a command waits for them, says so, and does not call the table absent', async () => {
  const { code, out, err } = await shell(`${run('uncredited')} --json`, {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
  });
  expect(JSON.parse(out)).toMatchObject({
    event: 'warning',
    message: expect.stringMatching(/^Waiting until /),
  });
  expect(err).toMatch(/stuff cannot be described: .*[Cc]redentials/);
  expect(err).not.toMatch(/^\s+at .+:\d+:\d+|Internal error/m);
  expect(code).toBe(3);
}, 90_000);
