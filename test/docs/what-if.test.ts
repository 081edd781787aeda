import { expect, test } from 'vitest';
import { commandsOf, readDocument } from './support/markdown.ts';

interface Symptom {
  readonly title: string;
  prose: string;
  readonly commands: string[];
}

/** The sections of docs/what-if.md that have their own text. */
function symptomsOf(): Symptom[] {
  const { parts, prose } = readDocument('docs/what-if.md');
  const symptoms: Symptom[] = [];
  for (const part of parts) {
    if ('title' in part) {
      const next = prose.findIndex((line, index) => index >= part.line && line.startsWith('#'));
      const text = prose.slice(part.line, next < 0 ? undefined : next).join('\n');
      symptoms.push({ title: part.title, prose: text, commands: [] });
    } else if ('info' in part && part.info[0] === 'console') {
      symptoms.at(-1)?.commands.push(...commandsOf(part).commands.map(({ text }) => text));
    }
  }
  return symptoms.slice(1).filter(({ prose: text }) => text.replace(/<!--.*-->/g, '').trim() !== '');
}

test('each symptom says what is happening and gives one command', () => {
  const symptoms = symptomsOf();
  expect(symptoms.length).toBeGreaterThan(20);
  const wrong = symptoms.filter(
    ({ prose, commands }) => !prose.includes('**What is happening:**') || commands.length !== 1,
  );
  expect(wrong.map(({ title, commands }) => `${title}: ${commands.length} commands`)).toEqual([]);
});

test('every exit code is a symptom', () => {
  const titles = symptomsOf().map(({ title }) => title);
  for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]) {
    expect(titles.some(title => new RegExp(`^Exit ${code}\\b`).test(title))).toBe(true);
  }
});
