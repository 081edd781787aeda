import { GetRoleCommand, type IAMClient } from '@aws-sdk/client-iam';
import { asking, type Finding, failure, ok } from './finding.ts';

const ROLE_CHECK = 'service-linked-role';

export const SERVICE_LINKED_ROLE = 'AWSServiceRoleForECS';

/** ECS attaches network interfaces with this role. An account gets it with its first ECS cluster. */
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
        ? failure(ROLE_CHECK, {
            message: `The account has no role ${SERVICE_LINKED_ROLE}. Without it ECS cannot attach network interfaces, so no task starts, and the account's first cluster cannot be created with capacity providers.`,
            advice:
              'As an administrator: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com',
          })
        : undefined,
  );
}
