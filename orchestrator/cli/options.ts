import type { Options } from 'yargs';
import { z } from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import { readJsonValue } from '../../core/json-value.ts';
import { DEFAULT_NAMESPACE } from '../../core/metrics.ts';
import type { Recipe } from '../../core/recipe/recipe.ts';
import { MAX_TOTAL_SEGMENTS } from '../../core/records.ts';
import { ACCEPTABLE } from '../checks/acceptable.ts';
import { recipeOf } from './recipe-options.ts';

/**
 * Every option of every command. All that take a value are strings to yargs: what a value may be stands in
 * {@link settingsSchema}, in one place and with one wording.
 */
const value = (describe: string, group: string, more: Options = {}): Options => ({
  type: 'string',
  requiresArg: true,
  describe,
  group,
  ...more,
});
const flag = (describe: string, group: string): Options => ({ type: 'boolean', describe, group });

const WHAT = 'What:';
const HOW = 'How:';
const WHERE = 'Where the fleet runs:';
const OUTPUT = 'Output:';

export const FLEET_OPTIONS = {
  stack: value('CloudFormation stack whose outputs name all of the following', WHERE, {
    default: 'fleetfill',
  }),
  cluster: value('ECS cluster', WHERE),
  'task-definition': value('Task definition: family, family:revision or ARN', WHERE),
  container: value('Container of the task definition that runs the worker', WHERE),
  subnets: value('Subnets of the tasks, a,b', WHERE),
  'security-groups': value('Security groups of the tasks, a,b', WHERE),
  'assign-public-ip': flag('Give each task a public IP address', WHERE),
  'control-table': value('Control table', WHERE),
  namespace: value(`CloudWatch namespace of the metrics (default ${DEFAULT_NAMESPACE})`, WHERE),
  local: value('Run on this machine instead of AWS; with a folder, the database is kept there', WHERE, {
    requiresArg: false,
  }),
  json: flag('One JSON object a line on stdout', OUTPUT),
  debug: flag('Show stack traces', OUTPUT),
} satisfies Record<string, Options>;

/** The value that is set where neither a value nor a recipe is given, as JSON. */
export const DEFAULT_VALUE = '1';

export const TABLE_OPTIONS = {
  table: value('DynamoDB table', WHAT, { default: 'stuff' }),
  // Without a default for yargs: a recipe stands in place of both, and what was typed has to be told from what was not.
  attribute: value('Attribute to set where it is missing (default: test)', WHAT),
} satisfies Record<string, Options>;

/** What is computed, where it is not one value on every item. */
export const RECIPE_OPTIONS = {
  set: value(
    'NAME=EXPRESSION, in CEL: what to set where it is missing, computed from the item; repeatable',
    WHAT,
  ),
  where: value('Expression in CEL: only for items of which it is true', WHAT),
} satisfies Record<string, Options>;

export const READ_RATE_OPTION = {
  'max-read-rate': value('Read capacity units a second, for the whole fleet', HOW),
} satisfies Record<string, Options>;

export const RATE_OPTIONS = {
  'max-write-rate': value('Write capacity units a second, for the whole fleet', HOW),
  ...READ_RATE_OPTION,
} satisfies Record<string, Options>;

