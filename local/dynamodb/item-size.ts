/** An attribute value in wire format: one member, named for its type, with binary values in base64. */
export type WireValue = Readonly<Record<string, unknown>>;

export type WireItem = Readonly<Record<string, WireValue>>;

/** Bytes of a list or map besides its elements, and bytes added by each element. */
const COLLECTION_BYTES = 3;
const ELEMENT_BYTES = 1;

/**
 * The size of an item in bytes, from which capacity units follow: the lengths of names and values. Source: developer
 * guide, "DynamoDB item sizes and formats". Its figure for numbers is approximate: one byte for each two significant
 * digits, plus one.
 */
export function itemSize(item: WireItem): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueSize(value);
  return bytes;
}

function valueSize(value: WireValue): number {
  const [type, content] = Object.entries(value)[0] ?? [];
  switch (type) {
    case 'S':
      return Buffer.byteLength(String(content));
    case 'N':
      return numberSize(String(content));
    case 'B':
      return Buffer.byteLength(String(content), 'base64');
    case 'SS':
      return sumOf(content as string[], text => Buffer.byteLength(text));
    case 'NS':
      return sumOf(content as string[], numberSize);
    case 'BS':
      return sumOf(content as string[], text => Buffer.byteLength(text, 'base64'));
    case 'L':
      return COLLECTION_BYTES + sumOf(content as WireValue[], element => ELEMENT_BYTES + valueSize(element));
    case 'M': {
      const map = content as WireItem;
      return COLLECTION_BYTES + itemSize(map) + ELEMENT_BYTES * Object.keys(map).length;
    }
    default:
      // NULL and BOOL.
      return 1;
  }
}

/** Leading and trailing zeros do not count. */
function numberSize(text: string): number {
  const digits = text
    .replace(/e.*$/i, '')
    .replace(/[^0-9]/g, '')
    .replace(/^0+|0+$/g, '');
  return Math.ceil(digits.length / 2) + 1;
}

function sumOf<Element>(elements: readonly Element[], sizeOf: (element: Element) => number): number {
  return elements.reduce((sum, element) => sum + sizeOf(element), 0);
}
