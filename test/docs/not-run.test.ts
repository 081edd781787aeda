import { expect, test } from 'vitest';
import { DOCUMENTS } from './support/documents.ts';
import { type Fence, readDocument } from './support/markdown.ts';
import { NOT_RUN } from './support/run-document.ts';

/** Why a block of this kind does not run. */
const REASONS: Readonly<Record<string, string>> = {
  aws: 'needs an AWS account',
  docker: 'needs a container engine',
  ci: 'is what runs this test, or is run beside it by .ci/run',
};

/** How many blocks of each document do not run here. A change of these numbers must be noticed. */
const KNOWN: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'CONTRIBUTING.md': { ci: 1 },
  'README.md': { ci: 1 },
  'docs/dashboard.md': { aws: 1 },
  'docs/deploy.md': { aws: 14, ci: 1, docker: 1 },
  'docs/first-contact.md': { aws: 16 },
  'docs/reliability.md': { ci: 1 },
  'docs/runbook.md': { aws: 7 },
};

/** Output may contain a command, but not at the beginning of a line. */
const COMMAND_LINE = /^\s*(?:\$ |orchestrate |aws |npm |npx |node )/m;

function fencesOf(path: string): Fence[] {
  return readDocument(path).parts.filter(part => 'info' in part);
}

test('each kind of block that is not run has a reason', () => {
  expect(Object.keys(REASONS).sort()).toEqual([...NOT_RUN].sort());
});

test.each(DOCUMENTS)('the blocks of %s that are not run are known', path => {
  const counts: Record<string, number> = {};
  for (const { info } of fencesOf(path)) {
    if (info[0] !== 'console') continue;
    for (const word of info.filter(each => NOT_RUN.includes(each))) counts[word] = (counts[word] ?? 0) + 1;
  }
  expect(counts).toEqual(KNOWN[path] ?? {});
});

test.each(DOCUMENTS)('no command in %s hides in a fence that is not run', path => {
  const hidden = fencesOf(path).filter(({ info, text }) => info[0] !== 'console' && COMMAND_LINE.test(text));
  expect(hidden.map(({ line }) => `${path}:${line}`)).toEqual([]);
});
