import { type AttributePath, pathText } from '../attribute-path.ts';
import { ExpressionError } from './expression-error.ts';
import { type SourceReference, type SourceUse, sourceVariable } from './syntax.ts';

/** An attribute or map entry that expressions read, and how they use it. */
export interface Source {
  readonly path: AttributePath;
  readonly use: SourceUse;
}

/** The strongest use wins: using the value includes using the members, which includes using the presence. */
const STRENGTH: Readonly<Record<SourceUse, number>> = { presence: 0, members: 1, value: 2 };

/** A source in one of its uses, with the variable that replaces it. */
export interface BoundSource extends Source {
  readonly variable: string;
}

/** Each pair of a path and a use, once. */
export function distinctUses(references: readonly Source[]): BoundSource[] {
  const uses = references.map(({ path, use }) => ({ path, use, variable: sourceVariable(path, use) }));
  return [...new Map(uses.map(source => [source.variable, source])).values()];
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
 * If a path's value is read, no other path may be below it. Its value would then be a map, and no expression reads a
 * whole map.
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
        `${pathText(path)} is a map, since ${pathText(below.path)} is read too; an expression cannot read a whole map`,
      );
    }
  }
}

function isBelow(path: AttributePath, above: AttributePath): boolean {
  return path.length > above.length && above.every((name, index) => path[index] === name);
}
