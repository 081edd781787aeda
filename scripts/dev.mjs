// `npm run dev`: builds the bundles, and runs the unit tests and the models again after each change.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';

const SOURCES = ['core', 'job', 'orchestrator', 'local', 'demo'];
const QUIET_MS = 300;

let timer;
let building;
const build = () => {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    await building;
    building = new Promise(resolve => {
      spawn(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' }).on('exit', resolve);
    });
  }, QUIET_MS);
};
for (const folder of SOURCES) watch(folder, { recursive: true }, build);

const vitest = ['node_modules/vitest/vitest.mjs', '--project', 'unit', '--project', 'model'];
spawn(process.execPath, vitest, { stdio: 'inherit' }).on('exit', code => process.exit(code ?? 1));
