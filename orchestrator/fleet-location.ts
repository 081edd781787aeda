import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { describeError, PreflightError } from '../core/errors.ts';
import { DEFAULT_NAMESPACE } from '../core/metrics.ts';
import type { FleetLocation } from './fleet.ts';
import type { Settings } from './options.ts';

/** Everything that a command must know beside what to do. */
export interface Surroundings extends FleetLocation {
  readonly controlTable: string;
  readonly namespace: string;
}

/** Outputs of infra/fleet.yaml; a test holds the template against this list. */
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

/**
 * Where the fleet runs: by options where all that matters is given, otherwise by the stack's outputs with options
 * over them.
 * @throws PreflightError when the stack is needed and cannot be read, or lacks an output.
 */
export async function locateFleet(settings: Settings): Promise<Surroundings> {
  const { cluster, taskDefinition, subnets, securityGroups, controlTable } = settings;
  if (cluster && taskDefinition && subnets && securityGroups && controlTable) {
    return { cluster, taskDefinition, subnets, securityGroups, controlTable, ...defaults(settings, {}) };
  }
  const outputs = await readStack(settings.stack);
  const needed = (option: string | undefined, output: (typeof STACK_OUTPUTS)[number]): string => {
    const found = option ?? outputs[output];
    if (found) return found;
    throw new PreflightError(
      `The stack ${settings.stack} has no output ${output}. Is it made from infra/fleet.yaml?`,
    );
  };
  return {
    cluster: needed(cluster, 'Cluster'),
    taskDefinition: needed(taskDefinition, 'TaskDefinition'),
    subnets: subnets ?? needed(undefined, 'Subnets').split(','),
    securityGroups: securityGroups ?? needed(undefined, 'SecurityGroups').split(','),
    controlTable: needed(controlTable, 'ControlTable'),
    ...defaults(settings, outputs),
  };
}

/** The control table alone, for commands that do not touch the fleet. */
export async function locateControlTable(settings: Settings): Promise<string> {
  return settings.controlTable ?? (await locateFleet(settings)).controlTable;
}

function defaults(settings: Settings, outputs: Readonly<Record<string, string>>) {
  return {
    container: settings.container ?? outputs['Container'] ?? 'job',
    assignPublicIp: settings.assignPublicIp ?? outputs['AssignPublicIp'] === 'ENABLED',
    namespace: settings.namespace ?? outputs['Namespace'] ?? DEFAULT_NAMESPACE,
  };
}

async function readStack(stack: string): Promise<Record<string, string>> {
  try {
    const { Stacks } = await new CloudFormationClient().send(new DescribeStacksCommand({ StackName: stack }));
    const outputs = Stacks?.[0]?.Outputs ?? [];
    return Object.fromEntries(
      outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
  } catch (cause) {
    throw new PreflightError(
      `The stack ${stack} cannot be read: ${describeError(cause)}\n` +
        'Name another with --stack, or the fleet itself with --cluster, --task-definition, --subnets, ' +
        '--security-groups and --control-table.',
      { cause },
    );
  }
}
