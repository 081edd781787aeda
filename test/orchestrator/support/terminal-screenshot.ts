import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { BROWSER_ARGUMENTS, CHROMIUM, screenshot } from './browser.ts';
import type { Terminal } from './terminal.ts';

/** The palette for drawing the view, because every terminal has its own. */
const PALETTE: Readonly<Record<number, string>> = {
  1: '#e5484d',
  2: '#3fb970',
  3: '#f0b429',
  6: '#4cc2e0',
  8: '#7d8b99',
};

/** Saves what a terminal shows as a screenshot, if requested and if a browser is available to draw it. */
export async function terminalScreenshot(terminal: Terminal, name: string): Promise<void> {
  if (!process.env['FLEETFILL_SCREENSHOTS'] || !existsSync(CHROMIUM)) return;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGUMENTS });
  const page = await browser.newPage({ viewport: { width: terminal.emulator.cols * 9 + 48, height: 100 } });
  await page.setContent(
    `<style>body{margin:0;background:#11161c}pre{margin:0;padding:20px 24px;color:#dbe4ee;font:15px/1.35 "DejaVu Sans Mono",monospace}</style><pre>${markupOf(terminal)}</pre>`,
  );
  await screenshot(page, name);
  await browser.close();
}

function markupOf({ emulator }: Terminal): string {
  const { active } = emulator.buffer;
  const lines: string[] = [];
  for (let row = active.baseY; row < active.baseY + emulator.rows; row++) {
    const line = active.getLine(row);
    let html = '';
    for (let column = 0; column < emulator.cols; column++) {
      const cell = line?.getCell(column);
      const text = (cell?.getChars() || ' ').replace(/[<&]/g, match => (match === '<' ? '&lt;' : '&amp;'));
      const colour = cell?.isFgPalette() ? PALETTE[cell.getFgColor()] : undefined;
      const weight = cell?.isBold() ? 'font-weight:700;' : '';
      html +=
        colour || weight ? `<span style="${weight}${colour ? `color:${colour}` : ''}">${text}</span>` : text;
    }
    lines.push(html.trimEnd());
  }
  return lines.join('\n').trimEnd();
}
