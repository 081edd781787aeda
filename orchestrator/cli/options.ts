import * as z from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import { readJsonValue } from '../../core/json-value.ts';
import { DEFAULT_NAMESPACE } from '../../core/metrics.ts';
import { ACCEPTABLE } from '../acceptable.ts';
import {
  accountId,
  attributeName,
  dollars,
  flag,
  GROUP,
  isoTime,
  nameList,
  nonEmpty,
  segmentCount,
  tableName,
  unitsPerSecond,
  type ValuesOf,
  value,
  wholeNumber,
} from './option.ts';
import { checkRecipeSettings, RECIPE_OPTIONS } from './recipe-options.ts';

/** Options that several commands share. Options of one command are in its file. */

const { what, how, where, output } = GROUP;

/** Options of every command. */
export const FLEET_OPTIONS = {
  stack: value(
    'CloudFormation stack whose outputs give all of the following',
    where,
    () => nonEmpty().default('fleetfill'),
    { default: 'fleetfill' },
  ),
  cluster: value('ECS cluster', where, () => z.string().optional()),
  'task-definition': value('Task definition: family, family:revision or ARN', where, () =>
    z.string().optional(),
  ),
  container: value('Container of the task definition that runs the worker', where, () =>
    z.string().optional(),
  ),
  subnets: value('Subnets of the tasks, a,b', where, () => nameList().optional()),
  'security-groups': value('Security groups of the tasks, a,b', where, () => nameList().optional()),
  'assign-public-ip': {
    ...flag('Give each task a public IP address', where),
    schema: () => z.boolean().optional(),
  },
  'control-table': value('Control table', where, () => tableName().optional()),
  namespace: value(`CloudWatch namespace of the metrics (default ${DEFAULT_NAMESPACE})`, where, () =>
    nonEmpty().max(255).optional(),
  ),
  'supervisor-task-definition': value('Task definition of the supervisor that --detach starts', where, () =>
    nonEmpty().optional(),
  ),
  'supervisor-container': value(
    'Container of that task definition',
    where,
    () => nonEmpty().default('supervisor'),
    { default: 'supervisor' },
  ),
  local: value(
    'Run on this machine instead of AWS; a folder keeps the database',
    where,
    () => z.string().optional(),
    { requiresArg: false },
  ),
  json: flag('Print one JSON object a line on stdout', output),
  debug: flag('Show stack traces', output),
};

export const TABLE_OPTIONS = {
  table: value('DynamoDB table', what, () => tableName().default('stuff'), { default: 'stuff' }),
  // yargs gets no default, because a recipe may replace it, and a typed value must differ from a default.
  attribute: value('Attribute to set where it is missing (default: test)', what, () =>
    attributeName().default('test'),
  ),
};

export const READ_RATE_OPTION = {
  'max-read-rate': value('Read capacity units a second for the whole fleet', how, () =>
    unitsPerSecond().optional(),
  ),
};

export const RATE_OPTIONS = {
  'max-write-rate': value('Write capacity units a second for the whole fleet', how, () =>
    unitsPerSecond().optional(),
  ),
  ...READ_RATE_OPTION,
};

/** The control table lists the items of a canary, so their number is limited. */
const MOST_CANARY_ITEMS = 10_000;

/** The value to set if neither a value nor a recipe is given, as JSON. */
export const DEFAULT_VALUE = '1';

/** The number of segments of a run that names none. */
export const DEFAULT_SEGMENTS = 32;

/** As long as point-in-time recovery goes back [developer guide]. */
const DEFAULT_UNDO_DAYS = 35;

