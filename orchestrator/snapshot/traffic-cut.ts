import type { Rates, TrafficCut } from '../../core/records.ts';

/** The rates that a cut leaves of a budget. */
export function cutRates(rates: Rates, cut: TrafficCut | undefined): Rates {
  const factor = cut?.factor ?? 1;
  return {
    writeUnitsPerSecond: rates.writeUnitsPerSecond * factor,
    readUnitsPerSecond: rates.readUnitsPerSecond * factor,
  };
}

/** A cut that is over stays in the record, with a factor of 1. */
export function inForce(cut: TrafficCut | undefined): TrafficCut | undefined {
  return cut && cut.factor < 1 ? cut : undefined;
}
