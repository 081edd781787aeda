// Breaks one safeguard at a time and shows which test fails. A mutation that no test catches is a finding.
//   node scripts/mutations.mjs [NAME …]      all, or those whose names contain these words
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MUTATIONS } from './mutation-list.mjs';

// Works in a copy, so that the tree itself is never broken.
mkdirSync('.cache', { recursive: true });
const copy = mkdtempSync(join('.cache', 'mutations-'));
for (const file of execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .trim()
  .split('\n')) {
  mkdirSync(join(copy, dirname(file)), { recursive: true });
  cpSync(file, join(copy, file));
}
symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));

const wanted = process.argv.slice(2);
const chosen = MUTATIONS.filter(
  ({ name }) => wanted.length === 0 || wanted.some(word => name.includes(word)),
);
let missed = 0;
try {
  for (const mutation of chosen) {
    const finding = findingOf(mutation);
    if (!finding) missed += 1;
    console.log(
      `${finding ? 'caught' : 'MISSED'}  ${mutation.name}${finding ? `  by ${nameOf(mutation.test)}: ${finding}` : ''}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} mutations caught`);
process.exitCode = missed === 0 ? 0 : 1;

/** What the failing test says about the mutated copy; undefined if the test passes. */
function findingOf({ edits, test }) {
  const sources = new Map(edits.map(({ file }) => [file, readFileSync(join(copy, file), 'utf8')]));
  try {
    for (const { file, from, to } of edits) {
      const source = readFileSync(join(copy, file), 'utf8');
      if (source.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
      writeFileSync(
        join(copy, file),
        source.replace(from, () => to),
      );
    }
    return 'vitest' in test ? saidByVitest(test.vitest.split(' ')) : saidByCase(test.reliability);
  } finally {
    for (const [file, source] of sources) writeFileSync(join(copy, file), source);
  }
}

function saidByVitest(files) {
  const run = node(['node_modules/vitest/vitest.mjs', 'run', ...files], 300_000, {
    FLEETFILL_MODEL_STEPS: '1500000',
  });
  if (run.status === 0) return undefined;
  const said = /Caused by: [^\n]*|AssertionError[^\n]*|Error: [^\n]*/.exec(run.stdout + run.stderr);
  return said?.[0] ?? 'no message';
}

function saidByCase(options) {
  const build = node(['scripts/build.mjs'], 60_000);
  if (build.status !== 0) throw new Error(`The mutated tree does not build: ${build.stderr}`);
  const run = node(['scripts/run-ts.mjs', 'test/reliability/main.ts', ...options], 400_000);
  if (run.status === 0) return undefined;
  if (run.status === null) return 'it does not end';
  const [, said] = /^FAILED [^\n]*\n\s*([^\n]*)/m.exec(run.stdout) ?? [];
  if (said === undefined) throw new Error(`The suite did not run: ${run.stderr}`);
  return said;
}

function node(args, timeout, environment = {}) {
  return spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...environment },
    timeout,
  });
}

function nameOf(test) {
  return 'vitest' in test ? test.vitest : `case ${test.reliability[1]}`;
}
