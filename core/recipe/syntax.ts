import { type CelFunc, parse } from '@bufbuild/cel';
import type { AttributePath } from '../attribute-path.ts';
import { ExpressionError } from './expression-error.ts';

export type ParsedExpression = ReturnType<typeof parse>;
export type Expr = ParsedExpression['expr'];

/** Nobody would read a longer expression before a run. */
const LONGEST_EXPRESSION = 4_096;

/** CEL's name for the whole item: `item.kind` and `kind` are the same attribute. */
const WHOLE_ITEM = 'item';

/** Names that have their own meaning in CEL. */
export const TYPE_NAMES: ReadonlySet<string> = new Set([
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
]);

/**
 * What an expression uses of a source: its value; only its members, by `in` and `size`; or only whether it exists.
 */
export type SourceUse = 'value' | 'members' | 'presence';

/** A place where an expression reads the item. The node is rewritten to a variable. */
export interface SourceReference {
  readonly path: AttributePath;
  readonly use: SourceUse;
  readonly offset: number;
}

export interface ReadExpression {
  readonly expr: Expr;
  readonly references: readonly SourceReference[];
  /** Where a node begins in the text. */
  offsetOf(expr: Expr): number;
}

/** The variable that replaces a source. No name in an expression can be the same. */
export const sourceVariable = (path: AttributePath, use: SourceUse): string =>
  `@${use}${JSON.stringify(path)}`;

/**
 * Parses an expression and extracts the paths that it reads. Each path becomes one variable, and `has(path)` another.
 * So it is known before the first item what an expression reads, and it can read nothing else.
 * @throws ExpressionError for a text that does not parse, `item` by itself, computed indexes, elements of lists, and
 * paths through a source's members.
 */
export function readExpression(text: string, functions: Iterable<CelFunc>): ReadExpression {
  if (text.trim() === '') throw new ExpressionError(0, 'the expression is empty');
  if (text.length > LONGEST_EXPRESSION) {
    throw new ExpressionError(
      LONGEST_EXPRESSION,
      `the expression has more than ${LONGEST_EXPRESSION} characters`,
    );
  }
  const parsed = parseText(text);
  const offsetOf = ({ id }: Expr) => parsed.sourceInfo?.positions[String(id)] ?? 0;
  const reader = new SourceReader(offsetOf, functions);
  reader.read(parsed.expr, 'value', new Set());
  return { expr: parsed.expr, references: reader.references, offsetOf };
}

function parseText(text: string): ParsedExpression {
  try {
    return parse(text);
  } catch (error) {
    const { location, found } = error as { location?: { start: { offset: number } }; found?: unknown };
    if (location === undefined)
      throw new ExpressionError(0, `the expression cannot be read: ${String(error)}`);
    const what =
      typeof found === 'string' && found !== ''
        ? `"${found}" was not expected here`
        : 'the expression ends too early';
    throw new ExpressionError(location.start.offset, `the expression cannot be read: ${what}`);
  }
}

class SourceReader {
  readonly references: SourceReference[] = [];
  readonly #offsetOf: (expr: Expr) => number;
  readonly #globalFunctions = new Set<string>();

  constructor(offsetOf: (expr: Expr) => number, functions: Iterable<CelFunc>) {
    this.#offsetOf = offsetOf;
    for (const { name, target } of functions) if (target === undefined) this.#globalFunctions.add(name);
  }

