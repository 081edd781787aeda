import * as z from 'zod';
import { parseJsonValue } from './attribute-value.ts';
import { ConfigurationError, describeError } from './errors.ts';
import { MAX_TOTAL_SEGMENTS } from './records.ts';

/**
 * The worker's configuration, which is only its environment. The orchestrator sets it as container overrides.
 * Everything else (key schema, pass, write API, rates) is in the run's record.
 */
export interface TaskEnvironment {
  readonly runId: string;
  readonly launchId: string;
  /** Zero-based segments of the parallel Scan, in the order in which the worker takes them. */
  readonly segments: readonly number[];
  readonly totalSegments: number;
  readonly table: string;
  /** If the run has a recipe, this and the value are absent, and the run's record has the recipe. */
  readonly attribute?: string;
  /** The value to set, as the JSON text that the operator gave. */
  readonly value?: string;
  readonly controlTable: string;
  readonly namespace: string;
}

const required = z.string({ error: 'is not set' }).min(1, 'is empty');

const wholeNumber = required.regex(/^\d{1,7}$/, 'is not a whole number').transform(Number);

const json = required.check(({ value, issues }) => {
  const problem = problemOfValue(value);
  if (problem !== undefined) issues.push({ code: 'custom', input: value, message: problem });
});

const segmentList = required
  .regex(/^\d{1,7}(,\d{1,7})*$/, 'is not a comma-separated list of whole numbers')
  .transform(text => text.split(',').map(Number))
  .refine(list => new Set(list).size === list.length, 'names a segment twice');

const variables = z
  .object({
    FLEETFILL_RUN_ID: required,
    FLEETFILL_LAUNCH: required,
    FLEETFILL_SEGMENTS: segmentList,
    FLEETFILL_TOTAL_SEGMENTS: wholeNumber.refine(
      n => n >= 1 && n <= MAX_TOTAL_SEGMENTS,
      `is not between 1 and ${MAX_TOTAL_SEGMENTS}`,
    ),
    FLEETFILL_TABLE: required,
    FLEETFILL_ATTRIBUTE: required.optional(),
    FLEETFILL_VALUE: json.optional(),
    FLEETFILL_CONTROL_TABLE: required,
    FLEETFILL_NAMESPACE: required,
  })
  .check(({ value, issues }) => {
    const alone = ['FLEETFILL_ATTRIBUTE', 'FLEETFILL_VALUE'] as const;
    const unset = alone.filter(name => value[name] === undefined);
    const [name] = unset;
    if (unset.length === 1 && name !== undefined) {
      const message = 'is not set, but the other one is. Set both, or neither for a run with a recipe';
      issues.push({ code: 'custom', input: undefined, path: [name], message });
    }
  })
  .check(({ value, issues }) => {
    // Also called for a list that could not be parsed and is still text.
    const segments: unknown = value.FLEETFILL_SEGMENTS;
    if (!Array.isArray(segments)) return;
    const beyond = segments.filter(segment => segment >= value.FLEETFILL_TOTAL_SEGMENTS);
    if (beyond.length > 0) {
      issues.push({
        code: 'custom',
        input: value.FLEETFILL_SEGMENTS,
        path: ['FLEETFILL_SEGMENTS'],
        message: `names ${beyond.join(', ')}, but FLEETFILL_TOTAL_SEGMENTS is ${value.FLEETFILL_TOTAL_SEGMENTS}`,
      });
    }
  });

/** Reported only together with other problems, because on its own it is normal for a run with a recipe. */
const NO_CONSTANT =
  'FLEETFILL_ATTRIBUTE and FLEETFILL_VALUE are not set, which is right only for a run with a recipe';

/** The names, for the task definition's documentation and the tests that compare infra/ with them. */
export const TASK_ENVIRONMENT_VARIABLES = Object.keys(variables.shape);

/** Why a text is not a value; undefined if it is. */
function problemOfValue(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  try {
    parseJsonValue(text);
    return undefined;
  } catch (error) {
    return `cannot be set: ${describeError(error)}`;
  }
}

/**
 * Reads the worker's environment.
 * @throws ConfigurationError that names every problem at once, a line each.
 */
export function parseTaskEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): TaskEnvironment {
  const parsed = variables.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(issue => `${issue.path.join('.')} ${issue.message}`);
    const neither = environment['FLEETFILL_ATTRIBUTE'] ?? environment['FLEETFILL_VALUE'];
    if (neither === undefined) problems.push(NO_CONSTANT);
    throw new ConfigurationError(`The environment of this task is not usable:\n${problems.join('\n')}`);
  }
  const given = parsed.data;
  return {
    runId: given.FLEETFILL_RUN_ID,
    launchId: given.FLEETFILL_LAUNCH,
    segments: given.FLEETFILL_SEGMENTS,
    totalSegments: given.FLEETFILL_TOTAL_SEGMENTS,
    table: given.FLEETFILL_TABLE,
    ...(given.FLEETFILL_ATTRIBUTE !== undefined && { attribute: given.FLEETFILL_ATTRIBUTE }),
    ...(given.FLEETFILL_VALUE !== undefined && { value: given.FLEETFILL_VALUE }),
    controlTable: given.FLEETFILL_CONTROL_TABLE,
    namespace: given.FLEETFILL_NAMESPACE,
  };
}

/** The inverse of {@link parseTaskEnvironment}, as RunTask's container overrides. */
export function encodeTaskEnvironment(task: TaskEnvironment): { name: string; value: string }[] {
  const values: Record<keyof typeof variables.shape, string | undefined> = {
    FLEETFILL_RUN_ID: task.runId,
    FLEETFILL_LAUNCH: task.launchId,
    FLEETFILL_SEGMENTS: task.segments.join(','),
    FLEETFILL_TOTAL_SEGMENTS: String(task.totalSegments),
    FLEETFILL_TABLE: task.table,
    FLEETFILL_ATTRIBUTE: task.attribute,
    FLEETFILL_VALUE: task.value,
    FLEETFILL_CONTROL_TABLE: task.controlTable,
    FLEETFILL_NAMESPACE: task.namespace,
  };
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}
