import type { Load } from './case.ts';

export interface Unit {
  readonly load: Load;
  readonly seconds?: number | undefined;
  readonly run: () => Promise<void>;
}

/** How many lanes a case takes: one if it waits, two if it works, all if it measures a rate. */
function weightOf(load: Load, lanes: number): number {
  if (load === 'measures') return lanes;
  return load === 'works' ? Math.min(2, lanes) : 1;
}

/** Runs all cases: first those that need every lane, then the longest, as many at a time as fit into the lanes. */
export async function runAll(units: readonly Unit[], lanes: number): Promise<void> {
  const weight = (unit: Unit) => weightOf(unit.load, lanes);
  const length = ({ load, seconds = 0 }: Unit) => (load === 'measures' ? Number.POSITIVE_INFINITY : seconds);
  const waiting = units.toSorted((a, b) => (length(a) === length(b) ? 0 : length(b) - length(a)));
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