export const RUN_OPTIONS = {
  ...TABLE_OPTIONS,
  value: value(`Value to set, as JSON (default: ${DEFAULT_VALUE})`, WHAT),
  ...RECIPE_OPTIONS,
  account: value('Refuse any other AWS account', WHAT),
  segments: value('Segments of the parallel Scan', HOW, { default: '32' }),
  tasks: value('Tasks at the same time (default: one for each segment)', HOW),
  ...RATE_OPTIONS,
  'unattended-rate': value(
    'Write units a second of the fleet when nobody supervises it (default: a quarter of --max-write-rate)',
    HOW,
  ),
  'write-api': value('How items are written', HOW, { choices: ['auto', 'batch', 'single'], default: 'auto' }),
  passes: value('Passes at most', HOW, { default: '3' }),
  'max-attempts': value('Launches in a row without progress before a segment is given up', HOW, {
    default: '5',
  }),
  'max-quarantine': value(
    'Stop when more items than this cannot be written (default: 5 % of what was tried, at least 100)',
    HOW,
  ),
  'allow-no-pitr': flag('Go on although point-in-time recovery is off', HOW),
  'allow-expiry': flag('Go on although items expire by what is written', HOW),
  accept: value(`Go on although the plan refuses for these reasons, a,b: ${ACCEPTABLE.join(', ')}`, HOW),
  'max-cost': value('US dollars: stop before the run has cost more', HOW),
  'deployed-at': value('When the code that sets the attribute went live, ISO 8601', WHAT),
  'created-key': value(
    'Attribute that says when an item was created (default: a key that holds a time)',
    WHAT,
  ),
  prices: value('Your own price list, a JSON file', HOW),
  sample: value('Segments to read at random for the plan, about 1 MB each; 0 for none', HOW, {
    default: '32',
  }),
  'dry-run': flag('Do everything but the writes to the table', HOW),
  limit: value('A canary: write this many items, verify exactly those, and stop', HOW),
  'single-writer-region': flag('The table is replicated, and no other Region writes to it', HOW),
  spot: flag('Run the tasks on Fargate Spot', HOW),
  yes: flag('Do not ask for confirmation', HOW),
} satisfies Record<string, Options>;

/** The run's options as `plan` takes them. */
export const PLAN_OPTIONS = {
  ...RUN_OPTIONS,
  format: value('text, or md: a change ticket', OUTPUT, { choices: ['text', 'md'], default: 'text' }),
} satisfies Record<string, Options>;

export const DASHBOARD_OPTIONS = {
  port: value('Port on this machine; 0 is any free one', OUTPUT, { default: '0' }),
} satisfies Record<string, Options>;

export const REPORT_OPTIONS = {
  format: value('html: one file for a browser; md or json', OUTPUT, {
    choices: ['html', 'md', 'json'],
    default: 'html',
  }),
  out: value('File to write (default: html into fleetfill-RUN.html, md and json to stdout)', OUTPUT),
} satisfies Record<string, Options>;

/** The run's options as `resume` takes them: to be compared, so none has a default. */
export const RESUME_OPTIONS: Readonly<Record<string, Options>> = Object.fromEntries(
  Object.entries(RUN_OPTIONS).map(([name, { default: _, ...option }]: [string, Options]) => [name, option]),
);

/**
 * Those of them that a variable may stand for. Not the rates: `orchestrate rate` may have changed them, and a variable
 * set before the start must not keep the run from going on.
 */
export const RESUME_VARIABLES: Readonly<Record<string, Options>> = Object.fromEntries(
  Object.entries(RESUME_OPTIONS).filter(([name]) => !Object.hasOwn(RATE_OPTIONS, name)),
);

const { table, attribute, set, where, value: valueOption, account, segments, tasks, spot } = RUN_OPTIONS;

/** What doctor must know of the run that is to come. */
export const DOCTOR_OPTIONS = {
  table,
  attribute,
  value: valueOption,
  set,
  where,
  account,
  segments,
  tasks,
  spot,
  'write-api': RUN_OPTIONS['write-api'],
  'allow-no-pitr': RUN_OPTIONS['allow-no-pitr'],
  'single-writer-region': RUN_OPTIONS['single-writer-region'],
  task: flag('Start one task that tries each call of a worker once and changes no item', HOW),
  patience: value('Seconds that the task of --task may take', HOW, { default: '600' }),
} satisfies Record<string, Options>;

