import { preloaded } from './preload.ts';

/**
 * Environment variables that make a Node process wait less, through a module that it loads first. Its monotonic clock
 * runs `rate` times as fast, and its timers end correspondingly earlier. What takes the process three minutes takes
 * three minutes divided by `rate`. `Date` stays true. Processes that compare how long something lasts need the same
 * rate.
 *
 * Everything that is not a wait, such as a request or CPU work, seems `rate` times as slow to the process.
 */
export function hurriedTime(rate: number): { readonly NODE_OPTIONS: string } {
  return preloaded(preload(rate));
}

function preload(rate: number): string {
  return `
    import { syncBuiltinESMExports } from 'node:module';
    import timers from 'node:timers';
    import promises from 'node:timers/promises';
    import { promisify } from 'node:util';
    const now = performance.now.bind(performance);
    Object.defineProperty(performance, 'now', { value: () => now() * ${rate} });
    const { setTimeout: sleep } = promises;
    promises.setTimeout = (ms, ...rest) => sleep(ms / ${rate}, ...rest);
    for (const name of ['setTimeout', 'setInterval']) {
      const start = timers[name];
      timers[name] = (call, ms, ...rest) => start(call, ms / ${rate}, ...rest);
      globalThis[name] = timers[name];
    }
    Object.defineProperty(timers.setTimeout, promisify.custom, { value: promises.setTimeout });
    syncBuiltinESMExports();
  `;
}
