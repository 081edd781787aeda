import { expect, test } from 'vitest';
import { DOCUMENTS } from './support/documents.ts';
import { actsOf, readDocument } from './support/markdown.ts';
import { isRun, runDocument } from './support/run-document.ts';

const acts = DOCUMENTS.flatMap(path =>
  actsOf(readDocument(path)).flatMap(act => {
    const commands = act.parts.filter(part => 'info' in part && isRun(part));
    return commands[0] === undefined ? [] : [{ at: `${path}:${commands[0].line}`, act }];
  }),
);

// Most of it is waiting for a rate, so the acts run at the same time, each on its own stack.
test.concurrent.each(acts)(
  'the commands of the document from $at on can be typed, and print what it shows',
  async ({ act }) => {
    expect(await runDocument(act)).toBeGreaterThan(0);
  },
  600_000,
);
