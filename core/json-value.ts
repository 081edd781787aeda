import { decimalValue, isDynamoNumber } from './decimal.ts';
import { ConfigurationError } from './errors.ts';

const JSON_NUMBER_OR_STRING = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * The value of a JSON text, with maps as Map. It does not need the AWS SDK, so a wrong value is reported at once.
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
 * In a plain object the library would take an entry `constructor` for the class. A Map avoids that.
 * @throws ConfigurationError for the one name that no object of the SDK can hold.
 */
function asMap(name: string, value: unknown): unknown {
  if (name === '__proto__') throw new ConfigurationError('The value names an attribute "__proto__".');
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value);
  return plain ? new Map(Object.entries(value)) : value;
}

function refuseChangedNumber(literal: string): void {
  const number = Number(literal);
  if (!isDynamoNumber(number)) {
    throw new ConfigurationError(`The number ${literal} is outside the range of DynamoDB.`);
  }
  if (decimalValue(literal) !== decimalValue(String(number))) {
    throw new ConfigurationError(
      `The number ${literal} would become ${number} when it is read as JSON, so the table would hold a different value from yours.`,
    );
  }
}
