import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { doubting, requestHandler } from '../../core/aws-clients.ts';
import { asking, type Finding, ok, warning } from './finding.ts';

const CHECK = 'quota';

/** A question of the plan is not worth a longer wait. */
const REPLY_TIMEOUT_MS = 5_000;

/** Quotas of vCPUs that run at the same time [Service Quotas, AWS Fargate]. */
const QUOTA_CODES = { onDemand: 'L-3032A538', spot: 'L-36FBB829' } as const;

const CPU_UNITS_PER_VCPU = 1_024;

/** What the account's quota must hold; `cpuUnits` are those of one task, if its definition gives them. */
export interface FleetSize {
  readonly tasks: number;
  readonly cpuUnits: number | undefined;
  readonly spot: boolean;
}

/** Whether the fleet fits the account's quota of Fargate vCPUs. */
export async function checkQuota(
  quotas: ServiceQuotasClient,
  { tasks, cpuUnits, spot }: FleetSize,
): Promise<readonly Finding[]> {
  const QuotaCode = spot ? QUOTA_CODES.spot : QUOTA_CODES.onDemand;
  return asking(CHECK, 'how many vCPUs this account may use on Fargate', async () => {
    const { Quota } = await quotas.send(new GetServiceQuotaCommand({ ServiceCode: 'fargate', QuotaCode }));
    if (Quota?.Value === undefined) throw new Error('Service Quotas gave no value.');
    if (cpuUnits === undefined)
      throw new Error('The task definition does not say how much CPU a task takes.');
    return [judgeQuota(Quota.Value, tasks, cpuUnits, QuotaCode)];
  });
}

/** ECS elsewhere than on AWS has no quota. */
export async function checkQuotaOnAws(size: FleetSize): Promise<readonly Finding[]> {
  const environment = process.env;
  const elsewhere = environment['AWS_ENDPOINT_URL_ECS'] ?? environment['AWS_ENDPOINT_URL'];
  const own = environment['AWS_ENDPOINT_URL_SERVICE_QUOTAS'] ?? environment['AWS_ENDPOINT_URL'];
  if (elsewhere !== undefined && own === undefined) return [];
  const { ServiceQuotasClient } = await import('@aws-sdk/client-service-quotas');
  const client = doubting(
    new ServiceQuotasClient({ maxAttempts: 2, requestHandler: requestHandler(REPLY_TIMEOUT_MS) }),
    'Service Quotas',
  );
  try {
    return await checkQuota(client, size);
  } finally {
    client.destroy();
  }
}

/** Too small a quota is a warning: the run continues with fewer tasks and starts the others when some have ended. */
export function judgeQuota(vcpus: number, tasks: number, cpuUnits: number, quotaCode: string): Finding {
  const needed = (tasks * cpuUnits) / CPU_UNITS_PER_VCPU;
  const sum = `${tasks} tasks of ${cpuUnits / CPU_UNITS_PER_VCPU} vCPU need ${needed}; the account may use ${vcpus} on Fargate at the same time`;
  if (needed <= vcpus) return ok(CHECK, `${sum}. Other tasks on Fargate count too.`);
  const fits = Math.floor((vcpus * CPU_UNITS_PER_VCPU) / cpuUnits);
  return warning(CHECK, {
    message: `${sum}.`,
    means: 'The tasks beyond it start only when others have ended.',
    advice: `Use --tasks ${Math.max(1, fits)}, or request more, which takes hours to days: aws service-quotas request-service-quota-increase --service-code fargate --quota-code ${quotaCode} --desired-value ${Math.ceil(needed * 2)}`,
  });
}
