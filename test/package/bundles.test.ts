import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

/** Sources of a bundle, from the comment that esbuild puts above each of them. */
async function sourcesOf(bundle: string): Promise<string[]> {
  const text = await readFile(`dist/${bundle}`, 'utf8');
  return [...text.matchAll(/^\/\/ (?<source>\S+\.tsx?)$/gm)].map(({ groups }) => groups?.['source'] ?? '');
}

test('fault injection is in no bundle, and the local stack is not in the worker', async () => {
  const orchestrate = await sourcesOf('orchestrate.mjs');
  // So that the search is known to find what is there.
  expect(orchestrate).toContain('local/local-stack.ts');
  const job = await sourcesOf('job.mjs');
  expect(job).toContain('job/main.ts');
  expect(job.filter(source => source.startsWith('local/'))).toEqual([]);
  const all = [...orchestrate, ...job, ...(await sourcesOf('demo.mjs')), ...(await sourcesOf('seed.mjs'))];
  expect(all.filter(source => source.startsWith('local/fault/'))).toEqual([]);
});
