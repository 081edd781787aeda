// Follows docs/runbook.md to the letter and writes down what came: node scripts/run-ts.mjs test/docs/transcript.ts
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandsOf, ROOT, readDocument } from './support/markdown.ts';
import { plain } from './support/output.ts';
import { runDocument } from './support/run-document.ts';

const HEAD = `# The runbook, followed by a program

\`npm run docs:transcript\` wrote this page. A program read [runbook.md](runbook.md) from top to bottom, typed every command that it shows, in order, into terminals on the stack of one machine, held what came against what is shown there, and went on only when it was right. Lines in italics are what happened outside the terminals, at the program's hand. \`npm test\` does the same each time, without writing it down.

What is not typed here, because it needs an AWS account, is named at its place. Ids, times and rates are those of this one run.
`;

const lines: string[] = [HEAD];
let commands = 0;
const startedAt = Date.now();

function block(text: string): void {
  lines.push('```text', text.trimEnd(), '```', '');
}

function print(text: string, output: string, end: string): void {
  block([`$ ${text}`, plain(output).trim(), end].filter(part => part !== '').join('\n'));
}

await runDocument(readDocument('docs/runbook.md'), {
  heading: ({ level, title }) => {
    if (level > 1) lines.push(`${'#'.repeat(level)} ${title}`, '');
  },
  command: (text, output, exitCode) => {
    commands += 1;
    print(text, output, exitCode === 'goes on' ? '(goes on)' : exitCode === 0 ? '' : `[exit ${exitCode}]`);
    console.error(`$ ${text}`);
  },
  ended: (text, output, exitCode) => {
    lines.push('The first terminal, to its end:', '');
    print(text, output, exitCode === 0 ? '' : `[exit ${exitCode}]`);
  },
  notRun: fence => {
    const names = commandsOf(fence).commands.map(({ text }) => `\`${text.split(' --')[0]}\``);
    lines.push(`Not typed here (${fence.info.slice(1).join(' ')}): ${names.join(', ')}.`, '');
  },
  event: what => {
    lines.push(`*${what}*`, '');
    console.error(`— ${what}`);
  },
});

const seconds = Math.round((Date.now() - startedAt) / 1_000);
lines.push(
  `${commands} commands, ${seconds} s, Node.js ${process.version}. Nothing differed from what the runbook shows.`,
);
await writeFile(join(ROOT, 'docs/transcript.md'), `${dropEmptySections(lines).join('\n').trimEnd()}\n`);

/** Headings under which nothing was typed say nothing here. */
function dropEmptySections(all: readonly string[]): string[] {
  const kept: string[] = [];
  for (const line of all) {
    const level = /^(#+) /.exec(line)?.[1]?.length;
    if (level !== undefined) {
      for (;;) {
        const last = kept.findLastIndex(each => each !== '');
        const lastLevel = /^(#+) /.exec(kept[last] ?? '')?.[1]?.length;
        if (lastLevel === undefined || lastLevel < level || lastLevel === 1) break;
        kept.length = last;
      }
    }
    kept.push(line);
  }
  return kept;
}
