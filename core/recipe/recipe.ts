import { createHash } from 'node:crypto';

/** One `--set NAME=EXPRESSION`. */
export interface RecipeTarget {
  readonly name: string;
  /** CEL, as the operator wrote it. */
  readonly expression: string;
}

/**
 * What is set where, as it stands in a run's record: the expressions as the operator wrote them, so that worker,
 * plan and verification read the same text by the same code.
 */
export interface Recipe {
  /** In the order of the options; at least one. */
  readonly set: readonly RecipeTarget[];
  /** CEL; every item is in scope without one. */
  readonly where?: string;
}

/** A name for a recipe that differs where any of its text differs. */
export function recipeHash({ set, where }: Recipe): string {
  const text = JSON.stringify([set.map(({ name, expression }) => [name, expression]), where ?? null]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Whether two recipes are the same text; the order of their targets counts. */
export function sameRecipe(a: Recipe | undefined, b: Recipe | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return recipeHash(a) === recipeHash(b);
}

/** The options by which a recipe is written, each as one word of a command. */
export function recipeOptions({ set, where }: Recipe): string[] {
  return [
    ...set.flatMap(({ name, expression }) => ['--set', `${name}=${expression}`]),
    ...(where === undefined ? [] : ['--where', where]),
  ];
}
