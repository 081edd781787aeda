import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Folders that have their own vitest project. */
const OTHERS = /^(bench|docs|e2e|model|reliability|conformance|support)\//;

/** An import that makes a test start another process, so that it is more than a unit test. */
const STARTS_A_PROCESS = /node:child_process|local\/(engine|local-stack|guarded-process)\.ts$/;

const SHOWS_SOMETHING = /support\/(browser|terminal)\.ts$/;

/** Sorts the test files by what they reach: only code, an engine or another process, or a browser. */
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

/** Everything that a file imports, directly or not, without type imports. */
function reachedFrom(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file) || !existsSync(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  const named = [...text.matchAll(/^import (?!type )[^;]*?from '([^']+)'/gms)].map(([, path = '']) => path);
  return named.flatMap(path =>
    path.startsWith('.') ? [path, ...reachedFrom(resolve(dirname(file), path), seen)] : [path],
  );
}
