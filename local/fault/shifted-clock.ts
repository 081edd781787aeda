/**
 * Environment variables that make a Node process see another wall clock, through a module that it loads first. They
 * shift `Date` and `performance.timeOrigin`, but not the monotonic clock and timers. A machine whose clock was set
 * wrong before the start behaves the same.
 *
 * @param offsetMs added to the true time; negative for a slow clock
 */
export function shiftedClock(offsetMs: number): { readonly NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload(offsetMs))}` };
}

function preload(offsetMs: number): string {
  return `
    const RealDate = Date;
    const now = () => RealDate.now() + ${Math.round(offsetMs)};
    globalThis.Date = new Proxy(RealDate, {
      construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
      apply: () => new RealDate(now()).toString(),
      get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
    });
    RealDate.prototype.constructor = globalThis.Date;
    const timeOrigin = performance.timeOrigin + ${Math.round(offsetMs)};
    Object.defineProperty(performance, 'timeOrigin', { configurable: true, get: () => timeOrigin });
  `;
}
