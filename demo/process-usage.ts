import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The CPU time and memory of one process, or of several of a kind. */
export interface ProcessUsage {
  readonly processes: number;
  /** User and system time of all of them. */
  readonly cpuMs: number;
  /** The most resident memory that any one of them had. */
  readonly mostRssBytes: number;
}

/** The processes of each kind that are running now. */
export type Running = Readonly<Record<'orchestrator' | 'workers', () => readonly number[]>>;

export type Usage = Readonly<Record<keyof Running, ProcessUsage>>;

const LOOK_INTERVAL_MS = 1_000;

const run = promisify(execFile);

/**
 * Watches from outside what processes use, once a second. So the figures do not include what a process uses after the
 * last look at it.
 */
export class UsageWatch {
  readonly #running: Running;
  readonly #seen = new Map<number, { kind: keyof Running; cpuMs: number; rssBytes: number }>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> = Promise.resolve();

  constructor(running: Running) {
    this.#running = running;
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, LOOK_INTERVAL_MS);
  }

  async stop(): Promise<Usage> {
    clearInterval(this.#timer);
    await this.#looking;
    const of = (wanted: keyof Running): ProcessUsage => {
      const all = [...this.#seen.values()].filter(({ kind }) => kind === wanted);
      return {
        processes: all.length,
        cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
        mostRssBytes: Math.max(0, ...all.map(({ rssBytes }) => rssBytes)),
      };
    };
    return { orchestrator: of('orchestrator'), workers: of('workers') };
  }

  /** A machine without `ps`, or a process that has just ended, gives no figures. */
  async #look(): Promise<void> {
    const kinds = new Map<number, keyof Running>();
    for (const kind of ['orchestrator', 'workers'] as const) {
      for (const pid of this.#running[kind]()) kinds.set(pid, kind);
    }
    if (kinds.size === 0) return;
    const asked = ['-o', 'pid=,rss=,time=', '-p', [...kinds.keys()].join()];
    const { stdout } = await run('ps', asked).catch(() => ({ stdout: '' }));
    for (const { pid, rssBytes, cpuMs } of readPs(stdout)) {
      const kind = kinds.get(pid);
      if (kind === undefined) continue;
      const before = this.#seen.get(pid)?.rssBytes ?? 0;
      this.#seen.set(pid, { kind, cpuMs, rssBytes: Math.max(before, rssBytes) });
    }
  }
}

/** Lines of `ps -o pid=,rss=,time=`: the memory is in KiB, the time is `[[days-]hours:]minutes:seconds`. */
export function readPs(output: string): { pid: number; rssBytes: number; cpuMs: number }[] {
  return output.split('\n').flatMap(line => {
    const found = /^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)\s*$/.exec(line);
    if (!found) return [];
    const [pid = 0, kib = 0, days, hours, minutes, seconds] = found
      .slice(1)
      .map(text => (text === undefined ? 0 : Number(text)));
    const cpuMs = ((((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1_000;
    return [{ pid, rssBytes: kib * 1_024, cpuMs }];
  });
}
