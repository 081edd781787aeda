import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { doubting, requestHandler } from '../../core/aws-clients.ts';
import { asking, type Finding, ok, warning } from './finding.ts';

const CHECK = 'quota';

/** The plan does not wait longer for this answer. */
const REPLY_TIMEOUT_MS = 5_000;

/** Quotas of vCPUs in use at the same time [Service Quotas, AWS Fargate]. */
const QUOTA_CODES = { onDemand: 'L-3032A538', spot: 'L-36FBB829' } as const;

const CPU_UNITS_PER_VCPU = 1_024;

/** The size of the fleet. `cpuUnits` is that of one task, if its definition states it. */
export interface FleetSize {
  readonly tasks: number;
  readonly cpuUnits: number | undefined;
  readonly spot: boolean;
}

/** Checks whether the account's quota of Fargate vCPUs is enough for the fleet. */
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

/** Only ECS on AWS has a quota. */
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

/** Too small a quota is only a warning. The run works with fewer tasks and starts the others after some have ended. */
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
