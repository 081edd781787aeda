/**
 * Names and units of the metrics that the worker and the orchestrator publish. infra/'s dashboard and alarms
 * read the same names; a test holds the two against each other.
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
  /** 1 while a run is open, 0 at its end. The alarm on a stalled run needs it to know that there is a run. */
  RunOpen: 'None',
  /** 1 in each minute in which somebody supervises an open run, on a terminal or in the fleet; nothing otherwise. */
  Supervised: 'None',
} as const;

export type MetricName = keyof typeof METRIC_UNITS;

export const DEFAULT_NAMESPACE = 'Fleetfill';

/** Every metric carries this dimension. */
export const TABLE_DIMENSION = 'Table';

/** Only {@link PER_SEGMENT_METRICS} are published a second time with this one: each series costs money. */
export const SEGMENT_DIMENSION = 'Segment';

export const PER_SEGMENT_METRICS = ['ItemsScanned', 'ItemsUpdated'] as const satisfies readonly MetricName[];

/** Repairs belong to no backfill segment; under this value of `Segment` the sums over segments stay whole. */
export const REPAIR_SEGMENT = 'repair';

/**
 * How often a worker publishes. At the standard resolution of a minute, the fleet's share of the budget is the
 * sum of `WriteRateShare` over a minute divided by three.
 */
export const METRICS_INTERVAL_MS = 20_000;
