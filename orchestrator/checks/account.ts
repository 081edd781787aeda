import { GetRoleCommand, type IAMClient } from '@aws-sdk/client-iam';
import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { asking, type Finding, failure, ok } from './doctor-finding.ts';

const QUOTA_CHECK = 'quota';
const ROLE_CHECK = 'service-linked-role';

/** Quotas of vCPUs that run at the same time [Service Quotas, AWS Fargate]. */
const QUOTA_CODES = { onDemand: 'L-3032A538', spot: 'L-36FBB829' } as const;

const CPU_UNITS_PER_VCPU = 1_024;

export const SERVICE_LINKED_ROLE = 'AWSServiceRoleForECS';

/** The fleet fits the account's quota of Fargate vCPUs. What else runs on Fargate takes its part of the same quota. */
export async function checkQuota(
  quotas: ServiceQuotasClient,
  tasks: number,
  cpuUnits: number | undefined,
  spot: boolean,
): Promise<readonly Finding[]> {
  const QuotaCode = spot ? QUOTA_CODES.spot : QUOTA_CODES.onDemand;
  return asking(QUOTA_CHECK, 'how many vCPUs this account may use on Fargate', async () => {
    const { Quota } = await quotas.send(new GetServiceQuotaCommand({ ServiceCode: 'fargate', QuotaCode }));
    if (Quota?.Value === undefined) throw new Error('Service Quotas gave no value.');
    if (cpuUnits === undefined)
      throw new Error('The task definition does not say how much CPU a task takes.');
    return [judgeQuota(Quota.Value, tasks, cpuUnits, QuotaCode)];
  });
}

export function judgeQuota(vcpus: number, tasks: number, cpuUnits: number, quotaCode: string): Finding {
  const needed = (tasks * cpuUnits) / CPU_UNITS_PER_VCPU;
  const sum = `${tasks} tasks of ${cpuUnits / CPU_UNITS_PER_VCPU} vCPU need ${needed}; the account may use ${vcpus} on Fargate at the same time`;
  if (needed <= vcpus) return ok(QUOTA_CHECK, `${sum}. What else runs on Fargate counts too.`);
  const fits = Math.floor((vcpus * CPU_UNITS_PER_VCPU) / cpuUnits);
  return failure(
    QUOTA_CHECK,
    `${sum}.`,
    `Use --tasks ${Math.max(1, fits)}, or ask for more (hours to days): aws service-quotas request-service-quota-increase --service-code fargate --quota-code ${quotaCode} --desired-value ${Math.ceil(needed * 2)}`,
  );
}

/** ECS attaches network interfaces by this role; a new account has it after the first cluster was made. */
export async function checkServiceLinkedRole(iam: IAMClient): Promise<readonly Finding[]> {
  return asking(
    ROLE_CHECK,
    `whether the account has the role ${SERVICE_LINKED_ROLE}`,
    async () => {
      await iam.send(new GetRoleCommand({ RoleName: SERVICE_LINKED_ROLE }));
      return [ok(ROLE_CHECK, `The account has the role ${SERVICE_LINKED_ROLE}.`)];
    },
    error =>
      /^NoSuchEntity/.test(error.name)
        ? failure(
            ROLE_CHECK,
            `The account has no role ${SERVICE_LINKED_ROLE}: ECS could not attach a network interface, and no task would start.`,
            'As an administrator: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com',
          )
        : undefined,
  );
}
