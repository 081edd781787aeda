import type { Reporter, TestCase } from 'vitest/node';

/** Names what passed only when it was tried again: each is a finding. */
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
