import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { useEngine } from '../support/engine.ts';
import { accessibilityProblems, describeInBrowser, screenshot } from './support/browser.ts';
import { ServedPage } from './support/served-page.ts';
import { type StoredRun, storeRun } from './support/stored-run.ts';

const engine = useEngine();

/** Milliseconds for which the page was busy at a stretch, within six seconds: over 50 the browser calls a long task. */
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
    page = await ServedPage.start(stored.stores, stored.run.run, address);
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

  test('tells of a segment under the pointer, and by keyboard to who cannot see it', async () => {
    const { url } = await serve();
    const { page: tab } = await open(url);
    await tab.waitForSelector('.strip canvas');
    await tab.locator('.strip canvas').hover({ position: { x: 8, y: 8 } });
    await tab.waitForSelector('.tooltip');
    expect(await tab.textContent('.tooltip')).toContain('Segment 0');
    expect(await tab.textContent('.tooltip')).toContain('ownertask task-0');
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
    // The browser itself says that nobody answered; nothing else is said.
    expect(complaints.filter(complaint => !complaint.includes('net::ERR_'))).toEqual([]);
  });

  test.each([
    ['light', 1_280],
    ['dark', 1_280],
    ['light', 360],
    ['dark', 360],
  ] as const)('passes axe and fits in %s at %i pixels', async (colorScheme, width) => {
    await stored.beat();
    const { url } = await serve();
    const { page: tab, complaints } = await open(url, { colorScheme, viewport: { width, height: 800 } });
    await tab.waitForSelector('.chart canvas');
    await tab.getByRole('listbox').focus();
    await tab.waitForSelector('.tooltip');
    expect(await accessibilityProblems(tab)).toEqual([]);
    await screenshot(tab, `dashboard-${colorScheme}-${width}`);
    const overflow = await tab.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
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
    expect(await tab.textContent('[data-alert=late]')).toContain('killed, frozen or cut off');
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
    const served = await ServedPage.start(stores, stored.run.run);
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
