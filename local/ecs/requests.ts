import { z } from 'zod';

/**
 * Shapes of the requests, as far as this control plane reads them [ECS API model 2014-11-13]. It ignores other members,
 * and echoes them where the service does.
 */
const keyValue = z.looseObject({ name: z.string(), value: z.string() });

const containerDefinition = z.looseObject({
  name: z.string().optional(),
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  entryPoint: z.array(z.string()).optional(),
  environment: z.array(keyValue).optional(),
  essential: z.boolean().optional(),
  /** Seconds between SIGTERM and SIGKILL. */
  stopTimeout: z.number().int().optional(),
  cpu: z.number().int().optional(),
  memory: z.number().int().optional(),
});

export const registerTaskDefinitionRequest = z.looseObject({
  family: z.string().optional(),
  containerDefinitions: z.array(containerDefinition).optional(),
  networkMode: z.string().optional(),
  requiresCompatibilities: z.array(z.string()).optional(),
  cpu: z.string().optional(),
  memory: z.string().optional(),
  tags: z.array(z.looseObject({ key: z.string() })).optional(),
});

export const deregisterTaskDefinitionRequest = z.looseObject({ taskDefinition: z.string().optional() });

export const describeTaskDefinitionRequest = z.looseObject({
  taskDefinition: z.string().optional(),
  include: z.array(z.string()).optional(),
});

const containerOverride = z.looseObject({
  name: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.array(keyValue).optional(),
});

export const runTaskRequest = z.looseObject({
  taskDefinition: z.string().optional(),
  cluster: z.string().optional(),
  count: z.number().int().optional(),
  clientToken: z.string().optional(),
  startedBy: z.string().optional(),
  group: z.string().optional(),
  launchType: z.string().optional(),
  platformVersion: z.string().optional(),
  capacityProviderStrategy: z.array(z.looseObject({ capacityProvider: z.string() })).optional(),
  overrides: z.looseObject({ containerOverrides: z.array(containerOverride).optional() }).optional(),
  networkConfiguration: z
    .looseObject({
      awsvpcConfiguration: z
        .looseObject({
          subnets: z.array(z.string()).optional(),
          securityGroups: z.array(z.string()).optional(),
        })
        .optional(),
    })
    .optional(),
  tags: z.array(z.looseObject({ key: z.string() })).optional(),
  propagateTags: z.string().optional(),
  enableECSManagedTags: z.boolean().optional(),
});

export const describeTasksRequest = z.looseObject({
  cluster: z.string().optional(),
  tasks: z.array(z.string()).optional(),
  include: z.array(z.string()).optional(),
});

export const listTasksRequest = z.looseObject({
  cluster: z.string().optional(),
  family: z.string().optional(),
  startedBy: z.string().optional(),
  desiredStatus: z.string().optional(),
  launchType: z.string().optional(),
  serviceName: z.string().optional(),
  containerInstance: z.string().optional(),
  daemonName: z.string().optional(),
  maxResults: z.number().int().optional(),
  nextToken: z.string().optional(),
});

export const stopTaskRequest = z.looseObject({
  cluster: z.string().optional(),
  task: z.string().optional(),
  reason: z.string().optional(),
});

export const describeClustersRequest = z.looseObject({
  clusters: z.array(z.string()).optional(),
  include: z.array(z.string()).optional(),
});

export const createClusterRequest = z.looseObject({
  clusterName: z.string().optional(),
  capacityProviders: z.array(z.string()).optional(),
});

export type ContainerDefinition = z.infer<typeof containerDefinition> & { name: string; image: string };
export type RegisterTaskDefinitionRequest = z.infer<typeof registerTaskDefinitionRequest>;
export type RunTaskRequest = z.infer<typeof runTaskRequest>;
