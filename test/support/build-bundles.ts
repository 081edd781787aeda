import { execFileSync } from 'node:child_process';

/** Vitest's global setup. Tests run the bundles as processes, so the bundles must match the sources. */
export default function buildBundles(): void {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
}
