import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { createControlTableClient, createDataPlaneClient } from '../../core/aws-clients.ts';
import { systemClock } from '../../core/clock.ts';
import { ControlTable } from '../../core/control-table.ts';
import { PreflightError } from '../../core/errors.ts';
import { ProbeStore } from '../../core/probe-store.ts';
import { loadRule } from '../../core/recipe/load.ts';
import { checkServiceLinkedRole } from '../checks/account.ts';
import { createDoctorClients } from '../checks/clients.ts';
import { type Finding, failure, ok, warning } from '../checks/finding.ts';
import { FIRST_CONTACT_CHECKS, FIRST_CONTACT_PAGE } from '../checks/first-contact.ts';
import { checkCluster, judgeTaskDefinition, readTaskDefinition } from '../checks/fleet.ts';
import { checkImage } from '../checks/image.ts';
import { checkNetwork } from '../checks/network.ts';
import { checkOperatorPlace } from '../checks/operator-place.ts';
import { checkQuota } from '../checks/quota.ts';
import { sourceAttributeFindings } from '../checks/source-attributes.ts';
import { judgeSupervisor, withoutSupervisor } from '../checks/supervisor.ts';
import { probeSupervisor } from '../checks/supervisor-probe.ts';
import type { TableFacts } from '../checks/table.ts';
import { checkControlTable, checkTable, checkTableKey } from '../checks/table-access.ts';
import { probeTask } from '../checks/task-probe.ts';
import { type CommandContext, defineCommand, type Handler, type SettingsOf } from '../cli/command.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import { nextCommand } from '../cli/next-command.ts';
import { flag, GROUP, value, wholeNumber } from '../cli/option.ts';
import { checkRunSettings, RUN_OPTIONS, TABLE_OPTIONS } from '../cli/options.ts';
import { RECIPE_OPTIONS } from '../cli/recipe-options.ts';
import { Fleet } from '../fleet/fleet.ts';
import {
  FURTHER_STACK_OUTPUTS,
  locateFleet,
  OPTIONAL_OUTPUTS,
  type Surroundings,
} from '../fleet/location.ts';
import { operatorName } from '../operator-name.ts';
import { row } from '../plan/rows.ts';
import { supervisorCommand } from '../supervise/hand-over.ts';
import { writtenOf } from '../written-settings.ts';

export const doctor = defineCommand({
  usage: 'doctor',
  describe: 'Check everything that a run needs; --task also starts two harmless tasks',
  options: {
    ...TABLE_OPTIONS,
    value: RUN_OPTIONS.value,
    ...RECIPE_OPTIONS,
    account: RUN_OPTIONS.account,
    segments: RUN_OPTIONS.segments,
    tasks: RUN_OPTIONS.tasks,
    spot: RUN_OPTIONS.spot,
    'write-api': RUN_OPTIONS['write-api'],
    'allow-no-pitr': RUN_OPTIONS['allow-no-pitr'],
    'single-writer-region': RUN_OPTIONS['single-writer-region'],
    task: flag(
      'Start a worker and a supervisor that try each of their calls once; no item changes',
      GROUP.how,
    ),
    patience: value(
      'Seconds to wait for each task of --task',
      GROUP.how,
      () => wholeNumber(5, 3_600).default(600),
      {
        default: '600',
      },
    ),
  },
  examples: [
    ['$0 doctor', 'check everything that a run needs'],
    ['$0 doctor --task', 'also start a worker and a supervisor, each with its own role'],
  ],
  check: checkRunSettings,
});

/**
 * `orchestrate doctor`: checks that everything a run needs exists and fits. With `--task`, it also tries a real worker
 * and a real supervisor. It changes nothing except, with `--task`, its own records in the control table.
 */
