import type { CelEnv, CelFunc } from '@bufbuild/cel';
import { ExpressionError } from './expression-error.ts';
import { type Expr, type ReadExpression, TYPE_NAMES } from './syntax.ts';

/** The name of a CEL type; `dyn` if the type is known only with an item. */
export type TypeName = string;

const DYN = 'dyn';
const NUMBERS = new Set(['int', 'uint', 'double']);

/** Types that no attribute can hold. */
const NOT_STORABLE = new Set(['google.protobuf.Timestamp', 'google.protobuf.Duration', 'type']);

const CONSTANT_TYPES: Readonly<Record<string, TypeName>> = {
  boolValue: 'bool',
  bytesValue: 'bytes',
  doubleValue: 'double',
  int64Value: 'int',
  nullValue: 'null_type',
  stringValue: 'string',
  uint64Value: 'uint',
};

/**
 * The type of an expression whose sources may have any type. It refuses everything that is wrong before the first item:
 * functions that do not exist, and operands without an overload. It uses the overloads that the library declares and
 * evaluates by, so this check and the evaluation cannot differ.
 *
 * @throws ExpressionError with the place of the first such call.
 */
export function typeOfExpression({ expr, offsetOf }: ReadExpression, { funcs }: CelEnv): TypeName {
  return new TypeCheck(offsetOf, funcs).typeOf(expr, new Map());
}

/** @throws ExpressionError when no attribute could hold the result. */
export function requireStorable(type: TypeName): void {
  if (!NOT_STORABLE.has(type)) return;
  const plain = type.replace('google.protobuf.', '').toLowerCase();
  throw new ExpressionError(
    0,
    `the result is a ${plain}, which no attribute can hold; use int() or string()`,
  );
}

/** @throws ExpressionError when the result can never be true or false. */
export function requireCondition(type: TypeName): void {
  if (type === 'bool' || type === DYN) return;
  throw new ExpressionError(0, `the result is of type ${type}; it must be true or false`);
}

class TypeCheck {
  readonly #offsetOf: (expr: Expr) => number;
  readonly #funcs: CelEnv['funcs'];

  constructor(offsetOf: (expr: Expr) => number, funcs: CelEnv['funcs']) {
    this.#offsetOf = offsetOf;
    this.#funcs = funcs;
  }

  typeOf(expr: Expr, bound: ReadonlyMap<string, TypeName>): TypeName {
    const { exprKind } = expr;
    switch (exprKind.case) {
      case 'constExpr':
        return CONSTANT_TYPES[exprKind.value.constantKind.case ?? ''] ?? DYN;
      case 'identExpr':
        return this.#typeOfName(exprKind.value.name, bound);
      case 'listExpr':
        for (const element of exprKind.value.elements) this.typeOf(element, bound);
        return 'list';
      case 'structExpr':
        return this.#typeOfMap(expr, bound);
      case 'selectExpr': {
        const operand = exprKind.value.operand && this.typeOf(exprKind.value.operand, bound);
        if (operand !== undefined && operand !== DYN && operand !== 'map') {
          throw this.#problem(expr, `a value of type ${operand} has no entries`);
        }
        return exprKind.value.testOnly ? 'bool' : DYN;
      }
      case 'comprehensionExpr':
        return this.#typeOfComprehension(expr, bound);
      case 'callExpr':
        return this.#typeOfCall(expr, bound);
      default:
        throw this.#problem(expr, 'this form of expression is not supported');
    }
  }

