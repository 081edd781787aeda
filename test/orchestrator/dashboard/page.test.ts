import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../core/clock.ts';
import { NO_COUNTERS } from '../../../core/records.ts';
import { DashboardServer } from '../../../orchestrator/dashboard/server.ts';
import { Watch } from '../../../orchestrator/dashboard/watch.ts';
import { useEngine } from '../../support/engine.ts';
import { accessibilityProblems, describeInBrowser, screenshot } from '../support/browser.ts';
import { ServedPage } from '../support/served-page.ts';
import { type StoredRun, storeRun } from '../support/stored-run.ts';

const engine = useEngine();

/**
 * The longest time in milliseconds for which the page was busy without a break, within six seconds. The browser calls
 * more than 50 a long task.
 */
const LONGEST_TASK = `new Promise(resolve => {
  let longest = 0;
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  }).observe({ type: 'longtask' });
  setTimeout(() => resolve(longest), 6000);
})`;

describeInBrowser('the page of a run, in a browser', open => {
  let stored: StoredRun;
  let page: ServedPage;
  const pages: ServedPage[] = [];

  beforeAll(async () => {
    stored = await storeRun(await engine.createControlTable(), { segments: 1_000 });
  });
  afterEach(async () => {
    for (const served of pages.splice(0)) await served.stop();
  });
  afterAll(async () => page?.stop());

  const serve = async (address?: { port: number; token: string }) => {
    page = await ServedPage.start(stored.stores, stored.run.runId, address);
    pages.push(page);
    return page;
  };

  test('shows a thousand segments, follows what changes, and complains of nothing', async () => {
    const { url } = await serve();
    const visit = await open(url);
    await visit.page.waitForSelector('.strip canvas');
    expect(await visit.page.title()).toBe('running · stuff · Fleetfill');
    expect(await visit.page.textContent('.legend:not(.readout) li:nth-child(3)')).toBe('660 complete');

    await stored.putSegment(660, { status: 'complete' });
    await visit.page.getByText('661 complete', { exact: true }).waitFor({ timeout: 5_000 });
    // The timeline grows with every pushed snapshot.
    const points = async () => Number(await visit.page.getByRole('slider').getAttribute('aria-valuemax'));
    const before = await points();
    await expect.poll(points, { timeout: 8_000 }).toBeGreaterThan(before + 2);
    expect(visit.complaints).toEqual([]);
    expect(
      visit.requests.every(address => address.startsWith(new URL(url).origin) || address.startsWith('data:')),
    ).toBe(true);
  });

  test('draws a thousand segments within a frame or two', async () => {
    const { url } = await serve();
    const visit = await open(url);
    await visit.page.waitForSelector('.strip canvas');
    const longest = await visit.page.evaluate<number>(LONGEST_TASK);
    console.log(`longest task of the page in 6 s with 1,000 segments: ${Math.round(longest)} ms`);
    expect(longest).toBeLessThan(150);
  });

  test('draws a thousand segments that all change four times a second, beside two thousand points of history', async () => {
    const server = await DashboardServer.listen({ port: 0 });
    const watch = {
      stores: stored.stores,
      clock: systemClock,
      runId: stored.run.runId,
      onSnapshot: () => {},
    };
    const snapshot = await new Watch(watch).look();
    const first = snapshot.history[0];
    if (!first) throw new Error('The stored run has no history.');
    const history = Array.from({ length: 2_000 }, (_, second) => ({ ...first, t: first.t + second }));
    let round = 0;
    const pushing = setInterval(() => {
      round += 1;
      const segments = snapshot.segments.map((segment, index) => ({
        ...segment,
        status: 'running' as const,
        filled: ((index * 7 + round * 13) % 97) / 97,
        scanned: index * 7 + round,
      }));
      const last = history.at(-1) ?? first;
      history.push({ ...last, t: last.t + 1 });
      const at = new Date(Date.parse(snapshot.at) + round).toISOString();
      server.push({ ...snapshot, at, segments, history: [...history] });
    }, 250);
    try {
      const visit = await open(server.url);
      await visit.page.waitForSelector('.strip canvas');
      await visit.page.getByRole('listbox').focus();
      const longest = await visit.page.evaluate<number>(LONGEST_TASK);
      console.log(
        `longest task with 1,000 segments that all change four times a second: ${Math.round(longest)} ms`,
      );
      expect(await visit.page.textContent('.tooltip')).toContain('Segment 0');
      expect(longest).toBeLessThan(150);
    } finally {
      clearInterval(pushing);
      await server.close();
    }
  });

  test('tells of a segment under the pointer, and by keyboard to who cannot see it', async () => {
    const { url } = await serve();
    const { page: tab } = await open(url);
    await tab.waitForSelector('.strip canvas');
    await tab.locator('.strip canvas').hover({ position: { x: 8, y: 8 } });
    await tab.waitForSelector('.tooltip');
    expect(await tab.textContent('.tooltip')).toContain('Segment 0');
    expect(await tab.textContent('.tooltip')).toContain('ownertask task-0');
    const { height = 0 } = (await tab.locator('.strip canvas').boundingBox()) ?? {};
    let running = '';
    for (let y = 8; y < height && !running.includes('staterunning'); y += 6) {
      await tab.locator('.strip canvas').hover({ position: { x: 900, y } });
      running = (await tab.textContent('.tooltip')) ?? '';
    }
    expect(running).toMatch(/launchlaunch-\downertask task-\dheartbeat.* ago/);
    expect(running).toMatch(/lag(none, ahead of the median|[\d,]+ items behind the median of [\d,]+)/);
    await tab.mouse.move(0, 0);
    await tab.waitForSelector('.tooltip', { state: 'detached' });

    const list = tab.getByRole('listbox');
    await list.focus();
    await tab.keyboard.press('End');
    expect(await tab.textContent('[role=option]')).toMatch(/^Segment 999: state failed.*5 launches in a row/);
    await tab.keyboard.press('ArrowLeft');
    expect(await tab.textContent('[role=option]')).toMatch(/^Segment 998: state assigned/);
    const active = await list.getAttribute('aria-activedescendant');
    expect(await tab.locator(`#${active}`).getAttribute('aria-posinset')).toBe('999');
    await tab.keyboard.press('Home');
    await tab.keyboard.press('ArrowDown');
    expect(await tab.textContent('[role=option]')).toMatch(/^Segment \d\d+: state complete/);
    await tab.keyboard.press('Escape');
    await tab.waitForSelector('.tooltip', { state: 'detached' });
  });

  test('tells of each moment of the time line by keyboard', async () => {
    const { url } = await serve();
    const { page: tab } = await open(url);
    const slider = tab.getByRole('slider');
    await slider.focus();
    await tab.keyboard.press('Home');
    expect(await slider.getAttribute('aria-valuenow')).toBe('0');
    for (let point = 0; point < 5; point++) await tab.keyboard.press('ArrowRight');
    const said = await slider.getAttribute('aria-valuetext');
    expect(said).toMatch(
      /^\d\d:\d\d:\d\d UTC: [\d,]+ write units a second of 34,000, .* throttled 14 times, 8 tasks$/,
    );
    expect(await tab.textContent('.readout')).toContain(`${said?.slice(0, 8)} UTC`);
    // The cursor's line is at the point.
    expect(await tab.locator('.u-cursor-x').first().getAttribute('style')).toMatch(/translate\([1-9]/);
    await tab.keyboard.press('Escape');
    expect(await tab.textContent('.readout')).not.toContain(`${said?.slice(0, 8)} UTC`);
  });

  test('comes back when the server was gone, and says so meanwhile', async () => {
    const served = await serve();
    const { page: tab, complaints } = await open(served.url);
    await tab.waitForSelector('.link-live');
    const { address } = served;
    await served.stop();
    pages.length = 0;
    await tab.waitForSelector('[data-alert=connection]', { timeout: 10_000 });
    expect(await tab.textContent('[data-tile=progress] .value')).toMatch(/%/);
    await serve(address);
    await tab.waitForSelector('.link-live', { timeout: 15_000 });
    await tab.waitForSelector('[data-alert=connection]', { state: 'detached' });
    // Only the browser itself reports that nobody answered.
    expect(complaints.filter(complaint => !complaint.includes('net::ERR_'))).toEqual([]);
  });

  test.each([
    ['light', 1_280],
    ['dark', 1_280],
    ['light', 360],
    ['dark', 360],
  ] as const)('passes axe and fits in %s at %i pixels', async (colorScheme, width) => {
    const beating = setInterval(() => void stored.beat(), 1_000);
    onTestFinished(() => clearInterval(beating));
    const { url } = await serve();
    const { page: tab, complaints } = await open(url, { colorScheme, viewport: { width, height: 800 } });
    await tab.waitForSelector('.chart canvas');
    await tab.getByRole('listbox').focus();
    await tab.waitForSelector('.tooltip');
    expect(await accessibilityProblems(tab)).toEqual([]);
    // One screenshot for each scheme and each width.
    if ((colorScheme === 'dark') === width > 1_000) {
      await tab.locator('.legend li', { hasText: /^139 running/ }).waitFor({ timeout: 5_000 });
      await screenshot(tab, `dashboard-${colorScheme}-${width}`);
    }
    const overflow = await tab.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
  });

  test.each([
    {
      of: 'a recipe: what was out of scope, and what was computed again',
      run: { recipe: { set: [{ name: 'test', expression: 'a' }], where: 'b == 1' } },
      label: 'Items set',
      detail:
        '2,000 scanned, 1,650 lacked it100 set by others, 30 deleted, 300 out of scope, 7 computed again',
    },
    {
      of: 'a constant: neither of them',
      run: {},
      counters: { outOfScope: 0, recomputed: 0 },
      label: 'Items set',
      detail: '2,000 scanned, 1,650 lacked it100 set by others, 30 deleted',
    },
    {
      of: 'an undo: values, and how many are gone',
      run: { undoes: { runId: 'run-0', totalSegments: 1, targets: [], expiresAt: 4_000_000_000 } },
      label: 'Values removed',
      detail: '2,000 in the undo log, 1,650 known to be set100 had another value or none, 30 deleted',
    },
  ])('tells of $of', async ({ run, counters, label, detail }) => {
    const one = await storeRun(await engine.createControlTable(), { segments: 1, tasks: 1, run });
    await one.putSegment(0, {
      status: 'running',
      counters: {
        ...NO_COUNTERS,
        ...{ scanned: 2_000, matched: 1_650, updated: 1_500, alreadySet: 100, deleted: 30, quarantined: 20 },
        ...{ outOfScope: 300, recomputed: 7, ...counters },
      },
    });
    const served = await ServedPage.start(one.stores, one.run.runId);
    pages.push(served);
    const { page: tab, complaints } = await open(served.url);
    const tile = tab.locator('[data-tile=items]');
    await tile.waitFor();
    expect(await tile.locator('dt').textContent()).toBe(label);
    expect(await tile.locator('.value').textContent()).toBe('1,500');
    expect(await tile.locator('.detail').textContent()).toBe(detail);
    expect(complaints).toEqual([]);
  });

  test('says which task is silent and what throttles, with the orchestrator gone', async () => {
    const { url } = await serve();
    const { page: tab } = await open(url);
    await tab.waitForSelector('.link-live');
    await stored.putTask('launch-3', {
      heartbeat: 60,
      heartbeatAt: new Date().toISOString(),
      throttled: { count: 9, reason: 'TableWriteKeyRangeThroughputExceeded' },
      segments: [3],
    });
    await tab.waitForSelector('[data-alert=throttling]', { timeout: 5_000 });
    expect(await tab.textContent('[data-alert=throttling]')).toContain(
      'TableWriteKeyRangeThroughputExceeded',
    );
    const row = tab.locator('[data-launch=launch-3]', { hasText: 'silent' });
    await row.waitFor({ timeout: 6_000 });
    expect(await tab.textContent('[data-alert=late]')).toContain('cut off from the control table');
  });

  test('lists items in quarantine as they come, each with its reason', async () => {
    const { url } = await serve();
    const { page: tab, complaints } = await open(url);
    await tab.getByText('No item is in quarantine.').waitFor();
    const key = '{"id":{"S":"too-large"},"created":{"N":"1"}}';
    const reason = 'ValidationError: Item size to update has exceeded the maximum allowed size';
    await stored.stores.quarantine.add({
      ...{ runId: stored.run.runId, key, reason, attempts: 1, segment: 3 },
      at: new Date().toISOString(),
    });
    await tab.getByText('1 item lacks the attribute and could not be written').waitFor({ timeout: 5_000 });
    const row = tab.locator('tr', { hasText: key });
    expect(await row.textContent()).toContain(reason);
    expect(await accessibilityProblems(tab)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('stays, and says why, when the control table cannot be read', async () => {
    let broken = false;
    const around = stored.stores.runs;
    const stores = {
      ...stored.stores,
      runs: new Proxy(around, {
        get: (target, name) => {
          if (name === 'read' && broken) return () => Promise.reject(new Error('connect ECONNREFUSED'));
          const value = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
    };
    const served = await ServedPage.start(stores, stored.run.runId);
    pages.push(served);
    const { page: tab } = await open(served.url);
    await tab.waitForSelector('.link-live');
    broken = true;
    await tab.waitForSelector('[data-alert=unreadable]', { timeout: 5_000 });
    expect(await tab.textContent('[data-alert=unreadable]')).toContain('ECONNREFUSED');
    broken = false;
    await tab.waitForSelector('[data-alert=unreadable]', { state: 'detached', timeout: 5_000 });
  });
});
