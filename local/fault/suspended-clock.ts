/**
 * Environment that makes a stop of a Node process look like its whole machine asleep, by a module that it loads before
 * its own. While the process is stopped (SIGSTOP), `performance.now` stands still, as the monotonic clock of Linux does
 * during a suspend, and `Date` goes on so many times as fast: a test that stops it for seconds has a laptop that slept
 * for minutes. Timers are Node's own; they are due at once on waking.
 *
 * @param faster minutes of sleep for each minute of the stop
 */
export function suspendedClock(faster: number): { readonly NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload(faster))}` };
}

/** A gap this long between two looks at the clock, which otherwise come every 100 ms, is a stop. */
const STOP_MS = 1_500;

function preload(faster: number): string {
  return `
    const RealDate = Date;
    const monotonic = performance.now.bind(performance);
    let sleptMs = 0;
    let lookedMs = monotonic();
    const look = () => {
      const nowMs = monotonic();
      if (nowMs - lookedMs > ${STOP_MS}) sleptMs += nowMs - lookedMs;
      lookedMs = nowMs;
      return nowMs - sleptMs;
    };
    setInterval(look, 100).unref();
    Object.defineProperty(performance, 'now', { configurable: true, value: look });
    const now = () => {
      look();
      return Math.round(RealDate.now() + sleptMs * ${faster - 1});
    };
    globalThis.Date = new Proxy(RealDate, {
      construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
      apply: () => new RealDate(now()).toString(),
      get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
    });
    RealDate.prototype.constructor = globalThis.Date;
  `;
}
