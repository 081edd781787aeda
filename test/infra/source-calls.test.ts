import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PERMISSIONS } from '../../infra/permissions.ts';
import { actionsOf, allowedBy } from './support/policies.ts';
import { loadTemplate } from './support/template.ts';

/**
 * The SDK commands that the sources can send at all. It covers what no run on one machine shows: EC2, ECR, IAM, KMS,
 * quotas, stacks, scaling.
 */
const IAM_PREFIXES: Readonly<Record<string, string>> = {
  'client-application-auto-scaling': 'application-autoscaling',
  'client-service-quotas': 'servicequotas',
};

/** Names of the DocumentClient's commands. */
const OF_DOCUMENTS: Readonly<Record<string, string>> = {
  Get: 'GetItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
  TransactWrite: 'TransactWriteItems',
};

const KINDS: Readonly<Record<string, readonly string[]>> = {
  BatchExecuteStatement: ['UPDATE'],
  TransactWriteItems: ['Put', 'Update', 'Delete', 'ConditionCheck'],
};

/** Imports of the SDK, static or on demand. */
const IMPORT = /\{([^{}]+)\}\s*(?:from|= await import\()\s*'@aws-sdk\/([a-z0-9-]+)'/g;

function actionsIn(folder: string): Set<string> {
  const root = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'));
  const imports = paths.flatMap(path => [...readFileSync(join(root, path), 'utf8').matchAll(IMPORT)]);
  return new Set(
    imports.flatMap(([, names = '', library = '']) =>
      [...names.matchAll(/\b(\w+)Command\b/g)].flatMap(([, name = '']) => {
        const operation = library === 'lib-dynamodb' ? (OF_DOCUMENTS[name] ?? name) : name;
        const service = IAM_PREFIXES[library] ?? library.replace(/^(client|lib)-/, '');
        return actionsOf(service, operation, KINDS[operation]);
      }),
    ),
  );
}

const allowed = allowedBy(loadTemplate('fleet'));
const core = actionsIn('core');
const worker = actionsIn('job');
const orchestrator = actionsIn('orchestrator');

function notAllowed(principal: 'task' | 'operator', actions: Iterable<string>): string[] {
  const its = new Set(allowed.filter(entry => entry.principal === principal).map(({ action }) => action));
  return [...actions].filter(action => !its.has(action));
}

describe('the commands of the SDK in the sources', () => {
  it('are found', () => {
    expect([...core]).toContain('dynamodb:UpdateItem');
    expect([...worker]).toContain('dynamodb:Scan');
    expect([...orchestrator]).toEqual(
      expect.arrayContaining([
        'application-autoscaling:DescribeScalableTargets',
        'cloudformation:DescribeStacks',
        'ec2:DescribeVpcEndpoints',
        'ecr:BatchGetImage',
        'iam:GetRole',
        'iam:PassRole',
        'kms:DescribeKey',
        'servicequotas:GetServiceQuota',
      ]),
    );
  });

  it('are allowed, each to whom it is for', () => {
    expect(notAllowed('task', worker)).toEqual([]);
    expect(notAllowed('operator', new Set([...core, ...orchestrator]))).toEqual([]);
  });

  it('are all that orchestrate may call: no policy allows a call that the sources do not send', () => {
    const sent = new Set([...core, ...orchestrator]);
    const idle = PERMISSIONS.filter(
      ({ principal, calledBy, action }) =>
        principal === 'operator' && calledBy.startsWith('orchestrate') && !sent.has(action),
    );
    expect(idle).toEqual([]);
  });
});
