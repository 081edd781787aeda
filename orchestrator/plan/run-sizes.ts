import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import type { RunRecord } from '../../core/records.ts';

/**
 * The task size if the task definition states it. On Fargate it must. `publicIpv4`: whether tasks have a public
 * address.
 */
export function taskSizeOf(
  definition: TaskDefinition | undefined,
  publicIpv4: boolean,
): RunRecord['taskSize'] | undefined {
  const cpuUnits = Number(definition?.cpu);
  const memoryMiB = Number(definition?.memory);
  if (!(cpuUnits > 0 && memoryMiB > 0)) return undefined;
  const arm = definition?.runtimePlatform?.cpuArchitecture === 'ARM64';
  return { cpuUnits, memoryMiB, architecture: arm ? 'ARM64' : 'X86_64', ...(publicIpv4 && { publicIpv4 }) };
}

/** DynamoDB's own count and size of a table; undefined if it gives none. */
export function tableSizeOf(table: TableDescription): RunRecord['tableSize'] | undefined {
  const { ItemCount, TableSizeBytes } = table;
  if (ItemCount === undefined || TableSizeBytes === undefined) return undefined;
  return { items: ItemCount, bytes: TableSizeBytes };
}
