import { ConfigurationError } from './errors.ts';

/** DynamoDB holds magnitudes from 1E-130 to below 1E126 [developer guide, Data types: Number]. */
const SMALLEST_NUMBER = 1e-130;
const NUMBERS_END = 1e126;

const JSON_NUMBER_OR_STRING = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * What the JSON of a value says, maps as Map. It needs nothing of the AWS SDK, so that a wrong value is told at once.
 * @throws ConfigurationError when the text is not JSON, or holds a number that JSON parsing would change.
 */
export function readJsonValue(text: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, asMap);
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    throw new ConfigurationError(
      `The value ${text} is not JSON. A string needs its quotes, for instance --value '"none"'.`,
      { cause },
    );
  }
  for (const literal of text.match(JSON_NUMBER_OR_STRING) ?? []) {
    if (!literal.startsWith('"')) refuseChangedNumber(literal);
  }
  return parsed;
}

/**
 * Of a plain object the library takes an entry `constructor` for its class; a Map has no such name.
 * @throws ConfigurationError for the one name that no object of the SDK can hold.
 */
function asMap(name: string, value: unknown): unknown {
  if (name === '__proto__') throw new ConfigurationError('The value names an attribute "__proto__".');
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
  return plain ? new Map(Object.entries(value)) : value;
}

function refuseChangedNumber(literal: string): void {
  const number = Number(literal);
  const magnitude = Math.abs(number);
  if (magnitude >= NUMBERS_END || (magnitude > 0 && magnitude < SMALLEST_NUMBER)) {
    throw new ConfigurationError(`The number ${literal} is outside of what DynamoDB can hold.`);
  }
  if (decimalValue(literal) !== decimalValue(String(number))) {
    throw new ConfigurationError(
      `The number ${literal} would become ${number} on its way through JSON; the table would hold another value than you wrote.`,
    );
  }
}

/** A decimal literal as sign, digits without outer zeros, and exponent: equal text if and only if equal value. */
function decimalValue(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().replace(/^-/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${literal.startsWith('-') ? '-' : ''}${significant}e${power}`;
}