  /** `bound`: the variables of the macros around this node. */
  read(expr: Expr, use: SourceUse, bound: ReadonlySet<string>): void {
    const path = this.#pathOf(expr, bound);
    if (path) {
      this.#replace(expr, path, use);
      return;
    }
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'identExpr':
        if (exprKind.value.name === WHOLE_ITEM && !bound.has(WHOLE_ITEM)) {
          throw this.#problem(
            expr,
            '`item` alone is the whole item; name one of its attributes, as in item.status',
          );
        }
        return;
      case 'selectExpr':
        this.#readSelect(expr, bound);
        return;
      case 'callExpr':
        this.#readCall(expr, bound);
        return;
      case 'listExpr':
        for (const element of exprKind.value.elements) this.read(element, 'value', bound);
        return;
      case 'structExpr':
        for (const { keyKind, value } of exprKind.value.entries) {
          if (keyKind.case === 'mapKey') this.read(keyKind.value, 'value', bound);
          if (value) this.read(value, 'value', bound);
        }
        return;
      case 'comprehensionExpr':
        this.#readComprehension(expr, bound);
        return;
      default:
    }
  }

  #readSelect(expr: Expr, bound: ReadonlySet<string>): void {
    if (expr.exprKind.case !== 'selectExpr') return;
    const { operand, field, testOnly } = expr.exprKind.value;
    if (!operand) return;
    const asked = testOnly ? this.#below(operand, field, bound) : undefined;
    if (asked) this.#replace(expr, asked, 'presence');
    else this.read(operand, 'value', bound);
  }

  #readCall(expr: Expr, bound: ReadonlySet<string>): void {
    if (expr.exprKind.case !== 'callExpr') return;
    const { target, args, function: name } = expr.exprKind.value;
    const [first, second] = args;
    if (name === '_[_]' && first && second) {
      if (this.#isItem(first, bound) || this.#pathOf(first, bound)) {
        const constant = second.exprKind.case === 'constExpr';
        throw this.#problem(
          second,
          constant
            ? 'an element of a list cannot be a source; a source is an attribute, or a named entry of a map'
            : 'a computed index cannot be a source, because the sources must be known before the first item is read',
        );
      }
    }
    if (target && !this.#isQualifier(target, name, bound)) {
      this.read(target, name === 'size' ? 'members' : 'value', bound);
    }
    for (const [index, arg] of args.entries()) {
      const members = (name === '@in' && index === 1) || (name === 'size' && target === undefined);
      this.read(arg, members ? 'members' : 'value', bound);
    }
  }

  #readComprehension(expr: Expr, bound: ReadonlySet<string>): void {
    if (expr.exprKind.case !== 'comprehensionExpr') return;
    const { iterRange, iterVar, iterVar2, accuVar, accuInit, loopCondition, loopStep, result } =
      expr.exprKind.value;
    if (iterRange && this.#pathOf(iterRange, bound)) {
      throw this.#problem(
        iterRange,
        'an expression cannot iterate over an attribute; it can use `in` and `size`',
      );
    }
    for (const part of [iterRange, accuInit]) if (part) this.read(part, 'value', bound);
    const inner = new Set([...bound, iterVar, iterVar2, accuVar]);
    for (const part of [loopCondition, loopStep, result]) if (part) this.read(part, 'value', inner);
  }

  /** `strings` in `strings.quote(x)` names no attribute. */
  #isQualifier(target: Expr, name: string, bound: ReadonlySet<string>): boolean {
    const { exprKind } = target;
    if (exprKind.case !== 'identExpr' || bound.has(exprKind.value.name)) return false;
    return this.#globalFunctions.has(`${exprKind.value.name}.${name}`);
  }

  #isItem({ exprKind }: Expr, bound: ReadonlySet<string>): boolean {
    return exprKind.case === 'identExpr' && exprKind.value.name === WHOLE_ITEM && !bound.has(WHOLE_ITEM);
  }

  /** The path of a chain of names, if it begins at an attribute. */
  #pathOf(expr: Expr, bound: ReadonlySet<string>): AttributePath | undefined {
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'identExpr': {
        const { name } = exprKind.value;
        if (name === WHOLE_ITEM || bound.has(name) || name.startsWith('@') || TYPE_NAMES.has(name))
          return undefined;
        if (this.#globalFunctions.has(name)) {
          throw this.#problem(expr, `"${name}" has a meaning in CEL; write item.${name} for the attribute`);
        }
        return [name.replace(/^\./, '')];
      }
      case 'selectExpr': {
        const { operand, field, testOnly } = exprKind.value;
        return testOnly || !operand ? undefined : this.#below(operand, field, bound);
      }
      case 'callExpr': {
        const { function: name, args } = exprKind.value;
        const [operand, index] = args;
        if (name !== '_[_]' || !operand || index?.exprKind.case !== 'constExpr') return undefined;
        const { constantKind } = index.exprKind.value;
        return constantKind.case === 'stringValue'
          ? this.#below(operand, constantKind.value, bound)
          : undefined;
      }
      default:
        return undefined;
    }
  }

  #below(operand: Expr, name: string, bound: ReadonlySet<string>): AttributePath | undefined {
    if (this.#isItem(operand, bound)) return [name];
    const path = this.#pathOf(operand, bound);
    return path && [...path, name];
  }

  #replace(expr: Expr, path: AttributePath, use: SourceUse): void {
    this.references.push({ path, use, offset: this.#offsetOf(expr) });
    expr.exprKind = {
      case: 'identExpr',
      value: { $typeName: 'cel.expr.Expr.Ident', name: sourceVariable(path, use) },
    };
  }

  #problem(expr: Expr, message: string): ExpressionError {
    return new ExpressionError(this.#offsetOf(expr), message);
  }
}
