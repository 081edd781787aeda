import { setFlagsFromString } from 'node:v8';

/** The heap may grow by this part of what is alive before it is collected; V8's own choice is up to three times it. */
const GROWTH_PERCENT = 30;

/**
 * Keeps the heap of a worker or an orchestrator close to what it holds. A page lives just long enough to leave the young generation, so
 * that all of a table passes through the old one, and V8 lets that reach a hundred megabytes before it collects 20 MB
 * of live objects. Both settings are numbers that V8 reads whenever it sizes a heap; one that a later V8 does not
 * know has no effect beyond a line on stderr. To be called when all modules are loaded: the young generation keeps
 * the size that it has by then.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}
