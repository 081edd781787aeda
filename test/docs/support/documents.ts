import { readdirSync } from 'node:fs';
import { ROOT } from './markdown.ts';

/** Every document of the repository, from its root. */
export const DOCUMENTS: readonly string[] = [
  ...markdownIn(''),
  ...markdownIn('docs/'),
  ...readdirSync(`${ROOT}local`, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `local/${name}`),
].sort();

function markdownIn(folder: string): string[] {
  return readdirSync(`${ROOT}${folder}`)
    .filter(name => name.endsWith('.md'))
    .map(name => `${folder}${name}`);
}
