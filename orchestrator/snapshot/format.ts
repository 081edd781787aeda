import type { Snapshot } from './snapshot.ts';

/** Formats numbers, times and states for people. The terminal, the page and the report share it. */

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Small rates have one decimal. */
export function rate(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : count(value);
}

export function percent(part: number): string {
  return `${Math.floor(part * 100)} %`;
}

/** `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: at most two units. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return joined(hours, 'h', minutes % 60, 'min');
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function joined(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;
}

/** A rounded duration, because an estimate is not exact to the second. */
export function roughDuration(ms: number): string {
  if (ms < 10_000) return 'a few seconds';
  if (ms < 90_000) return `about ${Math.round(ms / 10_000) * 10} s`;
  if (ms < 5_400_000) return `about ${Math.round(ms / 60_000)} min`;
  return `about ${duration(Math.round(ms / 600_000) * 600_000)}`;
}

export function dollars(value: number): string {
  if (value === 0) return '$0';
  return value < 0.01 ? '<$0.01' : `$${value.toFixed(2)}`;
}

/** The start of a launch id is enough for people to tell launches apart. */
export function shortLaunch(launch: string): string {
  return launch.slice(0, 8);
}

/** `14:03:59`, in UTC. */
export function clockTime(iso: string): string {
  return iso.slice(11, 19);
}

/** What the run is doing now, in one phrase. */
export function stageOf({ run, states }: Pick<Snapshot, 'run' | 'states'>): string {
  if (run.status === 'running' && run.desired === 'pause')
    return 'pausing: waiting until every task has ended';
  if (run.status === 'running' && run.desired === 'stop')
    return 'stopping: waiting until every task has ended';
  if (run.status === 'running' && states.complete === run.totalSegments)
    return 'waiting until every task has ended';
  return run.status;
}

/** Milliseconds since the run began; for a finished run, until its end. */
export function elapsedMs({ at, run }: Pick<Snapshot, 'at' | 'run'>): number {
  return Date.parse(run.finishedAt ?? at) - Date.parse(run.createdAt);
}

export function spent({ cost }: Pick<Snapshot, 'cost'>): string {
  const fargate = cost.fargate === null ? 'Fargate not known' : `Fargate ${dollars(cost.fargate)}`;
  return `${dollars(cost.total)}: writes ${dollars(cost.writes)}, reads ${dollars(cost.reads)}, ${fargate}`;
}
