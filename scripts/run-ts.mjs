// Bundles one TypeScript file and runs it: node scripts/run-ts.mjs bench/budget.ts [arguments]
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { build } from 'esbuild';

const [source, ...args] = process.argv.slice(2);
const outfile = `.cache/run/${source.replace(/\.ts$/, '').replaceAll('/', '-')}.mjs`;
await mkdir('.cache/run', { recursive: true });
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
});
const child = spawn(process.execPath, ['--enable-source-maps', outfile, ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', code => {
  process.exitCode = code ?? 1;
});
