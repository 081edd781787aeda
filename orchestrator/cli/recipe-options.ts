import { ConfigurationError } from '../../core/errors.ts';
import type { Recipe, RecipeTarget } from '../../core/recipe/recipe.ts';

/** What `--set` and `--where` say, beside the options that they replace. */
export interface WrittenSettings {
  readonly set: readonly string[];
  readonly where?: string | undefined;
  /** The options that were named, as opposed to defaults. */
  readonly given: ReadonlySet<string>;
}

/**
 * The recipe of a command line; undefined for one value on every item. Whether its expressions are right is for
 * core/recipe/.
 * @throws ConfigurationError for options that do not go together, and for a `--set` that is not NAME=EXPRESSION.
 */
export function recipeOf({ set, where, given }: WrittenSettings): Recipe | undefined {
  if (set.length === 0) {
    if (where === undefined) return undefined;
    throw new ConfigurationError(
      "--where says which items a recipe is for: give what is set as --set, for instance --set 'test=1'.",
    );
  }
  const replaced = ['attribute', 'value'].filter(name => given.has(name));
  if (replaced.length > 0) {
    throw new ConfigurationError(
      `--set stands in place of --attribute and --value: leave --${replaced.join(' and --')} out.`,
    );
  }
  return { set: set.map(targetOf), ...(where !== undefined && { where: where.trim() }) };
}

function targetOf(text: string): RecipeTarget {
  const [, name = '', expression = ''] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? [];
  if (name.trim() === '') {
    throw new ConfigurationError(
      `--set takes NAME=EXPRESSION, as in --set 'expiresAt = created / 1000': ${text}`,
    );
  }
  if (name.trim().length > 255) {
    throw new ConfigurationError(`--set names an attribute of more than 255 characters: ${text}`);
  }
  return { name: name.trim(), expression: expression.trim() };
}
