import { expect, test } from 'vitest';
import { readPs, UsageWatch } from '../../demo/process-usage.ts';

test('the lines of ps are read as Linux and as macOS write them', () => {
  const output = ['  101  51200 00:00:07', '  102 2048 1-02:03:04', '103 1024   2:03.50', 'nothing', ''].join(
    '\n',
  );
  expect(readPs(output)).toEqual([
    { pid: 101, rssBytes: 51_200 * 1_024, cpuMs: 7_000 },
    { pid: 102, rssBytes: 2_048 * 1_024, cpuMs: ((26 * 60 + 3) * 60 + 4) * 1_000 },
    { pid: 103, rssBytes: 1_024 * 1_024, cpuMs: 123_500 },
  ]);
});

test('a process is watched for as long as it runs, and processes that are not there count for nothing', async () => {
  const watch = new UsageWatch({ orchestrator: () => [process.pid], workers: () => [2 ** 22 + 1] });
  await new Promise(resolve => setTimeout(resolve, 1_300));
  const { orchestrator, workers } = await watch.stop();
  expect(orchestrator.processes).toBe(1);
  expect(orchestrator.mostRssBytes).toBeGreaterThan(30 * 2 ** 20);
  expect(workers).toEqual({ processes: 0, cpuMs: 0, mostRssBytes: 0 });
});
