import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line, with its style or none. */
export type Span = readonly [text: string, style?: Style];

export type Line = readonly Span[];

const ELLIPSIS = '…';

/** The line in at most so many columns, with terminal styles; every character is taken to be one column wide. */
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

/** No text from a record or an error may move the cursor or worse. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ');
}
