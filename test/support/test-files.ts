import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Folders with a project of their own. */
const OTHERS = /^(bench|docs|e2e|model|reliability|conformance|support)\//;

/** What makes a test more than a unit: another process. */
const STARTS_A_PROCESS = /node:child_process|local\/(engine|local-stack|guarded-process)\.ts$/;

const SHOWS_SOMETHING = /support\/(browser|terminal)\.ts$/;

/** The test files of one part, by what they reach: nothing but code, an engine or another process, a browser. */
export function testFiles(root: string): Record<'unit' | 'engine' | 'browser', string[]> {
  const kinds = { unit: [] as string[], engine: [] as string[], browser: [] as string[] };
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.test.ts') || OTHERS.test(name)) continue;
    const reached = reachedFrom(join(root, name));
    const kind = reached.some(path => SHOWS_SOMETHING.test(path))
      ? 'browser'
      : reached.some(path => STARTS_A_PROCESS.test(path))
        ? 'engine'
        : 'unit';
    kinds[kind].push(join(relative(process.cwd(), root), name));
  }
  return kinds;
}

/** All that a file imports, what its imports import included; types apart. */
function reachedFrom(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file) || !existsSync(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const named = [...text.matchAll(/^import (?!type )[^;]*?from '([^']+)'/gms)].map(([, path = '']) => path);
  return named.flatMap(path =>
    path.startsWith('.') ? [path, ...reachedFrom(resolve(dirname(file), path), seen)] : [path],
  );
}
