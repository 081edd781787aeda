import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { anchorOf, ROOT, readDocument } from './support/markdown.ts';

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

test('the runbook opens with the four questions, word for word, and answers each in five sentences', () => {
  const sections = sectionsOf('docs/runbook.md');
  const asked = [...sections.keys()].filter(title => /^[1-4]\. (How|What) (you|else)/.test(title));
  expect(asked).toEqual(QUESTIONS.map((question, index) => `${index + 1}. ${question}`));
  for (const title of asked) {
    const sentences = (sections.get(title) ?? '').trim().split(/(?<=[.?!])\s+(?=[A-Z])/);
    expect(sentences, title).toHaveLength(5);
  }
});

test('each step says how long it takes, when to stop, and how to step back', () => {
  const sections = sectionsOf('docs/runbook.md');
  const steps = [...sections].filter(([title]) => /^\d+\. (?!How|What)/.test(title));
  expect(steps.length).toBeGreaterThanOrEqual(10);
  const lacking = steps.flatMap(([title, text]) =>
    ['**How long:**', '**Stop if**', '**Step back:**']
      .filter(part => !text.includes(part))
      .map(part => `${title}: ${part}`),
  );
  expect(lacking).toEqual([]);
});

test('no document tells to remove the attribute by its value', () => {
  const commands = readDocument('docs/runbook.md').parts.flatMap(part => ('info' in part ? [part.text] : []));
  expect(commands.join('\n')).not.toMatch(/REMOVE/i);
});

test('the transcript is of this runbook: every heading under which something is typed is in it', () => {
  const transcript = readFileSync(`${ROOT}docs/transcript.md`, 'utf8');
  const { parts } = readDocument('docs/runbook.md');
  let last: string | undefined;
  const typed = new Set<string>();
  for (const part of parts) {
    if ('title' in part) last = part.title;
    else if ('info' in part && part.info[0] === 'console' && last !== undefined) typed.add(last);
  }
  const inTranscript = readDocument('docs/transcript.md').parts.flatMap(part =>
    'title' in part ? [anchorOf(part.title)] : [],
  );
  expect([...typed].filter(title => !inTranscript.includes(anchorOf(title)))).toEqual([]);
  expect(transcript).toContain('Nothing differed from what the runbook shows.');
});
