import { parseJsonValue } from '../attribute-value.ts';
import { ConfigurationError } from '../errors.ts';
import type { KeySchema } from '../records.ts';
import { constantRule, type WriteRule } from '../write-rule.ts';
import type { CompiledRecipe } from './compile.ts';
import type { Recipe, Written } from './recipe.ts';

/**
 * The rule that a run writes by. CEL is loaded only here, and only for a run with a recipe.
 * @throws ConfigurationError for an invalid recipe, or when there is neither a recipe nor a value.
 */
export async function loadRule(
  written: Partial<Written>,
  keySchema: KeySchema | undefined,
): Promise<WriteRule> {
  if (written.recipe) return loadRecipe(written.recipe, keySchema);
  const { attribute, value } = written;
  if (attribute === undefined || value === undefined) {
    throw new ConfigurationError('Neither a recipe nor an attribute with its value is given.');
  }
  return constantRule(attribute, parseJsonValue(value));
}

/** @throws ConfigurationError as compileRecipe. */
export async function loadRecipe(recipe: Recipe, keySchema: KeySchema | undefined): Promise<CompiledRecipe> {
  const { compileRecipe } = await import('./compile.ts');
  return compileRecipe(recipe, keySchema);
}
