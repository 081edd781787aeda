import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type CelEnv, isCelError } from '@bufbuild/cel';
import { type AttributePath, valueAt } from '../attribute-path.ts';
import type { AttributeMap } from '../attribute-value.ts';
import { ConfigurationError } from '../errors.ts';
import type { KeySchema } from '../records.ts';
import type { Decision, SourceState, WriteRule } from '../write-rule.ts';
import { recipeEnvironment } from './cel-environment.ts';
import { attributeFromCel, UnmappableValueError } from './cel-values.ts';
import { type Bindings, bindSources, type Expression, planExpression } from './expression.ts';
import { ExpressionError, expressionProblem } from './expression-error.ts';
import type { Recipe } from './recipe.ts';
import { type BoundSource, distinctUses, mergeSources, refuseWholeMaps, type Source } from './sources.ts';
import { type ReadExpression, readExpression } from './syntax.ts';
import { requireCondition, requireStorable, typeOfExpression } from './type-check.ts';

/** More targets or sources do not fit a statement and are hard to follow. */
const MOST_TARGETS = 16;
const MOST_SOURCES = 32;

/** A recipe whose expressions are ready to be evaluated. */
export interface CompiledRecipe extends WriteRule {
  /** The sources of one target's expression, as written, without those of the condition. */
  sourcesOf(target: string): readonly AttributePath[];
}

interface Target {
  readonly name: string;
  readonly expression: Expression;
  /** The sources besides those of `--where` that must be unchanged when this target is written. */
  readonly sources: readonly Source[];
}

/**
 * Parses and type-checks a recipe, once.
 * @throws ConfigurationError with one message that names the option, and the place if there is one: an expression that
 * does not parse, an unknown function, an impossible type, a target that is a source or a key, a repeated target.
 */
export function compileRecipe(recipe: Recipe, keySchema: KeySchema | undefined): CompiledRecipe {
  const environment = recipeEnvironment();
  refuseTargets(recipe, keySchema);
  const readings = recipe.set.map(({ name, expression }) => ({
    name,
    option: `--set ${name}`,
    text: expression,
    read: readOption(`--set ${name}`, expression, environment, requireStorable),
  }));
  const where =
    recipe.where === undefined
      ? undefined
      : {
          option: '--where',
          text: recipe.where,
          read: readOption('--where', recipe.where, environment, requireCondition),
        };
  const options = [...readings, ...(where ? [where] : [])];
  const references = options.flatMap(({ read }) => read.references);
  for (const { option, text, read } of options) {
    inOption(option, text, () => {
      refuseWholeMaps(read.references, references);
      refuseTargetsAsSources(read, recipe);
    });
  }
  const uses = distinctUses(references);
  const sources = mergeSources(uses);
  if (sources.length > MOST_SOURCES) {
    throw new ConfigurationError(
      `The recipe reads ${sources.length} attributes, and it may read ${MOST_SOURCES} at most.`,
    );
  }
  const keys = new Set(keySchema?.map(({ name }) => name));
  const conditioned = (list: readonly Source[]) => list.filter(({ path: [first] }) => !keys.has(first));
  const [first, ...rest] = readings.map(({ name, read }): Target => {
    const expression = planExpression(read, environment);
    return { name, expression, sources: conditioned(expression.sources) };
  });
  if (first === undefined) throw new ConfigurationError('A recipe needs at least one --set NAME=EXPRESSION.');
  return new PlannedRecipe(
    [first, ...rest],
    where && planExpression(where.read, environment),
    uses,
    conditioned,
  );
}

class PlannedRecipe implements CompiledRecipe {
  readonly targets: readonly [string, ...string[]];
  readonly sources: readonly AttributePath[];
  readonly #targets: readonly Target[];
  readonly #where: Expression | undefined;
  readonly #whereSources: readonly Source[];
  readonly #uses: readonly BoundSource[];
  /** The sources on which a write depends, by the set of missing targets, as bits. */
  readonly #sourcesOfMissing = new Map<number, readonly Source[]>();

  constructor(
    [first, ...rest]: readonly [Target, ...Target[]],
    where: Expression | undefined,
    uses: readonly BoundSource[],
    conditioned: (sources: readonly Source[]) => readonly Source[],
  ) {
    this.targets = [first.name, ...rest.map(({ name }) => name)];
    this.#targets = [first, ...rest];
    this.#where = where;
    this.#whereSources = where ? conditioned(where.sources) : [];
    this.#uses = uses;
    this.sources = mergeSources(uses).map(({ path }) => path);
  }

