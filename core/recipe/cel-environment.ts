import {
  type CelEnv,
  type CelFunc,
  type CelInput,
  CelScalar,
  celEnv,
  celFunc,
  celMethod,
  celUint,
  objectType,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { TimestampSchema, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';

const { DOUBLE, INT, STRING, UINT } = CelScalar;
const TIMESTAMP = objectType(TimestampSchema);

const WHOLE_NUMBER = /^[+-]?\d{1,19}$/;
const DECIMAL_NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Functions that fail where the library's own conversions would silently give a wrong number. There, `int("")` is 0,
 * `double("none")` is NaN, `timestamp(seconds)` takes milliseconds, and `double(int)` may lose digits. The parts of a
 * time are in UTC here. The library uses this machine's time zone, but an expression must give the same value in the
 * worker, in the plan and in the verification.
 */
const CORRECTIONS: CelFunc[] = [
  celFunc('int', [STRING], INT, text => int64(wholeNumber(text))),
  celFunc('uint', [STRING], UINT, text => celUint(wholeNumber(text))),
  celFunc('double', [STRING], DOUBLE, text => {
    if (!DECIMAL_NUMBER.test(text)) throw new Error(`double("${text}"): the text is not a number`);
    return Number(text);
  }),
  celFunc('double', [INT], DOUBLE, int => {
    const double = Number(int);
    if (BigInt(double) !== int) throw new Error(`double(${int}) would lose digits`);
    return double;
  }),
  celFunc('timestamp', [INT], TIMESTAMP, seconds => timestampFromMs(Number(seconds) * 1_000)),
  ...(
    [
      ['getFullYear', date => date.getUTCFullYear()],
      ['getMonth', date => date.getUTCMonth()],
      ['getDate', date => date.getUTCDate()],
      ['getDayOfMonth', date => date.getUTCDate() - 1],
      ['getDayOfWeek', date => date.getUTCDay()],
      ['getDayOfYear', dayOfYear],
      ['getHours', date => date.getUTCHours()],
      ['getMinutes', date => date.getUTCMinutes()],
      ['getSeconds', date => date.getUTCSeconds()],
      ['getMilliseconds', date => date.getUTCMilliseconds()],
    ] satisfies [string, (date: Date) => number][]
  ).flatMap(([name, part]) => [
    celMethod(name, TIMESTAMP, [], INT, function () {
      return BigInt(part(timestampDate(this.message)));
    }),
    celMethod(name, TIMESTAMP, [STRING], INT, (): CelInput<typeof INT> => {
      throw new Error(`${name} with a time zone depends on the machine; leave it out to get UTC`);
    }),
  ]),
];

/** The functions and types of every recipe: CEL's own and its string extension, without clock and randomness. */
export function recipeEnvironment(): CelEnv {
  return celEnv({ funcs: [...strings, ...CORRECTIONS] });
}

function wholeNumber(text: string): bigint {
  if (!WHOLE_NUMBER.test(text))
    throw new Error(`int("${text}"): the text is not a whole number within 64 bits`);
  return BigInt(text.replace(/^\+/, ''));
}

function int64(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new Error(`${value} has more than 64 bits`);
  return value;
}

function dayOfYear(date: Date): number {
  const year = date.getUTCFullYear();
  const start = new Date(0);
  start.setUTCFullYear(year, 0, 1);
  return Math.floor((date.getTime() - start.getTime()) / 86_400_000);
}
