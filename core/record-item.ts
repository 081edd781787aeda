import type { ControlItem } from './control-table.ts';

/** What every record has. `launchId` only if a launch owns it. */
interface Named {
  readonly runId: string;
  readonly launchId?: string | undefined;
}

/** A record as an item of the control table, which calls `runId` and `launchId` `run` and `launch`. */
export function toItem({ runId, launchId, ...record }: Named, item: string): ControlItem {
  return { ...record, run: runId, ...(launchId !== undefined && { launch: launchId }), item };
}

/** The record in an item of the control table; the inverse of {@link toItem}. */
export function fromItem<T extends Named>({ item: _, run, launch, ...record }: ControlItem): T {
  return { ...record, runId: run, ...(launch !== undefined && { launchId: launch }) } as unknown as T;
}
