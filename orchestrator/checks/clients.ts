import { EC2Client } from '@aws-sdk/client-ec2';
import { ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient } from '@aws-sdk/client-ecs';
import { IAMClient } from '@aws-sdk/client-iam';
import { KMSClient } from '@aws-sdk/client-kms';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { doubting, requestHandler } from '../../core/aws-clients.ts';

/** Each question gets two attempts and a short timeout. Without an answer, its finding is a warning. */
const ATTEMPTS = 2;
const REPLY_TIMEOUT_MS = 8_000;

/** Clients of services that a run never calls; only doctor needs them. */
export interface DoctorClients {
  readonly ec2: EC2Client;
  readonly ecr: ECRClient;
  readonly ecs: ECSClient;
  readonly iam: IAMClient;
  readonly kms: KMSClient;
  readonly quotas: ServiceQuotasClient;
}

export function createDoctorClients(): DoctorClients {
  const options = { maxAttempts: ATTEMPTS, requestHandler: requestHandler(REPLY_TIMEOUT_MS) };
  return {
    ec2: doubting(new EC2Client(options), 'EC2'),
    ecr: doubting(new ECRClient(options), 'ECR'),
    ecs: doubting(new ECSClient(options), 'ECS'),
    iam: doubting(new IAMClient(options), 'IAM'),
    kms: doubting(new KMSClient(options), 'KMS'),
    quotas: doubting(new ServiceQuotasClient(options), 'Service Quotas'),
  };
}
