import type { Load } from './case.ts';

export interface Unit {
  readonly load: Load;
  readonly run: () => Promise<void>;
}

/** Of the lanes: one that waits takes one, one that works two, one that measures a rate all of them. */
function weightOf(load: Load, lanes: number): number {
  if (load === 'measures') return lanes;
  return load === 'works' ? Math.min(2, lanes) : 1;
}

/** Runs all, the heaviest first, as many at a time as fit into so many lanes. */
export async function runAll(units: readonly Unit[], lanes: number): Promise<void> {
  const weight = (unit: Unit) => weightOf(unit.load, lanes);
  const waiting = units.toSorted((a, b) => weight(b) - weight(a));
  let free = lanes;
  await new Promise<void>((resolve, reject) => {
    const next = () => {
      if (waiting.length === 0 && free === lanes) return resolve();
      for (let index = waiting.findIndex(unit => weight(unit) <= free); index >= 0; ) {
        const [unit] = waiting.splice(index, 1);
        if (!unit) break;
        free -= weight(unit);
        unit.run().then(() => {
          free += weight(unit);
          next();
        }, reject);
        index = waiting.findIndex(candidate => weight(candidate) <= free);
      }
    };
    next();
  });
}
