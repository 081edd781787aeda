import type { CloudWatchClient, MetricDatum, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { beforeEach, describe, expect, test } from 'vitest';
import { METRIC_UNITS, METRICS_INTERVAL_MS, REPAIR_SEGMENT } from '../../core/metrics.ts';
import { MetricsPublisher } from '../../core/metrics-publisher.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Call {
  readonly Namespace: string | undefined;
  readonly MetricData: readonly MetricDatum[];
}

let calls: Call[];
let failing: boolean;
let failures: unknown[];
let clock: FakeClock;

const client = {
  send: async ({ input }: PutMetricDataCommand) => {
    if (failing) throw new Error('CloudWatch is away');
    calls.push({ Namespace: input.Namespace, MetricData: input.MetricData ?? [] });
    return {};
  },
} as unknown as CloudWatchClient;

beforeEach(() => {
  calls = [];
  failing = false;
  failures = [];
  clock = new FakeClock();
});

function publisher(writeRateShare?: () => number): MetricsPublisher {
  return new MetricsPublisher({
    client,
    clock,
    namespace: 'Fleetfill',
    table: 'stuff',
    ...(writeRateShare && { writeRateShare }),
    onFailure: error => failures.push(error),
  });
}

const published = () => calls.flatMap(({ MetricData }) => MetricData);

/** The sum of each series' values, by name: `ItemsScanned Table=stuff,Segment=3`. */
function sums(): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { MetricName, Dimensions = [], Value } of published()) {
    if (Value === undefined) continue;
    const series = `${MetricName} ${Dimensions.map(({ Name, Value: of }) => `${Name}=${of}`).join()}`;
    totals[series] = (totals[series] ?? 0) + Value;
  }
  return totals;
}

test('one call publishes everything: each sum once, zeros included, with unit and dimension', async () => {
  const metrics = publisher(() => 12.5);
  metrics.count(3, { scanned: 10, updated: 4, alreadySet: 3, deleted: 2, quarantined: 1 });
  metrics.count(3, { matched: 10, readUnits: 0.5, writeUnits: 7 });
  metrics.writeLatency(123.4);
  metrics.writeLatency(118);
  await metrics.close();
  expect(calls).toHaveLength(1);
  expect(calls[0]?.Namespace).toBe('Fleetfill');
  const Timestamp = expect.any(Date);
  const Table = { Name: 'Table', Value: 'stuff' };
  const sum = (MetricName: keyof typeof METRIC_UNITS, Value: number, Segment?: string) => ({
    MetricName,
    Unit: METRIC_UNITS[MetricName],
    Dimensions: Segment ? [Table, { Name: 'Segment', Value: Segment }] : [Table],
    Timestamp,
    Value,
  });
  expect(new Set(published())).toEqual(
    new Set([
      sum('ItemsScanned', 10),
      sum('ItemsUpdated', 4),
      sum('ItemsAlreadySet', 3),
      sum('ItemsDeleted', 2),
      sum('ItemsQuarantined', 1),
      sum('ConsumedReadCapacity', 0.5),
      sum('ConsumedWriteCapacity', 7),
      sum('ThrottledWrites', 0),
      sum('SegmentsComplete', 0),
      sum('WriteRateShare', 12.5),
      sum('ItemsScanned', 10, '3'),
      sum('ItemsUpdated', 4, '3'),
      {
        MetricName: 'WriteLatency',
        Unit: 'Milliseconds',
        Dimensions: [Table],
        Timestamp,
        Values: [120],
        Counts: [2],
      },
    ]),
  );
});

test('a segment whose counters no longer change is published as zero', async () => {
  const metrics = publisher();
  metrics.count(3, { scanned: 10 });
  await metrics.close();
  calls = [];
  await metrics.close();
  expect(sums()['ItemsScanned Table=stuff,Segment=3']).toBe(0);
});

test('only the two named metrics cost a series for each segment', async () => {
  const metrics = publisher();
  metrics.count(0, { scanned: 1, matched: 1, updated: 1, deleted: 1, readUnits: 1, writeUnits: 1 });
  await metrics.close();
  const perSegment = published().filter(({ Dimensions }) => Dimensions?.length === 2);
  expect(perSegment.map(({ MetricName }) => MetricName).sort()).toEqual(['ItemsScanned', 'ItemsUpdated']);
});

