import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { DOCUMENTS } from './support/documents.ts';
import { anchorOf, ROOT, readDocument } from './support/markdown.ts';

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;

function anchorsOf(path: string): string[] {
  const seen = new Map<string, number>();
  return readDocument(path).parts.flatMap(part => {
    if (!('title' in part)) return [];
    const anchor = anchorOf(part.title);
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return [before === 0 ? anchor : `${anchor}-${before}`];
  });
}

/** What is wrong with a link; undefined if nothing is. */
function brokenLink(from: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return target.startsWith('https://') ? undefined : 'is not https';
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : normalize(join(dirname(from), file));
  if (!existsSync(join(ROOT, path))) return 'does not exist';
  if (anchor !== undefined && !anchorsOf(path).includes(anchor)) return `${path} has no such heading`;
  return undefined;
}

test.each(DOCUMENTS)('the links of %s lead somewhere', path => {
  const broken = readDocument(path).prose.flatMap((line, index) =>
    [...line.matchAll(LINK)].flatMap(([, target = '']) => {
      const problem = brokenLink(path, target);
      return problem === undefined ? [] : [`${path}:${index + 1}: ${target}: ${problem}`];
    }),
  );
  expect(broken).toEqual([]);
});

test('an anchor is made as GitHub makes it', () => {
  expect(anchorOf('3. The table, for a rehearsal only')).toBe('3-the-table-for-a-rehearsal-only');
  expect(anchorOf('What `verified` means')).toBe('what-verified-means');
});
