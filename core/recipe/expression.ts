import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type CelEnv, type CelInput, type CelResult, celError, plan } from '@bufbuild/cel';
import { pathText, valueAt } from '../attribute-path.ts';
import type { AttributeMap } from '../attribute-value.ts';
import { celFromAttribute, UnmappableValueError } from './cel-values.ts';
import { type BoundSource, distinctUses, type Source } from './sources.ts';
import type { ReadExpression } from './syntax.ts';

/** The values of an item's sources, under the names that replace the sources in the expressions. */
export type Bindings = Record<string, CelInput>;

/** An expression that was parsed and checked once and is evaluated for each item. */
export interface Expression {
  /** What it reads. Each use of a path is listed separately. */
  readonly sources: readonly BoundSource[];
  evaluate(bindings: Bindings): CelResult;
}

export function planExpression(read: ReadExpression, environment: CelEnv): Expression {
  const evaluate = plan(environment, read.expr);
  return { sources: distinctUses(read.references), evaluate: bindings => evaluate(bindings) };
}

/**
 * Binds an item's values at these sources. A value that an expression cannot have is bound as an error with its reason,
 * so it matters only if the expression reads it. `has(item.a) ? item.a : ""` never reads an absent `a`, and CEL's `||`
 * is true if one side is, whatever the other side gives.
 */
export function bindSources(item: AttributeMap, sources: readonly BoundSource[]): Bindings {
  const bindings: Bindings = {};
  for (const { path, use, variable } of sources) {
    const value = valueAt(item, path);
    bindings[variable] = use === 'presence' ? value !== undefined : celOf(value, path, use);
  }
  return bindings;
}

function celOf(value: AttributeValue | undefined, path: Source['path'], use: Source['use']): CelInput {
  if (value === undefined) return unavailable(`${pathText(path)} is absent`);
  try {
    return celFromAttribute(value, use);
  } catch (error) {
    if (!(error instanceof UnmappableValueError)) throw error;
    return unavailable(`${pathText(path)}: ${error.message}`);
  }
}

/**
 * An error that is bound to a variable becomes the outcome. The library supports that, although its type for inputs
 * does not say so.
 */
function unavailable(reason: string): CelInput {
  return celError(reason) as unknown as CelInput;
}
