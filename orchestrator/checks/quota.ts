import { doubting, requestHandler } from '../../core/aws-clients.ts';
import { checkQuota } from './account.ts';
import { type Finding, ok, unanswered, warning } from './finding.ts';

/** A question of the plan is not worth more. */
const REPLY_TIMEOUT_MS = 5_000;

/**
 * Whether the account's quota of Fargate vCPUs holds the fleet, as doctor asks it. ECS somewhere else than on AWS has
 * no quota. Too little is no refusal: tasks that do not fit are refused and tried again when others have ended.
 */
export async function quotaFindings(
  tasks: number,
  cpuUnits: number | undefined,
  spot: boolean,
): Promise<Finding[]> {
  const environment = process.env;
  const elsewhere = environment['AWS_ENDPOINT_URL_ECS'] ?? environment['AWS_ENDPOINT_URL'];
  const own = environment['AWS_ENDPOINT_URL_SERVICE_QUOTAS'] ?? environment['AWS_ENDPOINT_URL'];
  if (elsewhere !== undefined && own === undefined) return [];
  const { ServiceQuotasClient } = await import('@aws-sdk/client-service-quotas');
  const client = doubting(
    new ServiceQuotasClient({ maxAttempts: 2, requestHandler: requestHandler(REPLY_TIMEOUT_MS) }),
    'Service Quotas',
  );
  const found = await checkQuota(client, tasks, cpuUnits, spot);
  client.destroy();
  return found.map(({ level, message, advice, unanswered: open }) => {
    if (level === 'ok') return ok('quota', message);
    if (open) return unanswered('quota', open.what, open.because);
    return warning('quota', {
      message,
      means: 'The tasks beyond it start only when others have ended.',
      ...(advice !== undefined && { todo: advice }),
    });
  });
}
