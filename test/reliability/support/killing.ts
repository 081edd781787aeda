import { setTimeout as delay } from 'node:timers/promises';
import type { Observation, SettledObservation } from '../../../local/fault/observation.ts';
import type { Arena } from './arena.ts';

/** A moment in a task's work: a call of this kind has reached the proxy, or has been answered. */
export interface Moment {
  readonly name: string;
  readonly when: 'sent' | 'answered';
  readonly is: (call: Observation) => boolean;
}

/**
 * Waits for the moment and at once kills the task whose call it is: the one whose launch the call names, or, for calls
 * that name none, any first one.
 * @returns false if the moment did not come in time, or its task was gone already
 */
export async function killAt(
  arena: Arena,
  { when, is }: Pick<Moment, 'when' | 'is'>,
  patienceMs = 15_000,
): Promise<boolean> {
  let killed: boolean | undefined;
  const strike = (call: Observation | SettledObservation) => {
    if (killed !== undefined || call.client !== 'fleet' || !is(call)) return;
    const running = arena.running();
    const body = JSON.stringify(call.body);
    const victim = running.find(({ launch }) => body.includes(launch)) ?? running[0];
    if (!victim) return;
    try {
      arena.tasks.kill(victim.launch);
      killed = true;
    } catch {
      // The task ended at this moment, so the next call is another task's.
    }
  };
  const end = arena.faults.tap(when === 'sent' ? { received: strike } : { settled: strike });
  const giveUpAt = performance.now() + patienceMs;
  while (killed === undefined && performance.now() < giveUpAt) await delay(20);
  end();
  return killed === true;
}

/** Kills one of the tasks, if any is alive. */
export function killAny(arena: Arena): void {
  const [victim] = arena.running();
  try {
    if (victim) arena.tasks.kill(victim.launch);
  } catch {
    // The task ended at this moment.
  }
}

/** The moments between undo log, write, outcome and checkpoint. */
export function momentsOfRun(table: string): readonly Moment[] {
  const both = (name: string, is: Moment['is']): Moment[] => [
    { name: `${name} sent`, when: 'sent', is },
    { name: `${name} answered`, when: 'answered', is },
  ];
  return [
    ...both('chunk of the log', putsLogItem('CHUNK#')),
    ...both('write', writesTo(table)),
    ...both('outcomes', putsLogItem('OUTCOME#')),
    ...both('checkpoint', changesSegment),
  ];
}

/** The moments between removal, mark and checkpoint. */
export function momentsOfUndo(table: string): readonly Moment[] {
  return [
    { name: 'removal answered', when: 'answered', is: writesTo(table) },
    { name: 'mark sent', when: 'sent', is: putsLogItem('UNDONE#') },
    { name: 'mark answered', when: 'answered', is: putsLogItem('UNDONE#') },
    { name: 'checkpoint answered', when: 'answered', is: changesSegment },
  ];
}

const putsLogItem = (prefix: string) => (call: Observation) =>
  call.operation === 'PutItem' && JSON.stringify(call.body['Item'] ?? {}).includes(`"S":"${prefix}`);

const writesTo = (table: string) => (call: Observation) =>
  (call.operation === 'BatchExecuteStatement' || call.operation === 'UpdateItem') &&
  call.parts.some(part => part.table === table && part.kind === 'write');

const changesSegment = (call: Observation) =>
  call.operation === 'UpdateItem' && call.parts.some(({ key }) => key?.text.includes('SEGMENT#') ?? false);
