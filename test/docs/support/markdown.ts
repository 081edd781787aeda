import { readFileSync } from 'node:fs';

/** The root of the repository, with a slash, where npm and vitest run. */
export const ROOT = `${process.cwd()}/`;

/** A fenced block. `info`: the words after the opening fence, such as `console`. */
export interface Fence {
  readonly info: readonly string[];
  readonly text: string;
  readonly line: number;
}

/** `<!-- stage: items=2000 paused -->`: the commands that follow run on a new stack of this kind. */
interface StageMark {
  readonly stage: Readonly<Record<string, string>>;
  readonly line: number;
}

/** `<!-- meanwhile: deploy -->`: something happens outside the terminal. */
interface MeanwhileMark {
  readonly meanwhile: string;
  readonly line: number;
}

export interface Heading {
  readonly level: number;
  readonly title: string;
  readonly line: number;
}

export interface Document {
  readonly path: string;
  readonly parts: readonly (Fence | StageMark | MeanwhileMark | Heading)[];
  /** Everything outside fences, line by line. Lines inside fences are empty. */
  readonly prose: readonly string[];
}

const FENCE = /^\s*```(.*)$/;
const STAGE = /^<!-- stage: (.*) -->$/;
const MEANWHILE = /^<!-- meanwhile: (.*) -->$/;
/** `**Type:** `orchestrate status` (exit 2)`: a command in one line without its output. */
const TYPED = /^\*\*Type:\*\* `([^`]+)`(?: \(exit (\d+)\))?/;
const HEADING = /^(#{1,6}) (.*)$/;

/** `path` is relative to the root of the repository. */
export function readDocument(path: string): Document {
  const parts: (Fence | StageMark | MeanwhileMark | Heading)[] = [];
  const prose: string[] = [];
  let open: { info: string[]; lines: string[]; line: number; indent: number } | undefined;
  for (const [index, line] of readFileSync(`${ROOT}${path}`, 'utf8').split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open) {
      if (fence) {
        parts.push({ info: open.info, text: open.lines.join('\n'), line: open.line });
        open = undefined;
      } else {
        open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
      }
      prose.push('');
      continue;
    }
    if (fence) {
      const info = (fence[1] ?? '').trim();
      open = {
        info: info === '' ? [] : info.split(/\s+/),
        lines: [],
        line: index + 1,
        indent: line.indexOf('`'),
      };
      prose.push('');
      continue;
    }
    prose.push(line);
    const typed = TYPED.exec(line);
    if (typed) {
      const text = `$ ${typed[1]}${typed[2] ? `\n[exit ${typed[2]}]` : ''}`;
      parts.push({ info: ['console'], text, line: index + 1 });
    }
    const stage = STAGE.exec(line);
    if (stage) parts.push({ stage: readStage(stage[1] ?? ''), line: index + 1 });
    const meanwhile = MEANWHILE.exec(line);
    if (meanwhile) parts.push({ meanwhile: meanwhile[1] ?? '', line: index + 1 });
    const heading = HEADING.exec(line);
    if (heading) parts.push({ level: heading[1]?.length ?? 0, title: heading[2] ?? '', line: index + 1 });
  }
  if (open) throw new Error(`${path}:${open.line}: the fence is not closed.`);
  return { path, parts, prose };
}

/** Splits a document at its stages into separate documents, so that nothing of one act is visible in another. */
export function actsOf(document: Document): Document[] {
  const acts: Document['parts'][number][][] = [[]];
  for (const part of document.parts) {
    if ('stage' in part) acts.push([]);
    acts.at(-1)?.push(part);
  }
  return acts.map(parts => ({ ...document, parts }));
}

function readStage(text: string): Record<string, string> {
  const words = text.split(/\s+/).map((word): [string, string] => {
    const [name = '', value = ''] = word.split('=');
    return [name, value];
  });
  return Object.fromEntries(words);
}

/** A command, with what the document shows of its output. */
export interface Command {
  readonly text: string;
  /** Undefined if no output is shown, so that nothing is compared. */
  readonly shown: readonly string[] | undefined;
  readonly exitCode: number;
}

/**
 * The commands of a `console` fence, with the exit code of the last one. Lines before the first command are `before`.
 */
export function commandsOf({ text }: Fence): { commands: Command[]; before: string[]; exitCode: number } {
  const before: string[] = [];
  let exitCode = 0;
  const found: { text: string; shown: string[]; exitCode: number }[] = [];
  let continues = false;
  for (const line of text.split('\n')) {
    const last = found.at(-1);
    if (continues && last) {
      last.text += `\n${line}`;
      continues = line.endsWith('\\');
    } else if (line.startsWith('$ ')) {
      found.push({ text: line.slice(2), shown: [], exitCode: 0 });
      continues = line.endsWith('\\');
    } else {
      const exit = /^\[exit (\d+)\]$/.exec(line);
      if (exit && last) last.exitCode = Number(exit[1]);
      else if (exit) exitCode = Number(exit[1]);
      else (last?.shown ?? before).push(line);
    }
  }
  const commands = found.map(({ shown, ...command }) => ({
    ...command,
    shown: shown.some(line => line.trim() !== '') ? shown : undefined,
  }));
  return { commands, before, exitCode };
}

/** The anchor that GitHub gives a heading. */
export function anchorOf(title: string): string {
  return title
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}
