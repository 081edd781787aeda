import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faultsOf } from '../../../local/fault/fault-proxy.ts';
import { accessibilityProblems, describeInBrowser, screenshot } from '../support/browser.ts';
import { firstMatch, LocalRun } from '../support/local-run.ts';

/** The page must show a change within this time. */
const SHOWN_WITHIN_MS = 5_000;

const OPTIONS = [
  '--segments',
  '64',
  '--tasks',
  '4',
  '--max-write-rate',
  '250',
  '--yes',
  '--allow-no-pitr',
  '--json',
];

describeInBrowser('a real run, in a browser', open => {
  let local: LocalRun;
  let directory: string;
  let runId: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fleetfill-report-'));
    local = await LocalRun.start(8_000, { faults: faultsOf() });
  }, 120_000);
  afterAll(async () => {
    await local?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test('shows a throttled table and a killed worker within five seconds, and verification turning green', async () => {
    const run = local.orchestrate('run', ...OPTIONS);
    const ended = local.finish(run);
    runId = await firstMatch(run, /"event":"run.started".*"runId":"([^"]+)"/);
    const url = await firstMatch(local.orchestrate('dashboard', runId), /(http:\S+)/);
    const { page, complaints } = await open(url);
    await page.locator('[data-tile=tasks] .value', { hasText: '4 of 4' }).waitFor({ timeout: 30_000 });

    const { faults } = local.stack;
    faults?.add({
      name: 'hot',
      fault: { kind: 'throttle', error: 'on-demand', reason: 'TableWriteKeyRangeThroughputExceeded' },
      operations: ['BatchExecuteStatement', 'UpdateItem'],
      tables: ['stuff'],
      probability: 0.5,
    });
    const throttledAt = performance.now();
    await page.waitForSelector('[data-alert=throttling]', { timeout: 30_000 });
    const throttlingMs = performance.now() - throttledAt;
    faults?.remove('hot');

    const victim = local.stack.ecs.tasks().find(({ lastStatus }) => lastStatus === 'RUNNING');
    if (victim?.pid === undefined) throw new Error('no task runs');
    process.kill(victim.pid, 'SIGKILL');
    const killedAt = performance.now();
    await page
      .locator(`[data-launch="${victim.launch}"][data-tone=bad], [data-alert=late]`)
      .first()
      .waitFor({ timeout: 30_000 });
    const killedMs = performance.now() - killedAt;
    await page.waitForSelector('[data-alert=lost]', { timeout: 30_000 });
    console.log(
      `shown after: throttling ${Math.round(throttlingMs)} ms, killed worker ${Math.round(killedMs)} ms`,
    );
    expect(throttlingMs).toBeLessThan(SHOWN_WITHIN_MS);
    expect(killedMs).toBeLessThan(SHOWN_WITHIN_MS);

    // The tasks continue, so the stored screenshot shows a curve and segments at several levels.
    await page.locator('tr[data-tone=busy]').nth(3).waitFor({ timeout: 30_000 });
    await page.waitForSelector('.chart canvas');
    await page.locator('.legend li', { hasText: /^1\d complete/ }).waitFor({ timeout: 60_000 });
    await screenshot(page, 'dashboard-worker-killed');

    await page.locator('.pill', { hasText: 'verified' }).waitFor({ timeout: 120_000 });
    await page.waitForSelector('.verdict.text-good');
    expect(await page.locator('.cell.good').count()).toBe(await page.locator('.cell').count());
    expect(await page.textContent('.verdict')).toContain('None of 8,000 items lacked "test"');
    await ended;
    expect(complaints).toEqual([]);
  }, 240_000);

  test('leaves evidence in one file that opens from disk, without network, and passes axe', async () => {
    const file = join(directory, 'report.html');
    await local.finish(local.orchestrate('report', runId, '--out', file));
    const { page, complaints, requests } = await open(pathToFileURL(file).href);
    await page.waitForSelector('.conclusion');
    expect(await page.textContent('.conclusion')).toMatch(/^Verified: .* none of 8,000 items lacked "test"/);
    expect(await page.textContent('body')).toContain('restore-table-to-point-in-time');
    expect(await page.textContent('body')).toContain('Never REMOVE "test" where it is 1');
    await page.getByText('Every segment as a table').click();
    expect(await page.locator('section[aria-label="Table of segments"] tbody tr').count()).toBe(64);
    await page.getByText('Every verification segment of pass 1 as a table').click();
    const verified = page.locator('section[aria-label="Table of verification segments, pass 1"] tbody tr');
    expect(await verified.count()).toBe(63);
    expect(await verified.first().textContent()).toMatch(/^0read to its end\d+0$/);
    const expected = page.locator('section[aria-labelledby=consumption] tbody tr');
    expect(await expected.first().textContent()).toMatch(/^Items read8,\d+8,000$/);
    expect(await page.textContent('section[aria-labelledby=options]')).toContain(
      '8,000 of 8,000 items to set',
    );
    expect(await page.textContent('section[aria-labelledby=options]')).toContain('UPDATE "stuff" SET "test"');
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(requests.filter(address => !address.startsWith('file:') && !address.startsWith('data:'))).toEqual(
      [],
    );
    expect(complaints).toEqual([]);
    await page.getByText('Every segment as a table').click();
    await page.getByText('Every verification segment of pass 1 as a table').click();
    await screenshot(page, 'report');
  }, 120_000);

  test('the file shows the same in dark, and as text where scripts are off', async () => {
    const file = pathToFileURL(join(directory, 'report.html')).href;
    const dark = await open(file, { colorScheme: 'dark', viewport: { width: 390, height: 800 } });
    await dark.page.waitForSelector('.conclusion');
    expect(await accessibilityProblems(dark.page)).toEqual([]);
    const { page } = await open(file, { javaScriptEnabled: false });
    expect(await page.locator('noscript').textContent()).toContain('# Fleetfill: stuff');
  }, 120_000);

  test('has the same evidence as text for a ticket and as data for a program', async () => {
    await local.finish(
      local.orchestrate('report', runId, '--format', 'md', '--out', join(directory, 'report.md')),
    );
    const text = await readFile(join(directory, 'report.md'), 'utf8');
    const segments = /\n## Segments\n[^#]*/.exec(text)?.[0] ?? '';
    expect(segments.match(/^\| \d+ \| complete \|/gm)).toHaveLength(64);
    expect(text.match(/^\| \d+ \| read to its end \|/gm)).toHaveLength(63);
    expect(text).toContain('## The way back');
    expect(text).toMatch(/1 task lost: /);
    expect(text).toMatch(
      /DynamoDB throttled the fleet \d+ times, until .*: TableWriteKeyRangeThroughputExceeded/,
    );
    const data = JSON.parse(await local.finish(local.orchestrate('report', runId, '--format', 'json')));
    expect(data).toMatchObject({ runId, status: 'verified', proved: true });
    // What the killed worker did after its last checkpoint is written and verified, but counted by nobody.
    expect(data.counters.updated).toBeGreaterThan(7_000);
    expect(data.counters.updated).toBeLessThanOrEqual(8_000);
    expect(data.segments).toHaveLength(64);
    expect(data.history.length).toBeGreaterThan(3);
    expect(data.verificationSegments[0].segments.every((segment: { done: boolean }) => segment.done)).toBe(
      true,
    );
  }, 120_000);

  test('goes on while the orchestrator is gone, and every change has its author in the report', async () => {
    const options = ['--attribute', 'second', '--segments', '64', '--tasks', '4', '--max-write-rate', '300'];
    const run = local.orchestrate('run', ...options, '--yes', '--allow-no-pitr', '--json');
    const id = await firstMatch(run, /"event":"run.started".*"runId":"([^"]+)"/);
    const url = await firstMatch(local.orchestrate('dashboard', id), /(http:\S+)/);
    const { page, complaints } = await open(url);
    await page.locator('[data-tile=tasks] .value', { hasText: '4 of 4' }).waitFor({ timeout: 30_000 });
    const second = local.finish(local.orchestrate('dashboard', id, '--port', new URL(url).port));
    await expect(second).rejects.toThrow(/exit code 2: The page cannot be served on port \d+: .*EADDRINUSE/);
    await local.finish(local.orchestrate('rate', id, '--max-write-rate', '130'));
    await page.locator('[data-tile=rate]', { hasText: 'of a budget of 130' }).waitFor({ timeout: 5_000 });

    run.kill('SIGKILL');
    const itemsSet = async () =>
      Number((await page.textContent('[data-tile=items] .value'))?.replaceAll(',', ''));
    const before = await itemsSet();
    await page.waitForSelector('[data-alert=orchestrator]', { timeout: 45_000 });
    expect(await page.textContent('[data-announcement]')).toBe('Nobody supervises the run.');
    expect(await itemsSet()).toBeGreaterThan(before + 500);

    await local.finish(local.orchestrate('pause', id));
    await page.locator('.pill', { hasText: 'paused' }).waitFor({ timeout: 5_000 });
    const resumed = local.finish(local.orchestrate('resume', id));
    await page.locator('.pill', { hasText: 'running' }).waitFor({ timeout: 10_000 });
    await local.finish(local.orchestrate('rate', id, '--max-write-rate', '1000'));
    await resumed;
    await page.locator('.pill', { hasText: 'verified' }).waitFor({ timeout: 10_000 });
    expect(complaints).toEqual([]);

    const text = await local.finish(local.orchestrate('report', id, '--format', 'md'));
    const changes = /\n## Who changed it, and when\n([^#]*)/.exec(text)?.[1] ?? '';
    const who = /\| [\d-]{10}T[\d:.]{12}Z \| [^|]+@[^|]+ \| (\w+)/g;
    expect([...changes.matchAll(who)].map(([, what]) => what)).toEqual([
      'start',
      'rate',
      'pause',
      'resume',
      'rate',
    ]);
    expect(changes).toContain('300 to 130 write');
  }, 240_000);
});
