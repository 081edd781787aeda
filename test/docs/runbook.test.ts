import { expect, test } from 'vitest';
import { readDocument } from './support/markdown.ts';

const QUESTIONS = [
  "How you intend to perform the task (be detailed, assume that someone else will execute your plan and will do the wrong thing if you don't tell them otherwise)",
  'How you can be certain that all records have been updated',
  'What else to be careful about and how those concerns are addressed',
  'What you would do differently if a colleague made this request for a service you share',
];

function sectionsOf(path: string): Map<string, string> {
  const { prose } = readDocument(path);
  const sections = new Map<string, string>();
  let title = '';
  for (const line of prose) {
    const heading = /^#+ (.*)$/.exec(line);
    if (heading) title = heading[1] ?? '';
    else sections.set(title, `${sections.get(title) ?? ''}${line}\n`);
  }
  return sections;
}

const FOR_EACH_STEP = ['**How long:**', '**Stop if**', '**Step back:**'];

function lacking([title, text]: readonly [string, string], parts: readonly string[]): string[] {
  return parts.filter(part => !text.includes(part)).map(part => `${title}: ${part}`);
}

/** The headings of sections with commands to type. */
function typedUnder(path: string): Set<string> {
  const typed = new Set<string>();
  let last: string | undefined;
  for (const part of readDocument(path).parts) {
    if ('title' in part) last = part.title;
    else if ('info' in part && part.info[0] === 'console' && last !== undefined) typed.add(last);
  }
  return typed;
}

test('the runbook opens with the four questions, word for word, and answers each in five sentences', () => {
  const sections = sectionsOf('docs/runbook.md');
  const asked = [...sections.keys()].filter(title => /^[1-4]\. (How|What) (you|else)/.test(title));
  expect(asked).toEqual(QUESTIONS.map((question, index) => `${index + 1}. ${question}`));
  for (const title of asked) {
    const sentences = (sections.get(title) ?? '').trim().split(/(?<=[.?!])\s+(?=[A-Z])/);
    expect(sentences, title).toHaveLength(5);
  }
});

test('each step has a command and says what it prints, how long it takes, when to stop, and how to step back', () => {
  const sections = sectionsOf('docs/runbook.md');
  const typed = typedUnder('docs/runbook.md');
  const steps = [...sections].filter(([title]) => /^\d+\. (?!How|What)/.test(title));
  expect(steps.length).toBeGreaterThanOrEqual(10);
  expect(steps.map(([title]) => title).filter(title => !typed.has(title))).toEqual([]);
  expect(steps.flatMap(step => lacking(step, ['**Prints**', ...FOR_EACH_STEP]))).toEqual([]);
});

test('each incident says how long it takes, when to stop, and how to step back', () => {
  const incidents = [...sectionsOf('docs/runbook.md')].filter(([title]) => /^Incident \d/.test(title));
  expect(incidents).toHaveLength(3);
  expect(incidents.flatMap(incident => lacking(incident, FOR_EACH_STEP))).toEqual([]);
});

test('no document tells to remove the attribute by its value', () => {
  const commands = readDocument('docs/runbook.md').parts.flatMap(part => ('info' in part ? [part.text] : []));
  expect(commands.join('\n')).not.toMatch(/REMOVE/i);
});
