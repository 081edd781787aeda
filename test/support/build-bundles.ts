import { execFileSync } from 'node:child_process';

/** Vitest's global setup: the tests run the bundles as processes, so these must be what the sources say. */
export default function buildBundles(): void {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
}
