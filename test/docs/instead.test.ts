import { transform } from 'esbuild';
import { expect, test } from 'vitest';
import { readDocument } from './support/markdown.ts';

interface WithTest {
  withTest(item: object): { test: unknown };
}

test('the default when reading does what docs/instead.md says of it', async () => {
  const snippet = readDocument('docs/instead.md').parts.find(part => 'info' in part && part.info[0] === 'ts');
  if (!snippet || !('text' in snippet)) throw new Error('docs/instead.md has no TypeScript.');
  const { code } = await transform(snippet.text, { loader: 'ts', format: 'esm' });
  const { withTest } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as WithTest;
  expect(withTest({ id: 'a', created: 1 })).toEqual({ id: 'a', created: 1, test: 1 });
  expect(withTest({ id: 'a', created: 1, test: 2 }).test).toBe(2);
  expect(withTest({ id: 'a', created: 1, test: null }).test).toBe(1);
});
