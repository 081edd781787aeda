import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DOCUMENTS } from './support/documents.ts';
import { type Fence, ROOT, readDocument } from './support/markdown.ts';

const ORCHESTRATE = `${ROOT}dist/orchestrate.mjs`;
const INLINE = /`(?:\w+=\S+ )*(?:node dist\/)?orchestrate(?:\.mjs)? ([^`]+)`/g;

const help = new Map<string, string>();

/** The output of `orchestrate COMMAND --help`, or of `orchestrate --help` for no command. */
function helpOf(command: string): string {
  const known = help.get(command);
  if (known !== undefined) return known;
  const text = execFileSync(process.execPath, [ORCHESTRATE, ...(command ? [command] : []), '--help'], {
    encoding: 'utf8',
  });
  help.set(command, text);
  return text;
}

function problemOf(words: string): string | undefined {
  const [first = ''] = words.split(/\s+/);
  const command = /^[a-z]+$/.test(first) ? first : '';
  if (command !== '' && !new RegExp(`^  orchestrate ${command}\\b`, 'm').test(helpOf(''))) {
    return `there is no command ${command}`;
  }
  const unknown = [...words.matchAll(/(?<=^|\s|\[)--([a-z-]+)/g)]
    .map(([, option = '']) => option)
    .filter(option => !new RegExp(`--${option}\\b`).test(helpOf(command)));
  return unknown.length === 0 ? undefined : `${command || 'run'} has no --${unknown.join(', --')}`;
}

/** The command lines of a fence of any kind, without the output below them. */
function commandLines({ info, text }: Fence): string[] {
  const lines = text.replaceAll('\\\n', ' ').split('\n');
  if (info[0] !== 'console') return info.length === 0 ? lines : [];
  return lines.filter(line => line.startsWith('$ ')).map(line => line.slice(2));
}

const textsOf = (path: string): string[] => {
  const { parts, prose } = readDocument(path);
  const inline = prose.flatMap(line => [...line.matchAll(INLINE)].map(([, words = '']) => words));
  const fenced = parts.flatMap(part => ('info' in part ? commandLines(part) : []));
  const called = fenced.flatMap(line => {
    const words = /^(?:node dist\/)?orchestrate(?:\.mjs)? (.+)$/.exec(line)?.[1];
    return words === undefined ? [] : [words.replace(/ [>&|].*$/, '')];
  });
  return [...new Set([...inline, ...called])];
};

test.each(DOCUMENTS)('every orchestrate command that %s names exists, with its options', path => {
  const wrong = textsOf(path).flatMap(words => {
    const problem = problemOf(words);
    return problem === undefined ? [] : [`orchestrate ${words}: ${problem}`];
  });
  expect(wrong).toEqual([]);
});

test.each(DOCUMENTS)('every npm script and every file that %s runs is there', path => {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
    scripts: Record<string, string>;
  };
  const { parts, prose } = readDocument(path);
  const text = [
    ...prose.flatMap(line => [...line.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)),
    ...parts.flatMap(part => ('info' in part ? commandLines(part) : [])),
  ].join('\n');
  const missing = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)]
    .map(([, script = '']) => script)
    .filter(script => scripts[script] === undefined);
  expect(missing).toEqual([]);
});

test.each(DOCUMENTS)('the command lines of %s are sentences of a shell', path => {
  const wrong = readDocument(path).parts.flatMap(part => {
    if (!('info' in part) || part.info[0] !== 'console') return [];
    const script = part.text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter(line => line.startsWith('$ '));
    const { status, stderr } = spawnSync('bash', ['-n'], {
      input: script.map(line => line.slice(2)).join('\n'),
      encoding: 'utf8',
    });
    return status === 0 ? [] : [`${path}:${part.line}: ${stderr}`];
  });
  expect(wrong).toEqual([]);
});
