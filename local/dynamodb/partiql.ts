import type { WireValue } from './item-size.ts';

/** What a PartiQL statement says about the place where it reads or writes. */
export interface PartiqlStatement {
  readonly action: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  readonly table: string;
  /**
   * Attributes that the statement compares by equality, or that an INSERT sets. If the statement has a key, it is here.
   */
  readonly equals: ReadonlyMap<string, Operand>;
}

/** A literal, or a `?` by its position among the statement's parameters. */
export type Operand = { readonly parameter: number } | { readonly literal: WireValue };

interface Token {
  /** `quoted` is a name in double quotes, which is never a keyword. */
  readonly kind: 'quoted' | 'string' | 'parameter' | 'word' | 'number' | 'symbol';
  readonly text: string;
}

const TOKEN =
  /"(?<quoted>(?:[^"]|"")*)"|'(?<string>(?:[^']|'')*)'|(?<parameter>\?)|(?<word>[A-Za-z_][\w-]*)|(?<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?<symbol><=|>=|<>|<<|>>|\S)/gu;

/** An application uses few statement texts, because values are parameters. */
const MAX_KNOWN_STATEMENTS = 1_000;
const known = new Map<string, PartiqlStatement | undefined>();

/**
 * Reads the action, the table and the equalities of a statement. It does not parse PartiQL fully; the engine does that
 * and reports what is wrong with a statement.
 *
 * @returns undefined for anything but the four statements
 */
export function readStatement(text: string): PartiqlStatement | undefined {
  if (known.has(text)) return known.get(text);
  const statement = interpret(tokenize(text));
  if (known.size >= MAX_KNOWN_STATEMENTS) known.clear();
  known.set(text, statement);
  return statement;
}

function tokenize(text: string): Token[] {
  return Array.from(text.matchAll(TOKEN), ({ groups = {} }): Token => {
    const [kind, found] = Object.entries(groups).find(([, value]) => value !== undefined) ?? ['symbol', ''];
    const unescaped =
      kind === 'quoted'
        ? found.replaceAll('""', '"')
        : kind === 'string'
          ? found.replaceAll("''", "'")
          : found;
    return { kind: kind as Token['kind'], text: unescaped };
  });
}

function interpret(tokens: readonly Token[]): PartiqlStatement | undefined {
  const action = keyword(tokens[0]);
  switch (action) {
    case 'UPDATE':
      return statement(action, tokens, 0, 'WHERE', '=');
    case 'SELECT':
    case 'DELETE':
      return statement(action, tokens, indexOf(tokens, 'FROM'), 'WHERE', '=');
    case 'INSERT':
      return statement(action, tokens, indexOf(tokens, 'INTO'), 'VALUE', ':');
    default:
      return undefined;
  }
}

/** @param beforeTable index of the word before the table's name */
function statement(
  action: PartiqlStatement['action'],
  tokens: readonly Token[],
  beforeTable: number,
  opening: string,
  sign: '=' | ':',
): PartiqlStatement | undefined {
  const table = beforeTable < 0 ? undefined : tokens[beforeTable + 1]?.text;
  if (table === undefined) return undefined;
  const start = indexOf(tokens, opening);
  const equals = start < 0 ? new Map<string, Operand>() : equalities(tokens, start + 1, sign);
  return { action, table, equals };
}

/** Reads pairs of `name = operand`. With OR in it, a statement requires none of them. */
function equalities(tokens: readonly Token[], start: number, sign: '=' | ':'): Map<string, Operand> {
  const equals = new Map<string, Operand>();
  let parameters = tokens.slice(0, start).filter(({ kind }) => kind === 'parameter').length;
  for (let index = start; index < tokens.length; index++) {
    if (keyword(tokens[index]) === 'OR') return new Map();
    const [name, middle, value] = tokens.slice(index, index + 3);
    if (name && value && middle?.text === sign && isName(name, sign)) {
      const operand = operandOf(value, parameters);
      if (operand !== undefined) equals.set(name.text, operand);
    }
    if (name?.kind === 'parameter') parameters += 1;
  }
  return equals;
}

/** In an INSERT, names are strings: `VALUE {'id': ?}`. */
function isName({ kind }: Token, sign: '=' | ':'): boolean {
  return sign === '=' ? kind === 'word' || kind === 'quoted' : kind === 'string';
}

function operandOf({ kind, text }: Token, parameter: number): Operand | undefined {
  if (kind === 'parameter') return { parameter };
  if (kind === 'string') return { literal: { S: text } };
  if (kind === 'number') return { literal: { N: text } };
  return undefined;
}

function indexOf(tokens: readonly Token[], word: string): number {
  return tokens.findIndex(token => keyword(token) === word);
}

function keyword(token: Token | undefined): string | undefined {
  return token?.kind === 'word' ? token.text.toUpperCase() : undefined;
}
