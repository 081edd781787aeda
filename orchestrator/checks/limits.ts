import { HEARTBEATS_PER_SECOND, MOST_TASKS } from '../../core/control-pace.ts';
import { MAX_OVERRIDES_LENGTH, mostSegmentsInOverrides } from '../fleet/overrides.ts';
import { type Finding, failure, ok } from './finding.ts';

const CHECK = 'limits';

export interface FleetShape {
  readonly segments: number;
  /** Undefined means one task for each segment. */
  readonly tasks: number | undefined;
  /** The part of each launch's overrides that does not depend on its segments. */
  readonly launch: Parameters<typeof mostSegmentsInOverrides>[0];
  readonly container: string;
}

/**
 * Checks by arithmetic alone that the run fits AWS's limits. Without this check a run would begin, take the lock and
 * fail at its first launch. docs/scale.md has a table of these limits.
 */
export function limitFindings({ segments, tasks, launch, container }: FleetShape): Finding[] {
  const wanted = tasks ?? segments;
  const most = mostSegmentsInOverrides(launch, container);
  if (most < 1) {
    return [
      failure(CHECK, {
        message: `The settings of a launch are longer than the ${number(MAX_OVERRIDES_LENGTH)} characters that RunTask accepts, even without segments; the value alone has ${number((launch.value ?? '').length)}.`,
        means: 'ECS could start no task.',
        advice: 'Give a shorter --value.',
      }),
    ];
  }
  const fewest = Math.ceil(segments / most);
  if (wanted > MOST_TASKS) {
    const seconds = wanted / HEARTBEATS_PER_SECOND;
    return [
      failure(CHECK, {
        message: `--segments ${segments}${tasks === undefined ? ' without --tasks' : ''} asks for ${number(wanted)} tasks, but a run can have at most ${number(MOST_TASKS)}: at ${HEARTBEATS_PER_SECOND} heartbeats a second on one partition, each task could send one only every ${number(seconds)} s.`,
        means: 'The supervisor would not notice a dead task for that long.',
        advice: `Give --tasks between ${number(fewest, '')} and ${number(MOST_TASKS, '')}.`,
      }),
    ];
  }
  const each = Math.ceil(segments / wanted);
  if (each > most) {
    return [
      failure(CHECK, {
        message: `With --tasks ${number(wanted)}, one task gets up to ${number(each)} segments, but the ${number(MAX_OVERRIDES_LENGTH)} characters that RunTask accepts have room for ${number(most)}.`,
        means: 'ECS could start no task.',
        advice: `Give --tasks ${fewest} or more, or fewer --segments.`,
      }),
    ];
  }
  return [ok(CHECK, `RunTask accepts ${number(wanted)} tasks with up to ${number(each)} segments each.`)];
}

function number(value: number, separator = ','): string {
  return Math.ceil(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, separator);
}