/** A capacity for the tables of `orchestrate local`; without any, the engine is as fast as it can. */
export const LOCAL_OPTIONS = {
  'write-capacity': value('Write units a second that each table takes', HOW),
  'read-capacity': value('Read units a second that each table takes', HOW),
  partitions: value('Partitions of each table, of 1,000 write and 3,000 read units a second each', HOW),
  latency: value('Milliseconds added to each call', HOW),
} satisfies Record<string, Options>;

export const STATUS_OPTIONS = {
  watch: flag('Show it every two seconds until it ends', OUTPUT),
} satisfies Record<string, Options>;

export const FAILURES_OPTIONS = {
  retry: flag('Try each of them again', HOW),
} satisfies Record<string, Options>;

/** The names of all options of all commands, for whoever misspells one. */
export const OPTION_NAMES: readonly string[] = Object.keys({
  ...FLEET_OPTIONS,
  ...PLAN_OPTIONS,
  ...DOCTOR_OPTIONS,
  ...DASHBOARD_OPTIONS,
  ...REPORT_OPTIONS,
  ...LOCAL_OPTIONS,
  ...STATUS_OPTIONS,
  ...FAILURES_OPTIONS,
});

/** `--max-write-rate` is `FLEETFILL_MAX_WRITE_RATE`. A variable that names no option is none of ours. */
export function optionsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  options: Readonly<Record<string, Options>>,
): Record<string, string | boolean> {
  const given: Record<string, string | boolean> = {};
  for (const name of Object.keys(options)) {
    const text = environment[`FLEETFILL_${name.toUpperCase().replaceAll('-', '_')}`];
    if (text === undefined || text === '') continue;
    given[name] = options[name]?.type === 'boolean' ? !['0', 'false', 'no'].includes(text) : text;
  }
  return given;
}

const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'is not a whole number')
    .transform(Number)
    .refine(n => n >= from && n <= to, `is not between ${from} and ${to}`);

const rate = z
  .string()
  .regex(/^\d{1,9}(\.\d+)?$/, 'is not a number of capacity units a second')
  .transform(Number)
  .refine(n => n >= 1, 'is below 1 capacity unit a second');

const dollars = z
  .string()
  .regex(/^\d{1,9}(\.\d+)?$/, 'is not an amount of US dollars')
  .transform(Number)
  .refine(n => n > 0, 'is not above 0');

const isoTime = z
  .string()
  .refine(
    text => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
    'is not a time in ISO 8601',
  )
  .transform(text => new Date(text).toISOString());

/** The items of a canary are named in the control table, so that never more are written. */
const MOST_CANARY_ITEMS = 10_000;

const nameList = z
  .string()
  .transform(text => text.split(',').map(name => name.trim()))
  .refine(names => names.every(name => name !== ''), 'has an empty name in its list');

/** Refusals of the plan that an operator may accept. */
const reasons = nameList.refine(
  names => names.every(name => ACCEPTABLE.some(known => known === name)),
  `has a reason that is none of ${ACCEPTABLE.join(', ')}`,
);

/** DynamoDB's rule for table names [API reference, CreateTable]; an ARN names a table too. */
const tableName = z.string().regex(/^(arn:[^\s]+|[A-Za-z0-9_.-]{3,255})$/, 'is not a table name');

/** Attribute names have at most 64 KB [developer guide, Limits]; nobody means one longer than a key's 255 bytes. */
const attributeName = z.string().min(1, 'is empty').max(255, 'is longer than 255 characters');

