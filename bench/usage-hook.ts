import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';

/**
 * Preloaded into every measured process (`node --import`). It records the process's CPU time and memory, and writes
 * them to a file when the process exits. Measuring starts at the first request, because everything before it is Node's
 * start and loading the bundle.
 */
export interface Usage {
  /** Wall-clock time of the first request and of the exit, ms since the epoch. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** User and system time from the first request to the exit, and before it. */
  readonly cpuMs: number;
  readonly startCpuMs: number;
  /** Resident memory at the first request, in bytes. */
  readonly idleRssBytes: number;
  readonly maxRssBytes: number;
  /** Resident memory in bytes at each request for a page, beginning with the first page. */
  readonly rssByPage: readonly number[];
}

const SAMPLE_INTERVAL_MS = 50;

const path = process.env['FLEETFILL_BENCH_USAGE'];
if (path !== undefined) {
  let first: { atMs: number; cpuMs: number; rssBytes: number } | undefined;
  let maxRssBytes = 0;
  const rssByPage: number[] = [];
  const sample = () => {
    const rssBytes = process.memoryUsage.rss();
    maxRssBytes = Math.max(maxRssBytes, rssBytes);
    return rssBytes;
  };
  subscribe('http.client.request.start', message => {
    if (first === undefined) {
      first = { atMs: nowMs(), cpuMs: cpuMs(), rssBytes: sample() };
      setInterval(sample, SAMPLE_INTERVAL_MS).unref();
    }
    const { request } = message as { request: ClientRequest };
    if (String(request.getHeader('x-amz-target')).endsWith('.Scan')) rssByPage.push(sample());
  });
  process.on('exit', () => {
    if (first === undefined) return;
    const usage: Usage = {
      startedAtMs: first.atMs,
      endedAtMs: nowMs(),
      cpuMs: cpuMs() - first.cpuMs,
      startCpuMs: first.cpuMs,
      idleRssBytes: first.rssBytes,
      maxRssBytes,
      rssByPage,
    };
    writeFileSync(path, JSON.stringify(usage));
  });
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function cpuMs(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1_000;
}
