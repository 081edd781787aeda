import { readFile } from 'node:fs/promises';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';

/** The packed program behind the front door [docs/adr/0003-one-file-two-parts.md]. */
const PACKED = /^\/\/# The program, base64 of brotli: (?<packed>\S+)$/m;

/** The sources of a bundle, from the comment that esbuild puts above each of them. */
async function sourcesOf(bundle: string): Promise<string[]> {
  const file = await readFile(`dist/${bundle}`, 'utf8');
  const packed = PACKED.exec(file)?.groups?.['packed'];
  const text = packed === undefined ? file : brotliDecompressSync(Buffer.from(packed, 'base64')).toString();
  return [...text.matchAll(/^ *\/\/ (?<source>\S+\.tsx?)$/gm)].map(({ groups }) => groups?.['source'] ?? '');
}

test('fault injection is in no bundle, and the local stack is not in the worker', async () => {
  const orchestrate = await sourcesOf('orchestrate.mjs');
  // Shows that the search finds what is there.
  expect(orchestrate).toContain('local/local-stack.ts');
  const job = await sourcesOf('job.mjs');
  expect(job).toContain('job/main.ts');
  expect(job.filter(source => source.startsWith('local/'))).toEqual([]);
  const all = [...orchestrate, ...job, ...(await sourcesOf('demo.mjs')), ...(await sourcesOf('seed.mjs'))];
  expect(all.filter(source => source.startsWith('local/fault/'))).toEqual([]);
});
