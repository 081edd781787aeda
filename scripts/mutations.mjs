// Breaks one safeguard at a time and shows which test turns red. A mutation that nothing catches is a finding.
//   node scripts/mutations.mjs [NAME …]
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const MODEL = 'test/model/protocol.test.ts';

/** @type {{ name: string, file: string, from: string, to: string, test: string }[]} */
const MUTATIONS = [
  {
    name: 'checkpoint without its sequence',
    file: 'core/segment-store.ts',
    from: '[OWNED_BY_ME, SAME_PASS, RUNNING, LATER_SEQUENCE],',
    to: '[OWNED_BY_ME, SAME_PASS, RUNNING],',
    test: MODEL,
  },
  {
    name: 'checkpoint by whoever comes',
    file: 'core/segment-store.ts',
    from: '[OWNED_BY_ME, SAME_PASS, RUNNING, LATER_SEQUENCE],',
    to: '[SAME_PASS, RUNNING],',
    test: MODEL,
  },
  {
    name: 'checkpoint past an open page',
    file: 'job/settled-prefix.ts',
    from: 'for (let head = this.#open[0]; head?.unsettled === 0; head = this.#open[0]) {',
    to: 'for (let head = this.#open[0]; head; head = this.#open[0]) {',
    test: MODEL,
  },
  {
    name: 'requests without authority',
    file: 'job/authority.ts',
    from: 'while (this.#options.clock.monotonicMs() >= this.#deadlineMs || this.#lost.signal.aborted) {',
    to: 'while (this.#lost.signal.aborted) {',
    test: MODEL,
  },
  {
    name: 'authority from the end of a heartbeat',
    file: 'job/authority.ts',
    from: 'this.#deadlineMs = startedAtMs + authorityMs;',
    to: 'this.#deadlineMs = clock.monotonicMs() + authorityMs;',
    test: MODEL,
  },
  {
    name: 'fence without waiting',
    file: 'orchestrator/task-watch.ts',
    from: 'if (task.heartbeat > 0) return this.#options.authorityMs + SLACK_MS;',
    to: 'if (task.heartbeat > 0) return SLACK_MS;',
    test: MODEL,
  },
  {
    name: 'fence whatever heartbeat came',
    file: 'core/task-store.ts',
    from: '[IN_AUTHORITY, SAME_HEARTBEAT],',
    to: '[IN_AUTHORITY],',
    test: MODEL,
  },
  {
    name: 'grant out of order',
    file: 'core/task-store.ts',
    from: '[IN_AUTHORITY, SAME_EPOCH, LATER_RENEWAL],',
    to: '[IN_AUTHORITY, SAME_EPOCH],',
    test: MODEL,
  },
  {
    name: 'share handed on before it was given back',
    file: 'orchestrator/budget.ts',
    from: 'const known = task.seenRenewal === task.renewal ? task.granted : task.held;',
    to: 'const known = task.granted;',
    test: MODEL,
  },
  {
    name: 'grants of a superseded supervisor',
    file: 'core/task-store.ts',
    from: '[IN_AUTHORITY, SAME_EPOCH, LATER_RENEWAL],',
    to: '[IN_AUTHORITY, LATER_RENEWAL],',
    test: MODEL,
  },
  {
    name: 'launch by a superseded supervisor',
    file: 'core/task-store.ts',
    from: '[SAME_EPOCH, RUN_IS_WANTED], {',
    to: '[RUN_IS_WANTED], {',
    test: MODEL,
  },
  {
    name: 'run record without its version',
    file: 'core/run-store.ts',
    from: '[SAME_VERSION, ...further], {',
    to: '[...further], {',
    test: MODEL,
  },
  {
    name: 'end without looking at the tasks',
    file: 'orchestrator/supervisor.ts',
    from: '    if (!this.#watch.allEnded(await stores.tasks.list(run.run))) return false;\n    if (states.failed',
    to: '    if (states.failed',
    test: MODEL,
  },
  {
    name: 'a segment taken from its living owner',
    file: 'orchestrator/assignment.ts',
    from: 'if (owner && isInAuthority(owner.status)) continue;',
    to: "if (owner?.status === 'launching') continue;",
    test: MODEL,
  },
];

// In a copy: the tree itself is never broken, not even for a moment.
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
      `${finding ? 'caught' : 'MISSED'}  ${mutation.name}${finding ? `  by ${mutation.test}: ${finding}` : ''}`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} mutations caught`);
process.exitCode = missed === 0 ? 0 : 1;

/** What the test says of the mutated copy; undefined when it says nothing. */
function findingOf({ file, from, to, test }) {
  const path = join(copy, file);
  const source = readFileSync(path, 'utf8');
  if (source.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  try {
    const run = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', test], {
      cwd: copy,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', FLEETFILL_MODEL_STEPS: '1500000' },
      timeout: 300_000,
    });
    if (run.status === 0) return undefined;
    return (
      /Caused by: [^\n]*|AssertionError[^\n]*|Error: [^\n]*/.exec(run.stdout + run.stderr)?.[0] ??
      'no message'
    );
  } finally {
    writeFileSync(path, source);
  }
}