export const handler: Handler<typeof doctor> = async context => {
  const { settings, output } = context;
  const findings: Finding[] = [];
  const tell = (found: readonly Finding[]) => {
    for (const finding of found) {
      findings.push(finding);
      output.event('doctor.finding', { ...finding });
      output.print(describe(finding));
    }
  };
  // First, and with or without a stack, because the stack cannot be created without the role.
  tell(await checkServiceLinkedRole(createDoctorClients().iam));
  try {
    const surroundings = await locateFleet(settings);
    const client = createDataPlaneClient();
    tell(await checkOperatorPlace(client, surroundings.controlTable, process.env, Date.now));
    tell(judgeStack(surroundings));
    const facts = await examine(context, surroundings, tell);
    if (settings.task && facts) tell(await tryTask(context, surroundings, facts));
    else if (settings.task) {
      tell([
        failure('task', {
          message: 'The command started no task, because the table cannot be described.',
          advice: 'Fix that first.',
        }),
      ]);
    }
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    tell([
      failure('stack', {
        message: error.message,
        advice: 'To create the stack, follow docs/deploy.md, step 5.',
      }),
    ]);
  }
  return conclude(context, findings);
};

function judgeStack({ stack, controlTable, cluster }: Surroundings): readonly Finding[] {
  if (!stack) {
    return [
      ok(
        'stack',
        `The options name the fleet, so no stack was read: cluster ${cluster}, control table ${controlTable}.`,
      ),
    ];
  }
  const optional = FURTHER_STACK_OUTPUTS.filter(name => !OPTIONAL_OUTPUTS.includes(name));
  const missing = optional.filter(name => stack.outputs[name] === undefined);
  if (missing.length > 0) {
    return [
      warning('stack', {
        message: `The stack ${stack.name} has no output ${missing.join(', ')}: the stack is older than this version, or was not made from infra/fleet.yaml.`,
        advice: 'Update the stack with infra/fleet.yaml.',
      }),
    ];
  }
  if (stack.status.endsWith('_IN_PROGRESS')) {
    return [
      warning('stack', {
        message: `The stack ${stack.name} is ${stack.status}: the findings below may change.`,
      }),
    ];
  }
  const { Table, Attributes = '' } = stack.outputs;
  return [
    ok(
      'stack',
      `The stack ${stack.name} is ${stack.status}, for ${Attributes.replaceAll(',', ', ')} of table ${Table}.`,
    ),
  ];
}

/** @returns the table, for the task to start. */
async function examine(
  { settings }: CommandContext<SettingsOf<typeof doctor>>,
  surroundings: Surroundings,
  tell: (findings: readonly Finding[]) => void,
): Promise<TableFacts | undefined> {
  const clients = createDoctorClients();
  const dynamodb = createDataPlaneClient();
  const { spot } = settings;
  const tasks = settings.tasks ?? settings.segments;
  tell(await checkCluster(clients.ecs, surroundings.cluster, spot));
  const { definition, findings } = await readTaskDefinition(clients.ecs, surroundings.taskDefinition);
  tell(findings);
  if (definition) {
    tell(judgeTaskDefinition(definition, surroundings));
    tell(await checkImage(clients.ecr, definition, surroundings.container));
  }
  tell(await examineSupervisor(clients, surroundings, definition));
  tell(await checkNetwork(clients.ec2, surroundings, tasks, await dynamodb.config.region()));
  const cpuUnits = Number(definition?.cpu);
  tell(await checkQuota(clients.quotas, { tasks, cpuUnits: cpuUnits > 0 ? cpuUnits : undefined, spot }));
  const table = await checkTable(dynamodb, settings, surroundings.controlTable);
  tell(table.findings);
  tell(await checkControlTable(dynamodb, surroundings.controlTable));
  if (table.facts) {
    tell(await checkTableKey(clients.kms, table.facts, surroundings));
    const { keySchema } = table.facts;
    const rule = await loadRule(writtenOf(settings), keySchema);
    tell(sourceAttributeFindings(rule, keySchema, surroundings.stack));
  }
  return table.facts;
}

