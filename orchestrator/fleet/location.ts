import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { doubting, requestHandler } from '../../core/aws-clients.ts';
import { describeError, PreflightError } from '../../core/errors.ts';
import { DEFAULT_NAMESPACE } from '../../core/metrics.ts';
import type { FleetLocation } from './fleet.ts';

/** What every command must know of its surroundings. */
export interface Surroundings extends FleetLocation {
  readonly controlTable: string;
  readonly namespace: string;
  /** For `--detach`; absent if neither an option nor the stack names one. */
  readonly supervisor?: { readonly taskDefinition: string; readonly container: string };
  /** The stack that was read; absent if options named everything. */
  readonly stack?: StackFacts;
}

/** A stack with its outputs by key. */
export interface StackFacts {
  readonly name: string;
  readonly status: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Outputs of infra/fleet.yaml that every run needs. A test compares the template with this list. */
export const STACK_OUTPUTS = [
  'Cluster',
  'TaskDefinition',
  'Container',
  'Subnets',
  'SecurityGroups',
  'AssignPublicIp',
  'ControlTable',
  'Namespace',
] as const;

/** Outputs that messages name, and by which a stack for another table is refused. */
export const FURTHER_STACK_OUTPUTS = [
  'LogGroup',
  'SupervisorTaskDefinition',
  'Table',
  'Attributes',
  'RestrictAttributes',
  'DashboardUrl',
  'OperatorPolicy',
  'SourceAttributes',
  'OperatorKeyPolicy',
  'TableKmsKey',
] as const;

/** Outputs that exist only if the stack was given the value: a recipe's sources, the table's key. */
export const OPTIONAL_OUTPUTS: readonly string[] = ['SourceAttributes', 'OperatorKeyPolicy', 'TableKmsKey'];

/**
 * States in which a stack's outputs are usable. During an update they name what existed before, and a person must be
 * able to pause a run then.
 */
const USABLE_STATUS = /^(CREATE_COMPLETE|IMPORT_COMPLETE|UPDATE_.+)$/;

/** A person who asks for a run's status waits at most this long for the stack. */
const REPLY_TIMEOUT_MS = 5_000;

/** What the options say about where the fleet runs. The stack's outputs fill in the rest. */
export interface FleetChoice {
  readonly stack: string;
  readonly cluster?: string | undefined;
  readonly taskDefinition?: string | undefined;
  readonly container?: string | undefined;
  readonly subnets?: readonly string[] | undefined;
  readonly securityGroups?: readonly string[] | undefined;
  readonly assignPublicIp?: boolean | undefined;
  readonly controlTable?: string | undefined;
  readonly namespace?: string | undefined;
  readonly supervisorTaskDefinition?: string | undefined;
  readonly supervisorContainer?: string;
  readonly table?: string;
  readonly attribute?: string;
  /** For a recipe: `NAME=EXPRESSION` for each target. */
  readonly set?: readonly string[];
  /** The names of the settings that were given, without defaults. */
  readonly given: ReadonlySet<string>;
}

/** Whether a command means the table and attribute of its options, including defaults, or those of a run's record. */
export type TableMeant = 'of-the-options' | 'of-a-run';

/**
 * Finds out where the fleet runs: from options if they name everything needed, otherwise from the stack's outputs,
 * which options override.
 * @throws PreflightError when the stack is needed and cannot be read, is not complete, lacks an output, or is for
 * another table or attribute.
 */
export async function locateFleet(
  settings: FleetChoice,
  meant: TableMeant = 'of-the-options',
): Promise<Surroundings> {
  const { cluster, taskDefinition, subnets, securityGroups, controlTable } = settings;
  if (cluster && taskDefinition && subnets && securityGroups && controlTable) {
    return { cluster, taskDefinition, subnets, securityGroups, controlTable, ...defaults(settings, {}) };
  }
  const stack = await readStack(settings.stack);
  const { outputs } = stack;
  refuseOtherTable(settings, stack, meant);
  const given: Partial<Record<string, unknown>> = {
    Cluster: cluster,
    TaskDefinition: taskDefinition,
    Subnets: subnets,
    SecurityGroups: securityGroups,
    ControlTable: controlTable,
  };
  const missing = STACK_OUTPUTS.filter(name => name in given && !given[name] && !outputs[name]);
  if (missing.length > 0) {
    throw new PreflightError(
      `The stack ${settings.stack} has no output ${missing.join(', ')}. Check that it was made from infra/fleet.yaml.`,
    );
  }
  return {
    cluster: cluster ?? outputs['Cluster'] ?? '',
    taskDefinition: taskDefinition ?? outputs['TaskDefinition'] ?? '',
    subnets: subnets ?? listOf(outputs['Subnets']),
    securityGroups: securityGroups ?? listOf(outputs['SecurityGroups']),
    controlTable: controlTable ?? outputs['ControlTable'] ?? '',
    ...defaults(settings, outputs),
    stack,
  };
}

/** The task definition that the stack names now; undefined if an option names one. */
export async function currentTaskDefinition(settings: FleetChoice): Promise<string | undefined> {
  if (settings.taskDefinition !== undefined) return undefined;
  return (await readStack(settings.stack)).outputs['TaskDefinition'];
}

/** Finds only the control table, for commands that do not use the fleet. */
export async function locateControlTable(settings: FleetChoice): Promise<string> {
  return settings.controlTable ?? (await locateFleet(settings, 'of-a-run')).controlTable;
}

function defaults(settings: FleetChoice, outputs: Readonly<Record<string, string>>) {
  const supervisor = settings.supervisorTaskDefinition ?? outputs['SupervisorTaskDefinition'];
  return {
    ...(supervisor && {
      supervisor: { taskDefinition: supervisor, container: settings.supervisorContainer ?? 'supervisor' },
    }),
    container: settings.container ?? outputs['Container'] ?? 'job',
    assignPublicIp: settings.assignPublicIp ?? outputs['AssignPublicIp'] === 'ENABLED',
    namespace: settings.namespace ?? outputs['Namespace'] ?? DEFAULT_NAMESPACE,
  };
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map(name => name.trim());
}

/** Whether the stack's roles may use the attributes of its parameters only, which is the default of infra/fleet.yaml. */
export function restrictsAttributes({ outputs }: Pick<StackFacts, 'outputs'>): boolean {
  return outputs['RestrictAttributes'] !== 'false';
}

/**
 * A stack's roles are for one table and, unless they are not restricted, for its attributes. For another table or
 * attribute, each call would be denied.
 */
function refuseOtherTable(
  { table, attribute, set = [], given }: FleetChoice,
  stack: StackFacts,
  meant: TableMeant,
): void {
  const { name, outputs } = stack;
  // A stack from before runs could set several attributes has the output Attribute instead.
  const its = { table: outputs['Table'], attribute: outputs['Attributes'] ?? outputs['Attribute'] };
  const targets = set.map(text => text.split('=', 1).join('').trim());
  const asked = {
    table: table === undefined ? [] : [table.split('/').at(-1) ?? table],
    attribute: targets.length > 0 || attribute === undefined ? targets : [attribute],
  };
  for (const what of ['table', 'attribute'] as const) {
    if (what === 'attribute' && !restrictsAttributes(stack)) continue;
    if (meant === 'of-a-run' && !given.has(what) && targets.length === 0) continue;
    const names = its[what]?.split(',') ?? asked[what];
    const other = asked[what].find(wanted => !names.includes(wanted));
    if (other === undefined) continue;
    const instead =
      targets.length > 0 && what === 'attribute' ? 'Set one of those' : `Give --${what} ${names[0]}`;
    throw new PreflightError(
      `The stack ${name} is for the ${what} ${names.join(', ')}, not ${other}, and its roles may not touch any other.\n` +
        `${instead}, or use --stack to name the stack for ${other}. Each table has its own stack.`,
    );
  }
}

function createClient(): CloudFormationClient {
  return doubting(
    new CloudFormationClient({ maxAttempts: 1, requestHandler: requestHandler(REPLY_TIMEOUT_MS) }),
    'CloudFormation',
  );
}

async function readStack(name: string): Promise<StackFacts> {
  let found: Stack | undefined;
  try {
    const { Stacks } = await createClient().send(new DescribeStacksCommand({ StackName: name }));
    found = Stacks?.[0];
  } catch (cause) {
    throw new PreflightError(
      `The stack ${name} cannot be read: ${describeError(cause)}\n` +
        'Name another stack with --stack, or name the fleet itself with --cluster, --task-definition, --subnets, ' +
        '--security-groups and --control-table.',
      { cause },
    );
  }
  const status = found?.StackStatus ?? 'gone';
  if (!USABLE_STATUS.test(status)) {
    const reason = found?.StackStatusReason ? `: ${found.StackStatusReason}` : '';
    throw new PreflightError(
      status === 'CREATE_IN_PROGRESS'
        ? `The stack ${name} is still being created. Wait for it: aws cloudformation wait stack-create-complete --stack-name ${name}`
        : `The stack ${name} is ${status}${reason}, so its outputs may be wrong. Fix the stack first.`,
    );
  }
  const outputs = (found?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [
    OutputKey,
    OutputValue,
  ]);
  return { name, status, outputs: Object.fromEntries(outputs) };
}
