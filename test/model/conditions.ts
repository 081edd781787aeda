/**
 * Evaluates core/'s condition and update expressions on plain items, so that the model runs the exact texts that
 * DynamoDB gets. It knows the syntax that core/ uses and throws for any other.
 */
export type Item = Record<string, unknown>;

export interface Expressions {
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Record<string, unknown> | undefined;
}

export function conditionHolds(
  text: string | undefined,
  item: Item | undefined,
  given: Expressions,
): boolean {
  if (text === undefined) return true;
  const tokens = text.match(/\(|\)|,|#\w+|:\w+|<|=|[A-Za-z_]+/g) ?? [];
  let position = 0;
  const peek = () => tokens[position];
  const next = (expected?: string): string => {
    const token = tokens[position++];
    if (token === undefined || (expected !== undefined && token !== expected)) {
      throw new SyntaxError(`expected ${expected ?? 'more'} at ${position} of ${text}`);
    }
    return token;
  };
  const name = (): string => {
    const found = given.ExpressionAttributeNames?.[next()];
    if (found === undefined) throw new SyntaxError(`unknown name in ${text}`);
    return found;
  };
  const value = (): unknown => {
    const placeholder = next();
    if (!(placeholder in (given.ExpressionAttributeValues ?? {}))) {
      throw new SyntaxError(`no value ${placeholder} for ${text}`);
    }
    return given.ExpressionAttributeValues?.[placeholder];
  };
  const either = (): boolean => {
    let holds = both();
    while (peek() === 'OR') {
      next();
      const right = both();
      holds = holds || right;
    }
    return holds;
  };
  const both = (): boolean => {
    let holds = term();
    while (peek() === 'AND') {
      next();
      const right = term();
      holds = holds && right;
    }
    return holds;
  };
  const term = (): boolean => {
    if (peek() === '(') {
      next();
      const inner = either();
      next(')');
      return inner;
    }
    if (peek() === 'attribute_exists' || peek() === 'attribute_not_exists') {
      const wanted = next() === 'attribute_exists';
      next('(');
      const attribute = name();
      const exists = item?.[attribute] !== undefined;
      next(')');
      return exists === wanted;
    }
    const attribute = name();
    const left = item?.[attribute];
    switch (next()) {
      case '=': {
        const right = value();
        return left !== undefined && left === right;
      }
      case '<':
        return lessThan(left, value());
      case 'IN': {
        next('(');
        let found = left === value();
        while (peek() === ',') {
          next();
          const candidate = value();
          found = found || left === candidate;
        }
        next(')');
        return found && left !== undefined;
      }
      default:
        throw new SyntaxError(`unknown operator in ${text}`);
    }
  };
  const result = either();
  if (position !== tokens.length) throw new SyntaxError(`more than a condition: ${text}`);
  return result;
}

function lessThan(left: unknown, right: unknown): boolean {
  return typeof left === 'number' && typeof right === 'number' && left < right;
}

/** `SET #a = :x, #b = :y REMOVE #c`. */
export function applyUpdate(text: string, item: Item, given: Expressions): Item {
  const changed = { ...item };
  const [, sets = '', removes = ''] = /^(?:SET (.*?))?\s*(?:REMOVE (.*))?$/.exec(text) ?? [];
  for (const assignment of sets.split(', ').filter(Boolean)) {
    const [left = '', right = ''] = assignment.split(' = ');
    changed[nameOf(left, given)] = given.ExpressionAttributeValues?.[right];
  }
  for (const removed of removes.split(', ').filter(Boolean)) delete changed[nameOf(removed, given)];
  return changed;
}

function nameOf(placeholder: string, given: Expressions): string {
  const name = given.ExpressionAttributeNames?.[placeholder];
  if (name === undefined) throw new SyntaxError(`unknown name ${placeholder}`);
  return name;
}
