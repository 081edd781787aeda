import { clientError } from './errors.ts';
import { type Place, shortName, taskDefinitionArn } from './names.ts';
import type { ContainerDefinition, RegisterTaskDefinitionRequest } from './requests.ts';

/** A revision of a family, as DescribeTaskDefinition returns it; times in epoch seconds. */
export interface TaskDefinition {
  readonly taskDefinitionArn: string;
  readonly family: string;
  readonly revision: number;
  /** An INACTIVE revision still describes its tasks but starts no new ones. */
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly containerDefinitions: readonly ContainerDefinition[];
  readonly networkMode: string;
  readonly requiresCompatibilities: readonly string[];
  readonly compatibilities: readonly string[];
  readonly cpu?: string | undefined;
  readonly memory?: string | undefined;
  readonly registeredAt: number;
  readonly deregisteredAt?: number;
  readonly [other: string]: unknown;
}

export type Tag = { readonly key: string; readonly [other: string]: unknown };

const FAMILY_PATTERN = /^[A-Za-z0-9_-]{1,255}$/;
const STOP_TIMEOUT_SECONDS = { min: 2, max: 120 };

type Sizes = readonly number[] | { readonly min: number; readonly max: number; readonly step: number };

/** Memory in MiB that Fargate offers with each number of CPU units [ECS developer guide, "Task size"]. */
const FARGATE_SIZES: Readonly<Record<string, Sizes>> = {
  256: [512, 1_024, 2_048],
  512: { min: 1_024, max: 4_096, step: 1_024 },
  1024: { min: 2_048, max: 8_192, step: 1_024 },
  2048: { min: 4_096, max: 16_384, step: 1_024 },
  4096: { min: 8_192, max: 30_720, step: 1_024 },
  8192: { min: 16_384, max: 61_440, step: 4_096 },
  16384: { min: 32_768, max: 122_880, step: 8_192 },
};

/** The registered families. Revisions count from 1. They can be deregistered, but are never changed or removed. */
export class TaskDefinitions {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #families = new Map<string, TaskDefinition[]>();
  readonly #tags = new Map<string, readonly Tag[]>();

  constructor(place: Place, now: () => number) {
    this.#place = place;
    this.#now = now;
  }

  /** @throws WireError ClientException, InvalidParameterException */
  register(request: RegisterTaskDefinitionRequest): TaskDefinition {
    const family = request.family ?? '';
    if (!FAMILY_PATTERN.test(family)) throw clientError('Family contains invalid characters or is empty.');
    const containers = checkContainers(request.containerDefinitions ?? []);
    checkFargate(request);
    const revisions = this.#families.get(family) ?? [];
    const revision = revisions.length + 1;
    const { tags, ...kept } = request;
    const definition: TaskDefinition = {
      ...withoutUndefined(kept),
      taskDefinitionArn: taskDefinitionArn(this.#place, family, revision),
      family,
      revision,
      status: 'ACTIVE',
      containerDefinitions: containers,
      networkMode: request.networkMode ?? 'bridge',
      requiresCompatibilities: request.requiresCompatibilities ?? [],
      compatibilities: request.networkMode === 'awsvpc' ? ['EC2', 'FARGATE'] : ['EC2'],
      registeredAt: this.#now() / 1_000,
    };
    this.#families.set(family, [...revisions, definition]);
    if (tags) this.#tags.set(definition.taskDefinitionArn, tags);
    return definition;
  }

  /**
   * Makes a revision INACTIVE, as a CloudFormation update does with the revision that it replaces.
   * @throws WireError ClientException when the revision does not exist or is not named
   */
  deregister(name: string): TaskDefinition {
    const found = shortName(name).includes(':') ? this.find(name) : undefined;
    if (found === undefined) throw clientError('Unable to describe task definition.');
    const inactive: TaskDefinition = { ...found, status: 'INACTIVE', deregisteredAt: this.#now() / 1_000 };
    const revisions = this.#families.get(found.family) ?? [];
    this.#families.set(
      found.family,
      revisions.map(one => (one.revision === found.revision ? inactive : one)),
    );
    return inactive;
  }

  /**
   * @param name `family` (its newest ACTIVE revision), `family:revision`, or an ARN
   * @returns undefined if there is none
   */
  find(name: string): TaskDefinition | undefined {
    const [family = '', revision] = shortName(name).split(':');
    const revisions = this.#families.get(family) ?? [];
    return revision === undefined
      ? revisions.findLast(one => one.status === 'ACTIVE')
      : revisions.find(one => String(one.revision) === revision);
  }

  tags(arn: string): readonly Tag[] {
    return this.#tags.get(arn) ?? [];
  }
}

function checkContainers(
  containers: NonNullable<RegisterTaskDefinitionRequest['containerDefinitions']>,
): ContainerDefinition[] {
  if (containers.length === 0) throw clientError('Container list cannot be empty.');
  if (containers.length > 1) {
    throw clientError('This control plane runs tasks of one container; the task definition has more.');
  }
  return containers.map(container => {
    const { name, image, stopTimeout } = container;
    if (!name) throw clientError('Container.name should not be null or empty.');
    if (!image) throw clientError('Container.image should not be null or empty.');
    const { min, max } = STOP_TIMEOUT_SECONDS;
    if (stopTimeout !== undefined && (stopTimeout < min || stopTimeout > max)) {
      throw clientError(`stopTimeout must be between ${min} and ${max} seconds.`);
    }
    return { cpu: 0, environment: [], essential: true, ...container, name, image };
  });
}

function checkFargate(request: RegisterTaskDefinitionRequest): void {
  if (!request.requiresCompatibilities?.includes('FARGATE')) return;
  if (request.networkMode !== 'awsvpc') throw clientError("Fargate only supports network mode 'awsvpc'.");
  if (request.cpu === undefined)
    throw clientError("Fargate requires that 'cpu' be defined at the task level.");
  if (request.memory === undefined)
    throw clientError("Fargate requires that 'memory' be defined at the task level.");
  if (!isFargateSize(request.cpu, Number(request.memory))) {
    throw clientError('No Fargate configuration exists for given values.');
  }
}

function isFargateSize(cpu: string, memoryMiB: number): boolean {
  const sizes = FARGATE_SIZES[cpu];
  if (sizes === undefined) return false;
  if (!('step' in sizes)) return sizes.includes(memoryMiB);
  return memoryMiB >= sizes.min && memoryMiB <= sizes.max && (memoryMiB - sizes.min) % sizes.step === 0;
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
