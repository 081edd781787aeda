import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellExports } from '../../local/shell-exports.ts';

/** The environment that a program gets when a shell evaluates the lines. */
function evaluate(lines: string, names: string[]): (string | undefined)[] {
  const script = 'eval "$LINES"; exec "$NODE" -e "console.log(JSON.stringify(process.env))"';
  const output = execFileSync('/bin/sh', ['-c', script], {
    env: { LINES: lines, NODE: process.execPath },
    encoding: 'utf8',
  });
  const environment = JSON.parse(output) as Record<string, string>;
  return names.map(name => environment[name]);
}

test('is one line a variable', () => {
  expect(shellExports({ A: 'http://127.0.0.1:1', B: "it's" })).toBe(
    "export A='http://127.0.0.1:1'\nexport B='it'\\''s'\n",
  );
});

test('gives a shell exactly the values, whatever is in them', () => {
  // Without NUL, which no environment can hold.
  const value = fc.string({ unit: 'binary-ascii' }).map(text => text.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), values => {
      const names = values.map((_, index) => `VALUE_${index}`);
      const environment = Object.fromEntries(values.map((text, index) => [`VALUE_${index}`, text]));
      expect(evaluate(shellExports(environment), names)).toEqual(values);
    }),
    { numRuns: 20 },
  );
});
