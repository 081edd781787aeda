/**
 * Names and units of the metrics that the worker and the orchestrator publish. The dashboard and alarms of infra/ read
 * the same names; a test compares the two.
 */
export const METRIC_UNITS = {
  ItemsScanned: 'Count',
  ItemsUpdated: 'Count',
  ItemsAlreadySet: 'Count',
  ItemsDeleted: 'Count',
  ItemsQuarantined: 'Count',
  ThrottledWrites: 'Count',
  ConsumedReadCapacity: 'Count',
  ConsumedWriteCapacity: 'Count',
  WriteLatency: 'Milliseconds',
  SegmentsComplete: 'Count',
  WriteRateShare: 'Count/Second',
  /** 1 while a run is open, 0 at its end. It tells the alarm on a stalled run that there is a run. */
  RunOpen: 'None',
  /** 1 in each minute in which a terminal or a task supervises an open run; nothing otherwise. */
  Supervised: 'None',
} as const;

export type MetricName = keyof typeof METRIC_UNITS;

export const DEFAULT_NAMESPACE = 'Fleetfill';

/** Every metric carries this dimension. */
export const TABLE_DIMENSION = 'Table';

/** Only {@link PER_SEGMENT_METRICS} are also published with this dimension, because each series costs money. */
export const SEGMENT_DIMENSION = 'Segment';

export const PER_SEGMENT_METRICS = ['ItemsScanned', 'ItemsUpdated'] as const satisfies readonly MetricName[];

/**
 * Repairs belong to no segment of the backfill. They use this value of `Segment`, so that sums over segments stay
 * complete.
 */
export const REPAIR_SEGMENT = 'repair';

/**
 * How often a worker publishes. At the standard resolution of a minute, the fleet's share of the budget is the
 * sum of `WriteRateShare` over a minute divided by three.
 */
export const METRICS_INTERVAL_MS = 20_000;
