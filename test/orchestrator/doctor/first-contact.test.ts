import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FIRST_CONTACT_CHECKS, FIRST_CONTACT_PAGE } from '../../../orchestrator/doctor/first-contact.ts';

test('doctor lists what docs/first-contact.md has a command for, in its order and words', () => {
  const page = readFileSync(new URL(`../../../${FIRST_CONTACT_PAGE}`, import.meta.url), 'utf8');
  const headings = [...page.matchAll(/^### (\d+)\. (.+)$/gm)];
  expect(headings.map(([, , title]) => title)).toEqual(FIRST_CONTACT_CHECKS);
  expect(headings.map(([, number]) => Number(number))).toEqual(headings.map((_, index) => index + 1));
});
