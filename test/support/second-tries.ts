import type { Reporter, TestCase } from 'vitest/node';

/** Names the tests that passed only on a second try, because each of them is a finding. */
export default class SecondTries implements Reporter {
  readonly #names: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { retryCount = 0, flaky = false } = test.diagnostic() ?? {};
    if (flaky || (retryCount > 0 && test.result().state === 'passed'))
      this.#names.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    if (this.#names.length === 0) return;
    console.log(`\nNeeded a second try:\n${this.#names.map(name => `  ${name}`).join('\n')}`);
  }
}
