import { clientError, invalidParameter } from './errors.ts';
import type { ContainerDefinition, RunTaskRequest } from './requests.ts';
import type { TaskDefinition } from './task-definitions.ts';

/*
 * What RunTask refuses, each with its rule [ECS API reference, RunTask; quotas: ECS developer guide, "Service quotas"].
 * The order in which the service checks them is not documented, so a test should not break two at once.
 */
const MAX_COUNT = 10;
const MAX_OVERRIDES_CHARACTERS = 8_192;
const MAX_TOKEN_CHARACTERS = 64;
const TOKEN_PATTERN = /^[\x21-\x7e]*$/;
const MAX_STARTED_BY_CHARACTERS = 128;
const STARTED_BY_PATTERN = /^[A-Za-z0-9_/-]*$/;
const MAX_SUBNETS = 16;
const MAX_SECURITY_GROUPS = 5;

/**
 * Checks the rules that depend on the request alone.
 * @throws WireError InvalidParameterException, ClientException
 */
export function checkRunTask(request: RunTaskRequest): void {
  const { clientToken = '', count = 1, startedBy = '' } = request;
  if (!request.taskDefinition) throw clientError('TaskDefinition can not be blank.');
  if (count < 1 || count > MAX_COUNT) throw invalidParameter(`count must be between 1 and ${MAX_COUNT}.`);
  if (clientToken.length > MAX_TOKEN_CHARACTERS || !TOKEN_PATTERN.test(clientToken)) {
    throw invalidParameter(`clientToken must be at most ${MAX_TOKEN_CHARACTERS} visible ASCII characters.`);
  }
  if (startedBy.length > MAX_STARTED_BY_CHARACTERS || !STARTED_BY_PATTERN.test(startedBy)) {
    throw invalidParameter(
      `startedBy must be at most ${MAX_STARTED_BY_CHARACTERS} letters, numbers, hyphens, slashes and underscores.`,
    );
  }
  if (request.launchType !== undefined && request.capacityProviderStrategy !== undefined) {
    throw invalidParameter(
      'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    );
  }
  if (
    request.overrides !== undefined &&
    JSON.stringify(request.overrides).length > MAX_OVERRIDES_CHARACTERS
  ) {
    throw invalidParameter(`Container Overrides length must be at most ${MAX_OVERRIDES_CHARACTERS}`);
  }
}

/**
 * Checks the rules that also depend on the task definition and the cluster.
 * @throws WireError InvalidParameterException
 */
export function checkPlacement(
  request: RunTaskRequest,
  definition: TaskDefinition,
  clusterProviders: readonly string[],
): ContainerDefinition {
  checkCapacity(request, definition, clusterProviders);
  checkNetwork(request, definition);
  const [container] = definition.containerDefinitions;
  if (container === undefined) throw invalidParameter('The task definition has no container.');
  for (const override of request.overrides?.containerOverrides ?? []) {
    if (override.name !== container.name) {
      throw invalidParameter(
        `Override for container named ${override.name ?? ''} is not a container in the TaskDefinition.`,
      );
    }
  }
  return container;
}

function checkCapacity(
  request: RunTaskRequest,
  definition: TaskDefinition,
  clusterProviders: readonly string[],
): void {
  for (const { capacityProvider } of request.capacityProviderStrategy ?? []) {
    if (!clusterProviders.includes(capacityProvider)) {
      throw invalidParameter(
        `The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster: ${capacityProvider}.`,
      );
    }
  }
  const onFargate = request.launchType === 'FARGATE' || (request.capacityProviderStrategy?.length ?? 0) > 0;
  // Without a launch type, ECS uses EC2. This cluster, like the fleet's own, has no instances.
  if (!onFargate) throw invalidParameter('No Container Instances were found in your cluster.');
  if (!definition.requiresCompatibilities.includes('FARGATE')) {
    throw invalidParameter('Task definition does not support launch_type FARGATE.');
  }
}

function checkNetwork(request: RunTaskRequest, definition: TaskDefinition): void {
  const network = request.networkConfiguration?.awsvpcConfiguration;
  if (definition.networkMode !== 'awsvpc') {
    if (network === undefined) return;
    throw invalidParameter(
      'Network Configuration is not valid for the given networkMode of this task definition.',
    );
  }
  if (network === undefined) {
    throw invalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  const { subnets = [], securityGroups = [] } = network;
  if (subnets.length === 0) throw invalidParameter('subnets can not be empty.');
  if (subnets.length > MAX_SUBNETS) throw invalidParameter(`subnets can have at most ${MAX_SUBNETS} items.`);
  if (securityGroups.length > MAX_SECURITY_GROUPS) {
    throw invalidParameter(`securityGroups can have at most ${MAX_SECURITY_GROUPS} items.`);
  }
}
