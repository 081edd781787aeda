/**
 * Asks a policy simulator what IAM would decide. argv: its folder. stdin: [{ policy, action, resource, context }].
 * stdout: [decision], where a decision is 'Allowed', 'ImplicitlyDenied', 'ExplicitlyDenied', or why a request is
 * invalid.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const [, , folder = '.'] = process.argv;
const { runSimulation } = createRequire(join(folder, 'package.json'))('@cloud-copilot/iam-simulate');

const decisions = [];
for (const { policy, action, resource, context, account } of JSON.parse(await text(process.stdin))) {
  const reply = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/simulated`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      identityPolicies: [{ name: 'policy', policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  decisions.push(reply.resultType === 'error' ? JSON.stringify(reply.errors) : reply.overallResult);
}
process.stdout.write(JSON.stringify(decisions));
