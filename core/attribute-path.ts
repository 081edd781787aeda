import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from './attribute-value.ts';

/** The names that lead to an attribute, or to an entry of a map inside it. */
export type AttributePath = readonly [string, ...string[]];

/** The value at a path; undefined when there is none. */
export function valueAt(item: AttributeMap, path: AttributePath): AttributeValue | undefined {
  let map: AttributeMap | undefined = item;
  let value: AttributeValue | undefined;
  for (const name of path) {
    value = map && Object.hasOwn(map, name) ? map[name] : undefined;
    map = value?.M;
  }
  return value;
}

/** A path as an expression of a recipe would write it. */
export function pathText([first, ...rest]: AttributePath): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_]*$/;
  const head = plain.test(first) ? first : `item[${JSON.stringify(first)}]`;
  return rest.reduce(
    (text, name) => (plain.test(name) ? `${text}.${name}` : `${text}[${JSON.stringify(name)}]`),
    head,
  );
}
