import { defineConfig } from 'vitest/config';

/** Where .ci/run reads the numbers; without it only people read them. */
const results = process.env['FLEETFILL_TEST_RESULTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build-bundles.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two at a time: more would only make the timing of each worse.
    maxWorkers: 2,
    pool: 'forks',
    // Tests of whole runs have times in them, and a busy machine can miss one; twice in a row is a finding.
    retry: 1,
    // The SDK's notice about the Node version, once for each file, says nothing about the tests.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    reporters: results ? ['default', 'json'] : ['default'],
    ...(results && { outputFile: { json: results } }),
  },
});
