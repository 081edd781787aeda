import * as z from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import { loadRecipe } from '../../core/recipe/load.ts';
import { type RecipeSettings, recipeOf } from '../written-settings.ts';
import { GROUP, nonEmpty, type Option, value } from './option.ts';

const severalTexts = (): z.ZodType<readonly string[]> =>
  z
    .union([z.string(), z.array(z.string())])
    .transform(given => [given].flat())
    .default([]);

/** What to compute for each item, if a run does not set one value on every item. */
export const RECIPE_OPTIONS = {
  set: {
    ...value(
      'NAME=EXPRESSION in CEL: set NAME where it is missing, computed from the item; repeatable',
      GROUP.what,
      severalTexts,
    ),
    repeatable: true,
  } satisfies Option<readonly string[]>,
  where: value('CEL expression: only items for which it is true', GROUP.what, () => nonEmpty().optional()),
};

/**
 * Checks that the options of a recipe fit each other and the other options. core/recipe/ checks the expressions.
 * @throws ConfigurationError
 */
export function checkRecipeSettings(settings: Partial<RecipeSettings>, given: ReadonlySet<string>): void {
  const { set = [], where } = settings;
  if (set.length === 0) {
    if (where === undefined) return;
    throw new ConfigurationError(
      "--where needs --set: give what to set as a recipe, for instance --set 'test=1'.",
    );
  }
  const replaced = ['attribute', 'value'].filter(name => given.has(name));
  if (replaced.length > 0) {
    throw new ConfigurationError(
      `--set replaces --attribute and --value: leave out --${replaced.join(' and --')}.`,
    );
  }
  recipeOf({ set, where });
}

/**
 * Reports an invalid recipe before any call to AWS.
 * @throws ConfigurationError as in core/recipe/
 */
export async function checkExpressions({ set = [], where }: Partial<RecipeSettings>): Promise<void> {
  const recipe = recipeOf({ set, where });
  if (recipe) await loadRecipe(recipe, undefined);
}
