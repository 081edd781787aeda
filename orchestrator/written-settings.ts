import { ConfigurationError } from '../core/errors.ts';
import type { Recipe, RecipeTarget, Written } from '../core/recipe/recipe.ts';

/** What `--set` and `--where` hold. */
export interface RecipeSettings {
  readonly set: readonly string[];
  readonly where?: string | undefined;
}

/** The settings that the options give, in place of those in a run's record. */
export interface WrittenSettings extends RecipeSettings {
  readonly attribute: string;
  /** JSON. */
  readonly value?: string;
}

/** The recipe that a command line gives; undefined for one value on every item. */
export function recipeOf({ set, where }: RecipeSettings): Recipe | undefined {
  if (set.length === 0) return undefined;
  return { set: set.map(targetOf), ...(where !== undefined && { where: where.trim() }) };
}

/** What a command line says is set. */
export function writtenOf(settings: WrittenSettings): Required<Pick<Written, 'attribute'>> & {
  readonly value?: string;
  readonly recipe?: Recipe;
} {
  const recipe = recipeOf(settings);
  if (recipe) return { attribute: recipe.set[0]?.name ?? '', recipe };
  const { attribute, value: json } = settings;
  return json === undefined ? { attribute } : { attribute, value: json };
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
