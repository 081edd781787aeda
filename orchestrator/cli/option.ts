import type { Options } from 'yargs';
import * as z from 'zod';
import { MAX_TOTAL_SEGMENTS } from '../../core/records.ts';

/**
 * One option: how it is given and shown (yargs), and what its value may be (zod, on the typed text). The schema is
 * created only on demand, because help needs none.
 */
export interface Option<T = unknown> extends Options {
  /** It may be given more than once. */
  readonly repeatable?: boolean;
  readonly schema: () => z.ZodType<T>;
}

/** Options by their typed name: `max-write-rate`. */
export type OptionSet = Readonly<Record<string, Option>>;

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The values of options under their names in programs: `maxWriteRate`. */
export type ValuesOf<Set extends OptionSet> = {
  readonly [Name in keyof Set & string as CamelCase<Name>]: z.output<ReturnType<Set[Name]['schema']>>;
};

export const GROUP = {
  what: 'What:',
  how: 'How:',
  where: 'Where the fleet runs:',
  output: 'Output:',
} as const;

type Group = (typeof GROUP)[keyof typeof GROUP];

/** An option with a value. For yargs every value is a string; the schema decides what it may be. */
export function value<T>(
  describe: string,
  group: Group,
  schema: () => z.ZodType<T>,
  more: Options = {},
): Option<T> {
  return { type: 'string', requiresArg: true, describe, group, ...more, schema };
}

export function flag(describe: string, group: Group): Option<boolean> {
  return { type: 'boolean', describe, group, schema: () => z.boolean().default(false) as z.ZodType<boolean> };
}

/** `maxWriteRate` is written `--max-write-rate`. */
export function optionName(setting: string): string {
  return setting.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

/** `max-write-rate` is `maxWriteRate` in a program. */
export function settingName(option: string): string {
  return option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export const nonEmpty = () => z.string().min(1, 'is empty');

export const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'is not a whole number')
    .transform(Number)
    .refine(n => n >= from && n <= to, `is not between ${from} and ${to}`);

/** The number of segments is limited by DynamoDB. */
export const segmentCount = () => wholeNumber(1, MAX_TOTAL_SEGMENTS);

export const unitsPerSecond = () =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d+)?$/, 'is not a number of capacity units a second')
    .transform(Number)
    .refine(n => n >= 1, 'is below 1 capacity unit a second');

export const dollars = () =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d+)?$/, 'is not an amount of US dollars')
    .transform(Number)
    .refine(n => n > 0, 'is not above 0');

export const isoTime = () =>
  z
    .string()
    .refine(
      text => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
      'is not a time in ISO 8601',
    )
    .transform(text => new Date(text).toISOString());

export const nameList = () =>
  z
    .string()
    .transform(text => text.split(',').map(name => name.trim()))
    .refine(names => names.every(name => name !== ''), 'has an empty name in its list');

/** DynamoDB's rule for table names [API reference, CreateTable]; an ARN names a table too. */
export const tableName = () =>
  z.string().regex(/^(arn:[^\s]+|[A-Za-z0-9_.-]{3,255})$/, 'is not a table name');

/**
 * Attribute names have at most 64 KB [developer guide, Limits], but a name above 255 bytes, a key's limit, is a
 * mistake.
 */
export const attributeName = () => nonEmpty().max(255, 'is longer than 255 characters');

export const accountId = () => z.string().regex(/^\d{12}$/, 'is not a 12-digit account');
