import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { testFiles } from './test/support/test-files.ts';

/** Where .ci/run reads the results. Without it only people read them. */
const results = process.env['FLEETFILL_TEST_RESULTS'];

const { unit, engine, browser } = testFiles(fileURLToPath(new URL('test', import.meta.url)));

/** Only tests of whole processes get a second try. Elsewhere it would draw a new seed and hide a counterexample. */
const twice = { retry: 1 };
const project = (name: string, include: string[], more: object = {}) => ({
  extends: true as const,
  test: { name, include, ...more },
});

/** Whole runs that take minutes each. `npm test` leaves them to `npm run test:rest`. */
const LONG = [
  'bare-ecs',
  'budget',
  'plan',
  'plan-words',
  'operator-story',
  'operator-place',
  'every-option',
  'detach',
  'doctor',
  'local-directory',
  'index-keys',
  'killed-retry',
  'stack-update',
  'supervision',
  'suspended',
  'undo-others',
  'wait',
].map(name => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    globalSetup: ['test/support/build-bundles.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0,
    // Two at a time, because more would disturb each other's timing.
    maxWorkers: 2,
    pool: 'forks',
    // The SDK's notice about the Node version would appear once for each file and is not about the tests.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    reporters: ['default', './test/support/second-tries.ts', ...(results ? ['json'] : [])],
    ...(results && { outputFile: { json: results } }),
    coverage: { include: ['core/**', 'job/**', 'orchestrator/**'], reporter: ['text-summary'] },
    projects: [
      // Single parts, in this process.
      project('unit', unit, { isolate: false }),
      // Single parts, against a real engine.
      project('engine', engine),
      // The protocols, explored by models.
      project('model', ['test/model/**/*.test.ts']),
      // Whole runs, with the built bundles as processes. They depend on times that a busy machine can miss.
      project('e2e', ['test/e2e/**/*.test.ts'], { ...twice, exclude: LONG }),
      project('long', LONG, twice),
      // Pages and terminals, as people see them.
      project('browser', browser, twice),
      // Every command in the documents.
      project('docs', ['test/docs/**/*.test.ts'], twice),
      project('bench', ['test/bench/**/*.test.ts']),
    ],
  },
});
