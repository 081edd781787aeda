/** One `--set NAME=EXPRESSION`. */
export interface RecipeTarget {
  readonly name: string;
  /** CEL, as the operator wrote it. */
  readonly expression: string;
}

/**
 * What is set where, as stored in a run's record. It keeps the expressions as the operator wrote them, so that worker,
 * plan and verification read the same text with the same code.
 */
export interface Recipe {
  /** In the order of the options; at least one. */
  readonly set: readonly RecipeTarget[];
  /** CEL. Without it every item is in scope. */
  readonly where?: string;
}

/** A recipe as one text. Two recipes have the same text only if they are equal. */
export function recipeText({ set, where }: Recipe): string {
  return JSON.stringify([set.map(({ name, expression }) => [name, expression]), where ?? null]);
}

/** Whether two recipes are the same text; the order of their targets counts. */
export function sameRecipe(a: Recipe | undefined, b: Recipe | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return recipeText(a) === recipeText(b);
}

/** What a run sets, as stored in its record: a recipe, or an attribute and its value. */
export interface Written {
  readonly attribute: string;
  readonly value?: string | undefined;
  readonly recipe?: Recipe | undefined;
}

/** The attributes that the run sets, in order. */
export function targetsOf({ attribute, recipe }: Written): readonly [string, ...string[]] {
  const [first = attribute, ...rest] = recipe?.set.map(({ name }) => name) ?? [];
  return [first, ...rest];
}

/** The options with which another command uses the same attributes and scope. */
export function writtenOptions({ attribute, recipe }: Written): string[] {
  if (!recipe) return ['--attribute', attribute];
  const set = recipe.set.flatMap(({ name, expression }) => ['--set', `${name}=${expression}`]);
  return recipe.where === undefined ? set : [...set, '--where', recipe.where];
}

/** The attributes that an item may lack: `"a" or "b"`. */
export function targetsText(written: Written): string {
  return targetsOf(written)
    .map(name => `"${name}"`)
    .join(' or ');
}

/** `expiresAt = created / 1000, where kind == "SESSION"`. */
export function writtenText({ attribute, value, recipe }: Written): string {
  if (!recipe) return `${attribute} = ${value}`;
  const set = recipe.set.map(({ name, expression }) => `${name} = ${expression}`).join(', ');
  return recipe.where === undefined ? set : `${set}, where ${recipe.where}`;
}
