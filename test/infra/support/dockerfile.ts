import { readFileSync } from 'node:fs';

export interface Instruction {
  readonly name: string;
  /** The rest of the line, continuation lines joined. */
  readonly text: string;
}

export interface Stage {
  /** The name after AS, or the stage's number. */
  readonly name: string;
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

function repositoryFile(name: string): string {
  return readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
}

/** The stages of the Dockerfile. Global ARGs are not substituted: `image` is the text after FROM. */
export function readDockerfile(): {
  readonly args: ReadonlyMap<string, string>;
  readonly stages: readonly Stage[];
} {
  const lines = repositoryFile('Dockerfile')
    .split('\n')
    .filter(line => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n');
  const args = new Map<string, string>();
  const stages: { name: string; image: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [name = '', text = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
    if (name === 'FROM') {
      const [, image = '', alias] = /^(?:--\S+ )*(\S+)(?: AS (\S+))?$/.exec(text) ?? [];
      stages.push({ name: alias ?? String(stages.length), image, instructions: [] });
    } else if (stages.length === 0) {
      const [argument = '', value = ''] = text.split('=');
      args.set(argument, value);
    } else {
      stages.at(-1)?.instructions.push({ name, text });
    }
  }
  return { args, stages };
}

/**
 * Whether .dockerignore lets a file into the build context. It understands only what the file uses: `*` first, then
 * exceptions, each a path or a folder.
 */
export function inBuildContext(path: string): boolean {
  const [everything, ...exceptions] = repositoryFile('.dockerignore')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'));
  const odd = exceptions.filter(line => !/^![A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*\/?$/.test(line));
  if (everything !== '*' || odd.length > 0) {
    throw new Error(`.dockerignore uses more than this function knows: ${[everything, ...odd].join(' ')}`);
  }
  return exceptions
    .map(line => line.slice(1))
    .some(entry =>
      entry.endsWith('/') ? path.startsWith(entry) : path === entry || path.startsWith(`${entry}/`),
    );
}
