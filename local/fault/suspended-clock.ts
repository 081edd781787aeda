import { DATE_READS_NOW, preloaded } from './preload.ts';

/**
 * The environment with which a stopped Node process behaves as if its whole machine had slept. It preloads a module
 * that replaces the clocks. While the process is stopped (SIGSTOP), `performance.now` stands still, like Linux's
 * monotonic clock during a suspend, and `Date` advances `faster` times as fast. So a test that stops the process for
 * seconds has a laptop that slept for minutes. Timers are Node's own and fire at once on waking.
 *
 * @param faster minutes of sleep for each minute of the stop
 */
export function suspendedClock(faster: number): { readonly NODE_OPTIONS: string } {
  return preloaded(preload(faster));
}

/** The clock is read every 100 ms. A gap this long between two reads means that the process was stopped. */
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
    ${DATE_READS_NOW}
  `;
}
