import { ConfigurationError } from '../core/errors.ts';
import type { Recipe, RecipeTarget, Written } from '../core/recipe/recipe.ts';

/** The contents of `--set` and `--where`. */
export interface RecipeSettings {
  readonly set: readonly string[];
  readonly where?: string | undefined;
}

/** What the options say a run sets, before there is a run's record. */
export interface WrittenSettings extends RecipeSettings {
  readonly attribute: string;
  /** JSON. */
  readonly value?: string;
}

/** The recipe on a command line; undefined for one value on every item. */
export function recipeOf({ set, where }: RecipeSettings): Recipe | undefined {
  if (set.length === 0) return undefined;
  return { set: set.map(targetOf), ...(where !== undefined && { where: where.trim() }) };
}

/** What a command line says that a run sets. */
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