const settingsSchema = z.object({
  stack: z.string().min(1, 'is empty').default('fleetfill'),
  cluster: z.string().optional(),
  taskDefinition: z.string().optional(),
  container: z.string().optional(),
  subnets: nameList.optional(),
  securityGroups: nameList.optional(),
  assignPublicIp: z.boolean().optional(),
  controlTable: tableName.optional(),
  namespace: z.string().min(1, 'is empty').max(255).optional(),
  json: z.boolean().default(false),
  debug: z.boolean().default(false),
  table: tableName.default('stuff'),
  attribute: attributeName.default('test'),
  value: z.string().default(DEFAULT_VALUE),
  set: z
    .union([z.string(), z.array(z.string())])
    .transform(given => [given].flat())
    .default([]),
  where: z.string().optional(),
  account: z
    .string()
    .regex(/^\d{12}$/, 'is not a 12-digit account')
    .optional(),
  segments: wholeNumber(1, MAX_TOTAL_SEGMENTS).default(32),
  tasks: wholeNumber(1, 10_000).optional(),
  maxWriteRate: rate.optional(),
  maxReadRate: rate.optional(),
  unattendedRate: rate.optional(),
  writeApi: z.enum(['auto', 'batch', 'single']).default('auto'),
  passes: wholeNumber(1, 100).default(3),
  maxAttempts: wholeNumber(1, 1_000).default(5),
  maxQuarantine: wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  allowNoPitr: z.boolean().default(false),
  allowExpiry: z.boolean().default(false),
  accept: reasons.default([]),
  singleWriterRegion: z.boolean().default(false),
  maxCost: dollars.optional(),
  deployedAt: isoTime.optional(),
  createdKey: attributeName.optional(),
  prices: z.string().min(1, 'is empty').optional(),
  sample: wholeNumber(0, 10_000).default(32),
  dryRun: z.boolean().default(false),
  limit: wholeNumber(1, MOST_CANARY_ITEMS).optional(),
  format: z.enum(['text', 'md', 'html', 'json']).default('text'),
  out: z.string().min(1, 'is empty').optional(),
  port: wholeNumber(0, 65_535).default(0),
  spot: z.boolean().default(false),
  yes: z.boolean().default(false),
  retry: z.boolean().default(false),
  watch: z.boolean().default(false),
  task: z.boolean().default(false),
  patience: wholeNumber(5, 3_600).default(600),
  writeCapacity: rate.optional(),
  readCapacity: rate.optional(),
  partitions: wholeNumber(1, 10_000).optional(),
  latency: wholeNumber(0, 60_000).optional(),
  run: z.string().optional(),
});

/** `given`: what the operator named, as opposed to defaults. */
export type Settings = z.infer<typeof settingsSchema> & {
  readonly given: ReadonlySet<string>;
  /** What `--set` and `--where` say; undefined for one value on every item. */
  readonly recipe: Recipe | undefined;
};

/** `maxWriteRate` is written `--max-write-rate`. */
export function optionName(setting: string): string {
  return setting.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

/** @throws ConfigurationError with every problem, a line each; then for options that do not go together. */
export function parseSettings(given: Readonly<Record<string, unknown>>): Settings {
  const twice = OPTION_NAMES.filter(name => name !== 'set' && Array.isArray(given[name]));
  if (twice.length > 0) throw new ConfigurationError(`--${twice.join(', --')} is given more than once.`);
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success) {
    const named = new Set(Object.keys(given).filter(name => given[name] !== undefined));
    const recipe = recipeOf({ ...parsed.data, given: named });
    const settings = { ...parsed.data, given: named, recipe };
    readJsonValue(settings.value);
    refuseContradictions(settings);
    return settings;
  }
  const problems = parsed.error.issues.map(({ path, message }) => {
    const key = String(path[0]);
    return `--${optionName(key)} ${message}: ${String(given[key])}`;
  });
  throw new ConfigurationError(problems.join('\n'));
}

function refuseContradictions({ tasks, segments, dryRun, limit, given }: Settings): void {
  // A command that takes segments without naming their number has them from the run's record.
  if (given.has('segments') && (tasks ?? 0) > segments) {
    throw new ConfigurationError(
      `--tasks ${tasks} is more than --segments ${segments}: a task needs a segment.`,
    );
  }
  if (dryRun && limit !== undefined) {
    throw new ConfigurationError(
      '--dry-run writes nothing, and --limit says how much to write: give one of them.',
    );
  }
}
