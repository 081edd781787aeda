import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTATIONS } from '../../scripts/mutation-list.mjs';

test.each(MUTATIONS.map(mutation => [mutation.name, mutation] as const))(
  'the mutation "%s" finds its place, and its test is there',
  (_, { edits, test: judge }) => {
    for (const { file, from, to } of edits) {
      expect(readFileSync(file, 'utf8').split(from), `${file}: ${from}`).toHaveLength(2);
      expect(to).not.toBe(from);
    }
    if ('vitest' in judge) {
      const files = judge.vitest.split(' ').filter(word => word.startsWith('test/'));
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) expect(existsSync(file), file).toBe(true);
    }
  },
);
