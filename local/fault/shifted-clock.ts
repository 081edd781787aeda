import { DATE_READS_NOW, preloaded } from './preload.ts';

/**
 * Environment variables that make a Node process see another wall clock, through a module that it loads first. They
 * shift `Date` and `performance.timeOrigin`, but not the monotonic clock and timers. A machine whose clock was set
 * wrong before the start behaves the same.
 *
 * @param offsetMs added to the true time; negative for a slow clock
 */
export function shiftedClock(offsetMs: number): { readonly NODE_OPTIONS: string } {
  return preloaded(preload(offsetMs));
}

function preload(offsetMs: number): string {
  return `
    const RealDate = Date;
    const now = () => RealDate.now() + ${Math.round(offsetMs)};
    ${DATE_READS_NOW}
    const timeOrigin = performance.timeOrigin + ${Math.round(offsetMs)};
    Object.defineProperty(performance, 'timeOrigin', { configurable: true, get: () => timeOrigin });
  `;
}