test('repairs have a segment of their own, so that the sum over segments stays the table’s', async () => {
  const metrics = publisher();
  metrics.count(0, { updated: 5 });
  metrics.count(REPAIR_SEGMENT, { updated: 2 });
  await metrics.close();
  expect(sums()).toMatchObject({
    'ItemsUpdated Table=stuff': 7,
    'ItemsUpdated Table=stuff,Segment=0': 5,
    'ItemsUpdated Table=stuff,Segment=repair': 2,
  });
});

test('the orchestrator, which has no share, publishes none', async () => {
  await publisher().close();
  expect(published().map(({ MetricName }) => MetricName)).not.toContain('WriteRateShare');
});

describe('while CloudWatch fails', () => {
  test('nothing is lost: the next call publishes both sums', async () => {
    const metrics = publisher();
    metrics.count(1, { updated: 5 });
    failing = true;
    await metrics.close();
    expect(failures).toHaveLength(1);
    failing = false;
    metrics.count(1, { updated: 2 });
    metrics.add('ThrottledWrites', 1);
    await metrics.close();
    expect(sums()).toMatchObject({
      'ItemsUpdated Table=stuff': 7,
      'ItemsUpdated Table=stuff,Segment=1': 7,
      'ThrottledWrites Table=stuff': 1,
    });
  });

  test('latencies wait for the next call too', async () => {
    const metrics = publisher();
    metrics.writeLatency(12);
    failing = true;
    await metrics.close();
    failing = false;
    metrics.writeLatency(12);
    await metrics.close();
    await metrics.close();
    const latencies = published().filter(({ MetricName }) => MetricName === 'WriteLatency');
    expect(latencies).toMatchObject([{ Values: [12], Counts: [2] }]);
  });

  test('what is counted while a call is on its way is not lost with it', async () => {
    const metrics = publisher();
    metrics.count(1, { updated: 5 });
    const closing = metrics.close();
    metrics.count(1, { updated: 1 });
    await closing;
    await metrics.close();
    expect(sums()['ItemsUpdated Table=stuff']).toBe(6);
  });
});

describe('within what PutMetricData takes', () => {
  test('at most 150 different latencies in one datum, none lost', async () => {
    const metrics = publisher();
    // Two significant digits: 10 to 99, 100 to 990 in steps of ten, and so on.
    for (let ms = 10; ms < 10_000; ms++) metrics.writeLatency(ms);
    await metrics.close();
    const latencies = published().filter(({ MetricName }) => MetricName === 'WriteLatency');
    for (const { Values = [], Counts } of latencies) {
      expect(Values.length).toBeLessThanOrEqual(150);
      expect(Counts).toHaveLength(Values.length);
    }
    const counts = latencies.flatMap(({ Counts = [] }) => Counts);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(9_990);
  });

  test('at most 1,000 metrics in one call, none lost', async () => {
    const metrics = publisher();
    for (let segment = 0; segment < 1_500; segment++) metrics.count(segment, { scanned: 1 });
    await metrics.close();
    expect(calls.length).toBeGreaterThan(1);
    for (const { MetricData } of calls) expect(MetricData.length).toBeLessThanOrEqual(1_000);
    expect(sums()['ItemsScanned Table=stuff']).toBe(1_500);
    expect(Object.keys(sums()).filter(series => series.includes('Segment='))).toHaveLength(1_500);
  });

  test('when a second call fails, the values of the first are not sent again', async () => {
    const metrics = publisher();
    for (let segment = 0; segment < 1_500; segment++) metrics.count(segment, { scanned: 1 });
    const send = client.send;
    let sent = 0;
    client.send = (async (command: PutMetricDataCommand) => {
      sent += 1;
      if (sent === 2) throw new Error('CloudWatch is away');
      return send(command as never);
    }) as never;
    try {
      await metrics.close();
      await metrics.close();
    } finally {
      client.send = send;
    }
    expect(sums()['ItemsScanned Table=stuff']).toBe(1_500);
    expect(sums()['ItemsScanned Table=stuff,Segment=7']).toBe(1);
    expect(sums()['ItemsScanned Table=stuff,Segment=1499']).toBe(1);
  });
});

test('it publishes in the interval, until it is stopped', async () => {
  const stop = new AbortController();
  const running = publisher().run(stop.signal);
  await clock.advance(METRICS_INTERVAL_MS * 3 - 1);
  expect(calls).toHaveLength(2);
  stop.abort();
  await running;
  await clock.advance(METRICS_INTERVAL_MS * 3);
  expect(calls).toHaveLength(2);
});
