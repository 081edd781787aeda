import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { operatorName } from '../../../orchestrator/operator-name.ts';

export const CHROMIUM = '/usr/bin/chromium';

export const BROWSER_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const SCREENSHOTS = new URL('../../../docs/screenshots/', import.meta.url);

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** A page in the browser, with every complaint that a good page should not cause. */
export interface Visit {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, failed requests. */
  readonly complaints: string[];
  /** Every address that the page requested. */
  readonly requests: string[];
}

/**
 * Tests in Debian's Chromium. Without it they are skipped with a message. In CI they fail, because a page that nobody
 * opened is not tested.
 */
export function describeInBrowser(name: string, tests: (open: Open) => void): void {
  const present = existsSync(CHROMIUM);
  if (!present && !process.env['CI']) {
    console.warn(`NOT TESTED: ${name}. ${CHROMIUM} is absent; apt-get install chromium brings it.`);
    describe.skip(name, () => tests(() => Promise.reject(new Error('no browser'))));
    return;
  }
  describe(name, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGUMENTS });
    }, 120_000);
    afterAll(async () => browser?.close());
    tests(async (address, options = {}) => {
      if (!browser) throw new Error('The browser runs only inside tests.');
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', message => {
        if (['error', 'warning'].includes(message.type()))
          complaints.push(`${message.type()}: ${message.text()}`);
      });
      page.on('pageerror', error => complaints.push(`uncaught: ${error.message}`));
      page.on('request', request => requests.push(request.url()));
      await page.goto(address);
      return { page, complaints, requests };
    });
  });
}

type Open = (address: string, options?: BrowserContextOptions) => Promise<Visit>;

/** A screenshot does not show on whose machine it was made. */
const withoutName = (name: string) => `{
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(${JSON.stringify(name)}, 'operator@workstation');
}`;

/** Saves the whole page as a screenshot in docs/screenshots, if requested with FLEETFILL_SCREENSHOTS=1. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (!process.env['FLEETFILL_SCREENSHOTS']) return;
  await page.evaluate(withoutName(operatorName()));
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, SCREENSHOTS)), fullPage: true });
}

/** What axe finds against WCAG 2.2 A and AA and its own best practices, one line each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // The debugger evaluates it, so the page's content security policy does not apply and stays as strict as it is.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate<AxeResult>("axe.run({ resultTypes: ['violations'] })");
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
  );
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}
