/** What a process notes of its event loop; see {@link loopHook}. */
export interface LoopUsage {
  /** The longest rounds of the event loop, the longest first, and when each ended: in a round nothing else can happen. */
  readonly longest: readonly { readonly ms: number; readonly atSeconds: number }[];
  readonly roundsOver50Ms: number;
  readonly longestGcMs: number;
  /** The most that was in use after any full garbage collection. */
  readonly heapMb: number;
  readonly cpuMs: number;
  readonly lastedMs: number;
}

/** How many of the longest rounds are noted. */
const NOTED = 10;

/**
 * Options for a Node process that writes {@link LoopUsage} to a file when it exits. It counts from the first request
 * that the process sends: what came before is Node's start and the loading of the bundle.
 *
 * A round counts by its wall-clock time, which is too long when another process has the machine, or by the CPU time of
 * the process, which is too long when threads of the garbage collector work beside it: by the shorter one.
 */
export function loopHook(path: string): string[] {
  return ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(source(path))}`];
}

function source(path: string): string {
  return `
    import { subscribe } from 'node:diagnostics_channel';
    import { writeFileSync } from 'node:fs';
    import { PerformanceObserver } from 'node:perf_hooks';
    import { getHeapStatistics } from 'node:v8';
    const cpuMs = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
    const heapInUse = () => getHeapStatistics().used_heap_size / 2 ** 20;
    const MAJOR = 4;
    let longest = [], over = 0, longestGcMs = 0, heapMb = 0, began, last;
    const now = () => ({ cpuMs: cpuMs(), atMs: performance.now() });
    const note = () => {
      const { cpuMs: cpu, atMs } = now();
      const round = Math.min(cpu - last.cpuMs, atMs - last.atMs);
      last = { cpuMs: cpu, atMs };
      if (round > 50) over += 1;
      if (round > (longest.at(-1)?.ms ?? 0) || longest.length < ${NOTED}) {
        const noted = { ms: round, atSeconds: (atMs - began.atMs) / 1000 };
        longest = [...longest, noted].sort((a, b) => b.ms - a.ms).slice(0, ${NOTED});
      }
      setTimeout(note, 1).unref();
    };
    subscribe('http.client.request.start', () => {
      if (began) return;
      began = now();
      last = began;
      setTimeout(note, 1).unref();
      new PerformanceObserver(list => {
        for (const { duration, detail } of list.getEntries()) {
          longestGcMs = Math.max(longestGcMs, duration);
          if (detail.kind === MAJOR) heapMb = Math.max(heapMb, heapInUse());
        }
      }).observe({ entryTypes: ['gc'] });
    });
    process.on('exit', () => {
      if (!began) return;
      const spent = { cpuMs: cpuMs() - began.cpuMs, lastedMs: performance.now() - began.atMs };
      gc();
      heapMb = Math.max(heapMb, heapInUse());
      const usage = { longest, roundsOver50Ms: over, longestGcMs, heapMb, ...spent };
      writeFileSync(${JSON.stringify(path)}, JSON.stringify(usage));
    });
  `;
}
