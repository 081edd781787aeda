import { ConfigurationError } from '../../core/errors.ts';

/** What the metered tables can take. Everything is optional; without anything the table is a new on-demand one. */
export interface CapacityOptions {
  /** Provisioned when units a second are given, else on demand. On demand, they are the table's configured maximum. */
  readonly mode?: 'provisioned' | 'on-demand' | undefined;
  readonly writeUnitsPerSecond?: number | undefined;
  readonly readUnitsPerSecond?: number | undefined;
  /** Partitions of each table; as many as its throughput asks for when not given. */
  readonly partitions?: number | undefined;
  readonly partitionWriteUnitsPerSecond?: number | undefined;
  readonly partitionReadUnitsPerSecond?: number | undefined;
  /** Over all metered tables together. */
  readonly accountWriteUnitsPerSecond?: number | undefined;
  readonly accountReadUnitsPerSecond?: number | undefined;
  /** A provisioned table saves up what it does not use, for 300 seconds in place of one, and begins with all of it. */
  readonly burst?: boolean | undefined;
  /** Global secondary indexes, beside those that the engine has, into which each successful write goes as well. */
  readonly gsis?: number | undefined;
  /** Of each index, the engine's own included; unlimited when not given. */
  readonly gsiWriteUnitsPerSecond?: number | undefined;
  /** Added to each call, half of it before its effect and half after. */
  readonly latencyMs?: number | undefined;
  /** Whether throttling errors tell their reasons; true when not given. Errors of single statements never do. */
  readonly reasons?: boolean | undefined;
  /** A BatchExecuteStatement of which nothing is admitted is refused as a call, and not statement by statement. */
  readonly wholeBatches?: boolean | undefined;
  /** Period of the metrics that the tables publish of themselves; 60 when not given, as on AWS. */
  readonly metricsPeriodSeconds?: number | undefined;
}

interface Limits {
  readonly write: number;
  readonly read: number;
}

/** {@link CapacityOptions} with nothing left open; a limit that does not exist is infinite. */
export interface CapacitySettings {
  readonly mode: 'provisioned' | 'on-demand';
  readonly table: Limits;
  readonly partitions: number;
  readonly partition: Limits;
  readonly account: Limits;
  /** For how long a table keeps what it does not use. */
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

/** Unused capacity is kept for five minutes [developer guide, "Burst and adaptive capacity"]. */
const BURST_SECONDS = 300;

/** A new on-demand table takes 4,000 write and 12,000 read units a second [developer guide, "On-demand mode"]. */
const ON_DEMAND_PARTITIONS = 4;

/** @throws ConfigurationError for a number that means nothing */
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

/** As AWS once published it: what the throughput asks for, with reads and writes side by side. */
function partitionsFor(mode: CapacitySettings['mode'], { write, read }: Limits): number {
  if (mode === 'on-demand') return ON_DEMAND_PARTITIONS;
  const share = (units: number, ofOne: number) => (Number.isFinite(units) ? units / ofOne : 0);
  return Math.ceil(share(write, PARTITION.write) + share(read, PARTITION.read));
}
