import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from '../attribute-value.ts';
import type { AttributePath } from '../write-rule.ts';
import { ExpressionError } from './expression-error.ts';
import { pathText, type SourceReference, type SourceUse, sourceVariable } from './syntax.ts';

/** An attribute, or an entry of a map, that expressions read, and all that they want of it. */
export interface Source {
  readonly path: AttributePath;
  readonly use: SourceUse;
}

/** The strongest use wins: who wants the value needs more than who wants the members, or the presence. */
const STRENGTH: Readonly<Record<SourceUse, number>> = { presence: 0, members: 1, value: 2 };

/** Each pair of a path and a use, once. */
export function distinctUses(references: readonly Source[]): Source[] {
  return [...new Map(references.map(({ path, use }) => [sourceVariable(path, use), { path, use }])).values()];
}

/** One source for each path, in the order of their first reference. */
export function mergeSources(references: readonly Pick<SourceReference, 'path' | 'use'>[]): Source[] {
  const merged = new Map<string, Source>();
  for (const { path, use } of references) {
    const id = JSON.stringify(path);
    const known = merged.get(id);
    if (known === undefined || STRENGTH[known.use] < STRENGTH[use]) merged.set(id, { path, use });
  }
  return [...merged.values()];
}

/**
 * A path whose value is read must not have another one below it: then it is a map, and no expression reads a whole map.
 * @throws ExpressionError at the place of the first one.
 */
export function refuseWholeMaps(
  references: readonly SourceReference[],
  all: readonly Pick<SourceReference, 'path'>[],
): void {
  for (const { path, use, offset } of references) {
    if (use === 'presence') continue;
    const below = all.find(other => isBelow(other.path, path));
    if (below) {
      throw new ExpressionError(
        offset,
        `${pathText(path)} is a map, since ${pathText(below.path)} is read too; an expression reads no whole maps`,
      );
    }
  }
}

function isBelow(path: AttributePath, above: AttributePath): boolean {
  return path.length > above.length && above.every((name, index) => path[index] === name);
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(item: AttributeMap, path: AttributePath): AttributeValue | undefined {
  let map: AttributeMap | undefined = item;
  let value: AttributeValue | undefined;
  for (const name of path) {
    value = map && Object.hasOwn(map, name) ? map[name] : undefined;
    map = value?.M;
  }
  return value;
}
