import { encodeTaskEnvironment, type TaskEnvironment } from '../../core/task-environment.ts';

/** RunTask refuses overrides whose JSON is longer [API reference, TaskOverride]. */
export const MAX_OVERRIDES_LENGTH = 8_192;

/** What a launch passes to its container, in RunTask's form. */
export function containerOverrides(container: string, environment: TaskEnvironment) {
  return { containerOverrides: [{ name: container, environment: encodeTaskEnvironment(environment) }] };
}

/**
 * How many segments fit into one launch, whatever their numbers; below 1 if the rest is already too long. It assumes
 * the 36 characters of a launch id.
 */
export function mostSegmentsInOverrides(
  launch: Omit<TaskEnvironment, 'segments' | 'launchId'>,
  container: string,
): number {
  const without = containerOverrides(container, { ...launch, launchId: 'x'.repeat(36), segments: [] });
  const left = MAX_OVERRIDES_LENGTH - JSON.stringify(without).length;
  const longest = String(launch.totalSegments - 1).length;
  // Each segment except the first also needs a comma.
  return Math.floor((left + 1) / (longest + 1));
}