  #typeOfName(name: string, bound: ReadonlyMap<string, TypeName>): TypeName {
    const type = bound.get(name);
    if (type !== undefined) return type;
    if (name.startsWith('@presence')) return 'bool';
    return TYPE_NAMES.has(name) ? 'type' : DYN;
  }

  #typeOfMap(expr: Expr, bound: ReadonlyMap<string, TypeName>): TypeName {
    if (expr.exprKind.case !== 'structExpr') return DYN;
    const { messageName, entries } = expr.exprKind.value;
    if (messageName !== '') throw this.#problem(expr, `there is no type "${messageName}"`);
    for (const { keyKind, value } of entries) {
      if (keyKind.case === 'mapKey') this.typeOf(keyKind.value, bound);
      if (value) this.typeOf(value, bound);
    }
    return 'map';
  }

  #typeOfComprehension(expr: Expr, bound: ReadonlyMap<string, TypeName>): TypeName {
    if (expr.exprKind.case !== 'comprehensionExpr') return DYN;
    const { iterRange, iterVar, iterVar2, accuVar, accuInit, loopCondition, loopStep, result } =
      expr.exprKind.value;
    const range = iterRange ? this.typeOf(iterRange, bound) : DYN;
    if (range !== DYN && range !== 'list' && range !== 'map') {
      throw this.#problem(iterRange ?? expr, `a value of type ${range} has no elements to iterate over`);
    }
    const initial = accuInit ? this.typeOf(accuInit, bound) : DYN;
    const inner = new Map([...bound, [iterVar, DYN], [iterVar2, DYN], [accuVar, initial]]);
    for (const part of [loopCondition, loopStep]) if (part) this.typeOf(part, inner);
    return result ? this.typeOf(result, inner) : DYN;
  }

  #typeOfCall(expr: Expr, bound: ReadonlyMap<string, TypeName>): TypeName {
    if (expr.exprKind.case !== 'callExpr') return DYN;
    const { function: name, args, target } = expr.exprKind.value;
    const types = args.map(arg => this.typeOf(arg, bound));
    switch (name) {
      case '_&&_':
      case '_||_':
        for (const [index, type] of types.entries()) this.#require(expr, args[index], type, ['bool']);
        return 'bool';
      case '@not_strictly_false':
        return 'bool';
      case '_?_:_':
        this.#require(expr, args[0], types[0], ['bool']);
        return types[1] === types[2] ? (types[1] ?? DYN) : DYN;
      case '_==_':
      case '_!=_':
        this.#requireComparable(expr, types);
        return 'bool';
      case '@in':
        this.#require(expr, args[1], types[1], ['list', 'map']);
        return 'bool';
      case '_[_]':
        this.#require(expr, args[0], types[0], ['list', 'map']);
        return DYN;
      default:
        return this.#typeOfOverload(expr, target, types, bound);
    }
  }

  #typeOfOverload(
    expr: Expr,
    target: Expr | undefined,
    types: readonly TypeName[],
    bound: ReadonlyMap<string, TypeName>,
  ): TypeName {
    if (expr.exprKind.case !== 'callExpr') return DYN;
    const { function: name } = expr.exprKind.value;
    const qualified = qualifiedName(target, name);
    const asFunction = qualified === undefined ? undefined : this.#funcs.find(qualified);
    const receiver = target && !asFunction ? this.typeOf(target, bound) : undefined;
    const candidates = [...(asFunction ?? this.#funcs.find(name) ?? [])];
    if (candidates.length === 0) throw this.#problem(expr, `there is no function "${name}"`);
    const fitting = candidates.filter(candidate => fits(candidate, receiver, types));
    if (fitting.length === 0) throw this.#problem(expr, mismatch(name, receiver, types));
    const results = new Set(fitting.map(({ result }) => result.name));
    const [only] = results;
    return results.size === 1 && only !== undefined ? only : DYN;
  }

  #require(call: Expr, arg: Expr | undefined, type: TypeName | undefined, wanted: readonly TypeName[]): void {
    if (type === undefined || type === DYN || wanted.includes(type)) return;
    throw this.#problem(
      arg ?? call,
      `this is of type ${type}, where ${wanted.join(' or ')} is needed${hint([type])}`,
    );
  }

  #requireComparable(expr: Expr, [left = DYN, right = DYN]: readonly TypeName[]): void {
    if (left === right || left === DYN || right === DYN || left === 'null_type' || right === 'null_type')
      return;
    if (NUMBERS.has(left) && NUMBERS.has(right)) return;
    throw this.#problem(expr, `${left} and ${right} are never equal${hint([left, right])}`);
  }

  #problem(expr: Expr, message: string): ExpressionError {
    return new ExpressionError(this.#offsetOf(expr), message);
  }
}

function fits(candidate: CelFunc, receiver: TypeName | undefined, types: readonly TypeName[]): boolean {
  if ((candidate.target === undefined) !== (receiver === undefined)) return false;
  if (candidate.arguments.length !== types.length) return false;
  const pairs = candidate.arguments.map((wanted, index) => [wanted.name, types[index]]);
  if (candidate.target && receiver !== undefined) pairs.push([candidate.target.name, receiver]);
  return pairs.every(([wanted, given]) => wanted === DYN || given === DYN || wanted === given);
}

function qualifiedName(target: Expr | undefined, name: string): string | undefined {
  // Sources are attributes by now, so a remaining plain name may be the first part of a function's name.
  if (target?.exprKind.case !== 'identExpr') return undefined;
  return `${target.exprKind.value.name}.${name}`;
}

/** `_+_` is written `+`. */
function mismatch(name: string, receiver: TypeName | undefined, types: readonly TypeName[]): string {
  const operator = /^_?([^_\w]+)_$/.exec(name)?.[1];
  const shown = types.map(type => (type === DYN ? 'any' : type));
  const what = operator
    ? shown.length === 1
      ? `${operator}${shown[0]}`
      : shown.join(` ${operator} `)
    : `${receiver === undefined ? '' : `${receiver === DYN ? 'any' : receiver}.`}${name}(${shown.join(', ')})`;
  return `CEL has no ${what}${hint(types)}`;
}

function hint(types: readonly TypeName[]): string {
  return types.includes('type')
    ? '; the name of a type means the type, so write item.type for the attribute'
    : '';
}
