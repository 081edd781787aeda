import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line, with or without a style. */
export type Span = readonly [text: string, style?: Style];

export type Line = readonly Span[];

const ELLIPSIS = '…';

/** Renders the line with terminal styles in at most this many columns. Every character counts as one column. */
export function render(line: Line, columns: number): string {
  const spans = line.map(([text, style]) => ({ characters: [...clean(text)], style }));
  const total = spans.reduce((sum, { characters }) => sum + characters.length, 0);
  let left = total <= columns ? total : Math.max(0, columns - ELLIPSIS.length);
  const parts: string[] = [];
  for (const { characters, style } of spans) {
    const fits = characters.length <= left;
    const shown = fits ? characters.join('') : `${characters.slice(0, left).join('')}${ELLIPSIS}`;
    parts.push(style === undefined ? shown : styleText(style, shown, { validateStream: false }));
    if (!fits) break;
    left -= characters.length;
  }
  return parts.join('');
}

/** Replaces control characters, so that text from a record or an error cannot move the cursor or worse. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ');
}
