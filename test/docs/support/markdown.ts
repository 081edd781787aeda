import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A fenced block. `info`: the words behind the fence, `console` and what follows it. */
export interface Fence {
  readonly info: readonly string[];
  readonly text: string;
  readonly line: number;
}

/** `<!-- stage: items=2000 paused -->`: what follows is run on a fresh stack of this kind. */
export interface StageMark {
  readonly stage: Readonly<Record<string, string>>;
  readonly line: number;
}

export interface Heading {
  readonly level: number;
  readonly title: string;
  readonly line: number;
}

export interface Document {
  readonly path: string;
  readonly parts: readonly (Fence | StageMark | Heading)[];
  /** Everything outside fences, a line each; inside them empty lines. */
  readonly prose: readonly string[];
}

const FENCE = /^\s*```(.*)$/;
const STAGE = /^<!-- stage: (.*) -->$/;
const HEADING = /^(#{1,6}) (.*)$/;

/** `path` from the root of the repository. */
export function readDocument(path: string): Document {
  const parts: (Fence | StageMark | Heading)[] = [];
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
    const stage = STAGE.exec(line);
    if (stage) parts.push({ stage: readStage(stage[1] ?? ''), line: index + 1 });
    const heading = HEADING.exec(line);
    if (heading) parts.push({ level: heading[1]?.length ?? 0, title: heading[2] ?? '', line: index + 1 });
  }
  if (open) throw new Error(`${path}:${open.line}: the fence is not closed.`);
  return { path, parts, prose };
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
  /** Undefined where nothing is shown, so nothing is compared. */
  readonly shown: readonly string[] | undefined;
  readonly exitCode: number;
}

/** The commands of a `console` fence; lines before the first one are `before`. */
export function commandsOf({ text }: Fence): { commands: Command[]; before: string[] } {
  const before: string[] = [];
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
    } else if (last) {
      const exit = /^\[exit (\d+)\]$/.exec(line);
      if (exit) last.exitCode = Number(exit[1]);
      else last.shown.push(line);
    } else {
      before.push(line);
    }
  }
  const commands = found.map(({ shown, ...command }) => ({
    ...command,
    shown: shown.some(line => line.trim() !== '') ? shown : undefined,
  }));
  return { commands, before };
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