/** Checks the task of `--detach`: its definition, its role and, if it differs from the workers', its image. */
async function examineSupervisor(
  { ecs, ecr }: Pick<ReturnType<typeof createDoctorClients>, 'ecs' | 'ecr'>,
  { supervisor, container }: Surroundings,
  worker: TaskDefinition | undefined,
): Promise<readonly Finding[]> {
  if (!supervisor) return [withoutSupervisor()];
  const { definition, findings } = await readTaskDefinition(ecs, supervisor.taskDefinition);
  const named = findings.map(finding => ({
    ...finding,
    check: 'supervisor',
    ...(finding.level === 'failure' && {
      advice: 'Name the right one with --supervisor-task-definition or --stack.',
    }),
  }));
  if (!definition) return named;
  const imageOf = (one: TaskDefinition | undefined, name: string) =>
    one?.containerDefinitions?.find(each => each.name === name)?.image;
  const sameImage = imageOf(definition, supervisor.container) === imageOf(worker, container);
  return [
    ...named,
    ...judgeSupervisor(definition, supervisor.container, worker, container),
    ...(sameImage ? [] : await checkImage(ecr, definition, supervisor.container)),
  ];
}

async function tryTask(
  { settings, output, detach }: CommandContext<SettingsOf<typeof doctor>>,
  surroundings: Surroundings,
  { keySchema }: TableFacts,
): Promise<readonly Finding[]> {
  const { controlTable, namespace, stack, supervisor } = surroundings;
  const { table, segments, writeApi, spot, patience } = settings;
  output.say(`Starting one task, which changes no item. This may take up to ${patience} s.`);
  const trial = {
    probes: new ProbeStore(new ControlTable(createControlTableClient(), controlTable)),
    clock: systemClock,
    signal: detach,
    table,
    ...writtenOf(settings),
    keySchema,
    totalSegments: segments,
    writeApi,
    spot,
    controlTable,
    namespace,
    by: operatorName(),
    patienceMs: patience * 1_000,
    logGroup: stack?.outputs['LogGroup'],
    operatorPolicy: stack?.outputs['OperatorPolicy'],
    onStatus: (status: string) => output.say(status),
  };
  const ofWorker = await probeTask({ ...trial, fleet: new Fleet(surroundings) });
  if (!supervisor) return ofWorker;
  output.say('Starting the task that --detach uses. Here it supervises no run.');
  const ofSupervisor = await probeSupervisor({
    ...trial,
    fleet: new Fleet({ ...surroundings, ...supervisor }),
    commandFor: runId => supervisorCommand({ runId, epoch: 1 }, surroundings),
  });
  return [...ofWorker, ...ofSupervisor];
}

function conclude(
  { output, settings }: CommandContext<SettingsOf<typeof doctor>>,
  findings: readonly Finding[],
): ExitCode {
  const count = (wanted: Finding['level']) => findings.filter(({ level }) => level === wanted).length;
  const [failures, warnings] = [count('failure'), count('warning')];
  output.say(
    [
      '',
      `These points have not been tested on AWS yet. ${FIRST_CONTACT_PAGE} has a command for each:`,
      ...FIRST_CONTACT_CHECKS.map((check, index) => `${String(index + 1).padStart(4)}. ${check}`),
      '',
      `${count('ok')} ok, ${warnings} warnings, ${failures} failures.`,
      nextOf(failures, settings.task),
    ].join('\n'),
  );
  output.event('doctor.finished', {
    ok: count('ok'),
    warnings,
    failures,
    firstContact: { page: FIRST_CONTACT_PAGE, checks: FIRST_CONTACT_CHECKS },
  });
  return failures > 0 ? EXIT.preflight : EXIT.ok;
}

function nextOf(failures: number, withTask: boolean): string {
  const again = ['doctor', ...(withTask ? ['--task'] : [])];
  if (failures > 0) return `When they are fixed, check again: ${nextCommand(...again)}`;
  if (withTask) return `Next: ${nextCommand('plan')}`;
  return `Next: ${nextCommand('doctor', '--task')}, which tests roles, image and network with two tasks.`;
}

const LABELS = { ok: 'ok     ', warning: 'WARNING', failure: 'FAILURE' };

function describe({ level, check, message, means, advice }: Finding): string {
  const head = `${LABELS[level]}  ${check.padEnd(19)}  `;
  return [
    row(head, [message.replaceAll('\n', ' '), means].join(' ').trim(), head.length),
    ...(advice === undefined ? [] : [row('', advice, head.length)]),
  ].join('\n');
}
