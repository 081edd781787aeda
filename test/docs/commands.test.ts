import { expect, test } from 'vitest';
import { DOCUMENTS } from './support/documents.ts';
import { readDocument } from './support/markdown.ts';
import { isRun, runDocument } from './support/run-document.ts';

const withCommands = DOCUMENTS.filter(path =>
  readDocument(path).parts.some(part => 'info' in part && isRun(part)),
);

// At the same time: most of it is waiting for a rate.
test.concurrent.each(withCommands)(
  'what %s tells to type can be typed, and prints what it shows',
  async path => {
    expect(await runDocument(readDocument(path))).toBeGreaterThan(0);
  },
  600_000,
);
