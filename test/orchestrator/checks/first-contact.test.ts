import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FIRST_CONTACT_CHECKS, FIRST_CONTACT_PAGE } from '../../../orchestrator/checks/first-contact.ts';
import { allowedBy } from '../../infra/support/policies.ts';
import { loadTemplate } from '../../infra/support/template.ts';

const page = readFileSync(new URL(`../../../${FIRST_CONTACT_PAGE}`, import.meta.url), 'utf8');

test('doctor lists what docs/first-contact.md has a command for, in its order and words', () => {
  const headings = [...page.matchAll(/^### (\d+)\. (.+)$/gm)];
  expect(headings.map(([, , title]) => title)).toEqual(FIRST_CONTACT_CHECKS);
  expect(headings.map(([, number]) => Number(number))).toEqual(headings.map((_, index) => index + 1));
});

describe('under the policy of the operator, with which the page is to be read,', () => {
  const allowed = new Set(
    allowedBy(loadTemplate('fleet'))
      .filter(({ principal }) => principal === 'operator')
      .map(({ action }) => action),
  );
  const [, ...sections] = page.split(/^### /m);

  test.each(sections.map(text => [text.slice(0, text.indexOf('\n')), text]))(
    '%s has a command that may be given, or says who may',
    (_, text) => {
      const commands = [...text.matchAll(/\baws ([a-z-]+) ([a-z-]+)(.*)/g)];
      expect(commands.length + Number(text.includes('`orchestrate '))).toBeGreaterThan(0);
      const denied = commands.map(([, ...words]) => actionOf(words)).filter(action => !allowed.has(action));
      if (denied.length > 0) expect(text).toMatch(/administrator|the operator has not/);
      expect(text).toMatch(/\*\*Expect\*\*|prints `/);
      expect(text).toContain('**If');
    },
  );
});

const SERVICES: Readonly<Record<string, string>> = { 'service-quotas': 'servicequotas' };

/** The IAM action of a command of the AWS CLI. */
function actionOf([service = '', operation = '', rest = '']: readonly string[]): string {
  const verb = /(?:execute-statement|batch-execute-statement)$/.test(operation);
  const kind = verb ? `PartiQL${/SELECT/.test(rest) ? 'Select' : 'Update'}` : undefined;
  const name = operation.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
  return `${SERVICES[service] ?? service}:${kind ?? name}`;
}