/** The options that start a run. `plan`, `doctor` and `resume` take all or some of them. */
export const RUN_OPTIONS = {
  ...TABLE_OPTIONS,
  value: value(`Value to set, as JSON (default: ${DEFAULT_VALUE})`, what, () =>
    z.string().default(DEFAULT_VALUE),
  ),
  ...RECIPE_OPTIONS,
  account: value('Refuse to run in any other AWS account', what, () => accountId().optional()),
  segments: value('Segments of the parallel Scan', how, () => segmentCount().default(DEFAULT_SEGMENTS), {
    default: String(DEFAULT_SEGMENTS),
  }),
  tasks: value('Tasks that run at the same time (default: one for each segment)', how, () =>
    wholeNumber(1, 10_000).optional(),
  ),
  ...RATE_OPTIONS,
  'unattended-rate': value(
    'Write units a second for the fleet while nobody supervises it (default: a quarter of --max-write-rate)',
    how,
    () => unitsPerSecond().optional(),
  ),
  'write-api': value('How to write items', how, () => z.enum(['auto', 'batch', 'single']).default('auto'), {
    choices: ['auto', 'batch', 'single'],
    default: 'auto',
  }),
  passes: value('Most passes over the table', how, () => wholeNumber(1, 100).default(3), { default: '3' }),
  'max-attempts': value(
    'Give a segment up after this many launches in a row without progress',
    how,
    () => wholeNumber(1, 1_000).default(5),
    { default: '5' },
  ),
  'max-quarantine': value(
    'Stop when more items than this cannot be written (default: 5 % of the items tried, but at least 100)',
    how,
    () => wholeNumber(0, Number.MAX_SAFE_INTEGER).optional(),
  ),
  'allow-no-pitr': flag('Run although point-in-time recovery is off', how),
  'allow-expiry': flag('Run although items expire because of what is written', how),
  accept: value(`Run although the plan refuses for these reasons, a,b: ${ACCEPTABLE.join(', ')}`, how, () =>
    nameList()
      .refine(
        names => names.every(name => ACCEPTABLE.some(known => known === name)),
        `names a reason that is not one of ${ACCEPTABLE.join(', ')}`,
      )
      .default([]),
  ),
  'max-cost': value('Stop before the run has cost more than this many US dollars', how, () =>
    dollars().optional(),
  ),
  'deployed-at': value('When the code that sets the attribute went live (ISO 8601)', what, () =>
    isoTime().optional(),
  ),
  'created-key': value(
    'Attribute that says when an item was created (default: a key that holds a time)',
    what,
    () => attributeName().optional(),
  ),
  prices: value('JSON file with your own prices', how, () => nonEmpty().optional()),
  sample: value(
    'Random segments to read for the plan, about 1 MB each; 0 reads none',
    how,
    () => wholeNumber(0, 10_000).default(32),
    { default: '32' },
  ),
  'no-undo-log': flag('Keep no undo log; nobody can undo the run', how),
  'undo-days': value(
    'Days for which the run can be undone',
    how,
    () => wholeNumber(3, 3_650).default(DEFAULT_UNDO_DAYS),
    { default: String(DEFAULT_UNDO_DAYS) },
  ),
  'dry-run': flag('Do everything except the writes to the table', how),
  limit: value('Canary: write this many items, verify exactly those, and stop', how, () =>
    wholeNumber(1, MOST_CANARY_ITEMS).optional(),
  ),
  'single-writer-region': flag('State that no other Region writes to this replicated table', how),
  spot: flag('Run the tasks on Fargate Spot', how),
  'override-lock': value('Id of a run that holds the table although its control table is gone', how, () =>
    nonEmpty().optional(),
  ),
  yes: flag('Do not ask for confirmation', how),
};

/** For commands that write something and never ask, so that a script can pass it to every command. */
export const YES_OPTION = {
  yes: flag('Accepted as by every command that writes; this one never asks', how),
};

/** For `run` and `resume`. */
export const DETACH_OPTION = {
  detach: flag('Start a task that supervises the run, and return when it has taken over', how),
};

/** @throws ConfigurationError when no supervisor would be left after the command returns. */
export function checkDetach({ detach }: { readonly detach: boolean }, given: ReadonlySet<string>): void {
  if (!detach || !given.has('local')) return;
  throw new ConfigurationError(
    'The stack of --local ends with this command, and the supervisor that --detach starts would end with it. Start orchestrate local in another terminal, and leave --local out here.',
  );
}

export type FleetSettings = ValuesOf<typeof FLEET_OPTIONS>;
export type RunSettings = ValuesOf<typeof RUN_OPTIONS>;

/** @throws ConfigurationError for a value that is not JSON, and for options that conflict. */
export function checkRunSettings(
  settings: Partial<Pick<RunSettings, 'value' | 'set' | 'where' | 'tasks' | 'segments' | 'dryRun' | 'limit'>>,
  given: ReadonlySet<string>,
): void {
  const { value: json, tasks = 0, segments = Number.POSITIVE_INFINITY, dryRun, limit } = settings;
  if (json !== undefined) readJsonValue(json);
  checkRecipeSettings(settings, given);
  // If the number of segments is not given, the run's record has it.
  if (given.has('segments') && tasks > segments) {
    throw new ConfigurationError(
      `--tasks ${tasks} is more than --segments ${segments}: each task needs at least one segment.`,
    );
  }
  if (dryRun && limit !== undefined) {
    throw new ConfigurationError(
      '--dry-run writes nothing and --limit says how much to write. Give only one of them.',
    );
  }
}
