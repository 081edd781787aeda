import { encodeTaskEnvironment, type TaskEnvironment } from '../../core/task-environment.ts';

/** RunTask refuses overrides whose JSON is longer [API reference, TaskOverride]. */
export const MAX_OVERRIDES_LENGTH = 8_192;

/** What a launch passes to its container, as RunTask takes it. */
export function containerOverrides(container: string, environment: TaskEnvironment) {
  return { containerOverrides: [{ name: container, environment: encodeTaskEnvironment(environment) }] };
}

/**
 * How many segments one launch can be given, whatever their numbers; below 1 when the rest is already too long.
 * `launch` may have an id of any kind: those of launches are 36 characters long.
 */
export function mostSegmentsInOverrides(
  launch: Omit<TaskEnvironment, 'segments' | 'launchId'>,
  container: string,
): number {
  const without = containerOverrides(container, { ...launch, launchId: 'x'.repeat(36), segments: [] });
  const left = MAX_OVERRIDES_LENGTH - JSON.stringify(without).length;
  const longest = String(launch.totalSegments - 1).length;
  // A comma before each segment except the first.
  return Math.floor((left + 1) / (longest + 1));
}
