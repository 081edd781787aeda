import { ConfigurationError } from '../../core/errors.ts';

/** The capacity of the metered tables. Everything is optional; the default is a new on-demand table. */
export interface CapacityOptions {
  /**
   * The default is provisioned if units a second are given, and on-demand if not. For on-demand, the units are the
   * configured maximum.
   */
  readonly mode?: 'provisioned' | 'on-demand' | undefined;
  readonly writeUnitsPerSecond?: number | undefined;
  readonly readUnitsPerSecond?: number | undefined;
  /** Partitions of each table; by default as many as its throughput needs. */
  readonly partitions?: number | undefined;
  readonly partitionWriteUnitsPerSecond?: number | undefined;
  readonly partitionReadUnitsPerSecond?: number | undefined;
  /** For all metered tables together. */
  readonly accountWriteUnitsPerSecond?: number | undefined;
  readonly accountReadUnitsPerSecond?: number | undefined;
  /** A provisioned table saves unused capacity for 300 seconds instead of one, and begins with all of it. */
  readonly burst?: boolean | undefined;
  /** Simulated global secondary indexes, besides the engine's own. Each successful write goes into all of them. */
  readonly gsis?: number | undefined;
  /** Applies to each index, including the engine's own; unlimited by default. */
  readonly gsiWriteUnitsPerSecond?: number | undefined;
  /** Added to each call: half before its effect and half after. */
  readonly latencyMs?: number | undefined;
  /** Whether throttling errors carry their reasons; true by default. Errors of single statements never do. */
  readonly reasons?: boolean | undefined;
  /**
   * If nothing of a BatchExecuteStatement is admitted, the call is refused as a whole instead of statement by
   * statement.
   */
  readonly wholeBatches?: boolean | undefined;
  /** Period of the tables' own metrics; 60 by default, as on AWS. */
  readonly metricsPeriodSeconds?: number | undefined;
}

interface Limits {
  readonly write: number;
  readonly read: number;
}

/** {@link CapacityOptions} with every default filled in. A limit that does not exist is infinite. */
export interface CapacitySettings {
  readonly mode: 'provisioned' | 'on-demand';
  readonly table: Limits;
  readonly partitions: number;
  readonly partition: Limits;
  readonly account: Limits;
  /** How long a table keeps unused capacity. */
  readonly tableDepthSeconds: number;
  readonly indexes: readonly string[];
  readonly indexWriteUnitsPerSecond: number;
  readonly latencyMs: number;
  readonly reasons: boolean;
  readonly wholeBatches: boolean;
  readonly metricsPeriodSeconds: number;
}

/** Units a second that one partition serves [developer guide, "Best practices for partition keys"]. */
const PARTITION: Limits = { write: 1_000, read: 3_000 };

/** DynamoDB keeps unused capacity for five minutes [developer guide, "Burst and adaptive capacity"]. */
const BURST_SECONDS = 300;

/** A new on-demand table serves 4,000 write and 12,000 read units a second [developer guide, "On-demand mode"]. */
const ON_DEMAND_PARTITIONS = 4;

/** @throws ConfigurationError for an invalid number */
export function readCapacityOptions(options: CapacityOptions): CapacitySettings {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && !(value > 0 || (value === 0 && MAY_BE_ZERO.includes(name)))) {
      throw new ConfigurationError(`capacity.${name} is ${value}; it has to be more than 0.`);
    }
  }
  const { writeUnitsPerSecond: write = Infinity, readUnitsPerSecond: read = Infinity } = options;
  const limited = Number.isFinite(write) || Number.isFinite(read);
  const mode = options.mode ?? (limited ? 'provisioned' : 'on-demand');
  const partition = {
    write: options.partitionWriteUnitsPerSecond ?? PARTITION.write,
    read: options.partitionReadUnitsPerSecond ?? PARTITION.read,
  };
  const partitions = Math.floor(options.partitions ?? partitionsFor(mode, { write, read }));
  return {
    mode,
    table: { write, read },
    partitions: Math.max(1, partitions),
    partition,
    account: {
      write: options.accountWriteUnitsPerSecond ?? Infinity,
      read: options.accountReadUnitsPerSecond ?? Infinity,
    },
    tableDepthSeconds: mode === 'provisioned' && options.burst ? BURST_SECONDS : 1,
    indexes: Array.from({ length: options.gsis ?? 0 }, (_, index) => `simulated-${index + 1}`),
    indexWriteUnitsPerSecond: options.gsiWriteUnitsPerSecond ?? Infinity,
    latencyMs: options.latencyMs ?? 0,
    reasons: options.reasons ?? true,
    wholeBatches: options.wholeBatches ?? false,
    metricsPeriodSeconds: options.metricsPeriodSeconds ?? 60,
  };
}

const MAY_BE_ZERO = ['gsis', 'latencyMs'];

/** By a formula that AWS once published: the partitions for the writes plus those for the reads. */
function partitionsFor(mode: CapacitySettings['mode'], { write, read }: Limits): number {
  if (mode === 'on-demand') return ON_DEMAND_PARTITIONS;
  const share = (units: number, ofOne: number) => (Number.isFinite(units) ? units / ofOne : 0);
  return Math.ceil(share(write, PARTITION.write) + share(read, PARTITION.read));
}