  sourcesOf(target: string): readonly AttributePath[] {
    return (
      this.#targets.find(({ name }) => name === target)?.expression.sources.map(({ path }) => path) ?? []
    );
  }

  decide(item: AttributeMap): Decision {
    let missing = 0;
    for (const [index, { name }] of this.#targets.entries()) {
      if (!Object.hasOwn(item, name)) missing |= 1 << index;
    }
    if (missing === 0) return { kind: 'has-targets' };
    const bindings = bindSources(item, this.#uses);
    const outside = this.#outsideOf(item, bindings);
    if (outside) return outside;
    const set: AttributeMap = {};
    for (const [index, { name, expression }] of this.#targets.entries()) {
      if ((missing & (1 << index)) === 0) continue;
      const value = attributeOf(expression, bindings);
      if (typeof value === 'string') return notComputable(`--set ${name}: ${value}`);
      set[name] = value;
    }
    const sources = this.#conditionsOf(missing).map(source => stateOf(item, source));
    return { kind: 'write', assignment: { set, sources } };
  }

  #conditionsOf(missing: number): readonly Source[] {
    const known = this.#sourcesOfMissing.get(missing);
    if (known) return known;
    const targets = this.#targets.filter((_, index) => (missing & (1 << index)) !== 0);
    const sources = mergeSources([...this.#whereSources, ...targets.flatMap(target => target.sources)]);
    this.#sourcesOfMissing.set(missing, sources);
    return sources;
  }

  /** Undefined for an item in scope. */
  #outsideOf(item: AttributeMap, bindings: Bindings): Decision | undefined {
    if (this.#where === undefined) return undefined;
    const result = this.#where.evaluate(bindings);
    if (result === true) return undefined;
    if (result === false) return { kind: 'out-of-scope' };
    if (this.#where.sources.some(({ path }) => valueAt(item, path) === undefined))
      return { kind: 'out-of-scope' };
    return notComputable(
      `--where: ${isCelError(result) ? result.message : 'the result is neither true nor false'}`,
    );
  }
}

function notComputable(reason: string): Decision {
  return { kind: 'not-computable', reason };
}

/** The value, or the reason why there is none. */
function attributeOf(expression: Expression, bindings: Bindings): AttributeValue | string {
  const result = expression.evaluate(bindings);
  if (isCelError(result)) return result.message;
  try {
    return attributeFromCel(result);
  } catch (error) {
    if (error instanceof UnmappableValueError) return error.message;
    throw error;
  }
}

function stateOf(item: AttributeMap, { path, use }: Source): SourceState {
  const value = valueAt(item, path);
  if (value === undefined) return { path, is: 'absent' };
  return use === 'presence' ? { path, is: 'present' } : { path, is: 'equal', value };
}

function readOption(
  option: string,
  text: string,
  environment: CelEnv,
  requireType: (type: string) => void,
): ReadExpression {
  return inOption(option, text, () => {
    const read = readExpression(text, environment.funcs);
    requireType(typeOfExpression(read, environment));
    return read;
  });
}

function inOption<Result>(option: string, text: string, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (error instanceof ExpressionError) throw expressionProblem(option, text, error);
    throw error;
  }
}

function refuseTargets({ set }: Recipe, keySchema: KeySchema | undefined): void {
  if (set.length > MOST_TARGETS) {
    throw new ConfigurationError(
      `--set is given ${set.length} times. A recipe can have ${MOST_TARGETS} targets at most.`,
    );
  }
  const seen = new Set<string>();
  for (const { name } of set) {
    if (seen.has(name)) throw new ConfigurationError(`--set ${name} is given twice.`);
    seen.add(name);
    if (keySchema?.some(key => key.name === name)) {
      throw new ConfigurationError(
        `--set ${name}: "${name}" is part of the table's key, which never changes.`,
      );
    }
  }
}

function refuseTargetsAsSources({ references }: ReadExpression, { set }: Recipe): void {
  const targets = new Set(set.map(({ name }) => name));
  const source = references.find(({ path: [first] }) => targets.has(first));
  if (source) {
    throw new ExpressionError(
      source.offset,
      `"${source.path[0]}" is a target of this run, so it cannot also be a source`,
    );
  }
}
