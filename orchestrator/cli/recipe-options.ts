import * as z from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import { loadRecipe } from '../../core/recipe/load.ts';
import type { Recipe, RecipeTarget, Written } from '../../core/recipe/recipe.ts';
import { GROUP, nonEmpty, type Option, type ValuesOf, value } from './option.ts';

const severalTexts = (): z.ZodType<readonly string[]> =>
  z
    .union([z.string(), z.array(z.string())])
    .transform(given => [given].flat())
    .default([]);

/** What is computed from each item, where it is not one value on every item. */
export const RECIPE_OPTIONS = {
  set: {
    ...value(
      'NAME=EXPRESSION, in CEL: what to set where it is missing, computed from the item; repeatable',
      GROUP.what,
      severalTexts,
    ),
    repeatable: true,
  } satisfies Option<readonly string[]>,
  where: value('Expression in CEL: only for items of which it is true', GROUP.what, () =>
    nonEmpty().optional(),
  ),
};

export type RecipeSettings = ValuesOf<typeof RECIPE_OPTIONS>;

/** What the options say is set, in place of what stands in a run's record. */
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

/**
 * Whether the options of a recipe go together with each other and with the others. Whether its expressions are right is
 * for core/recipe/.
 * @throws ConfigurationError
 */
export function checkRecipeSettings(settings: Partial<RecipeSettings>, given: ReadonlySet<string>): void {
  const { set = [], where } = settings;
  if (set.length === 0) {
    if (where === undefined) return;
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
  recipeOf({ set, where });
}

/**
 * A recipe that cannot be is told before AWS is asked for anything.
 * @throws ConfigurationError as core/recipe/ has it
 */
export async function checkExpressions({ set = [], where }: Partial<RecipeSettings>): Promise<void> {
  const recipe = recipeOf({ set, where });
  if (recipe) await loadRecipe(recipe, undefined);
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
