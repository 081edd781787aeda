import { readdirSync } from 'node:fs';
import { ROOT } from './markdown.ts';

/** Every document of the repository, by its path from the root. */
export const DOCUMENTS: readonly string[] = [
  ...markdownIn(''),
  ...markdownIn('docs/'),
  ...['docs/adr', 'local', 'orchestrator'].flatMap(markdownBelow),
].sort();

function markdownIn(folder: string): string[] {
  return readdirSync(`${ROOT}${folder}`)
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}${name}`);
}

function markdownBelow(folder: string): string[] {
  return readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}/${name}`);
}
