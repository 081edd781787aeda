import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { ControlTable } from '../core/control-table.ts';
import type { Recipe } from '../core/recipe/recipe.ts';
import { type BatchForms, NO_COUNTERS, type WriteApi } from '../core/records.ts';
import { RunStore } from '../core/run-store.ts';
import { SegmentStore } from '../core/segment-store.ts';
import { encodeTaskEnvironment } from '../core/task-environment.ts';
import { TaskStore } from '../core/task-store.ts';
import type { RowCounts } from './row-settings.ts';

/** The statement forms that the engine proof grants dynoxide. */
const EVERY_FORM: BatchForms = {
  several: 'commas',
  sources: ['S', 'N', 'B', 'BOOL', 'SS', 'NS', 'BS'],
  absent: true,
  present: true,
};

/** A budget that no machine reaches, so that the worker is measured and not its limiter. */
const UNREACHABLE = { writeUnitsPerSecond: 1e6, readUnitsPerSecond: 1e6 };

export interface FleetfillRun {
  readonly runId: string;
  readonly table: string;
  readonly attribute: string;
  /** A recipe instead of the value 1. */
  readonly recipe?: Recipe;
  readonly undoLog: boolean;
  readonly writeApi: WriteApi;
  /** There is one worker for each segment. */
  readonly totalSegments: number;
  readonly controlTable: string;
}

/** Creates the records that an orchestrator would create, and reads them after the workers have ended. */
export class FleetfillRecords {
  readonly #table: ControlTable;

  constructor(controlTable: string, endpoint: string) {
    const client = new DynamoDBClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const documents = DynamoDBDocumentClient.from(client, {
      marshallOptions: { removeUndefinedValues: true },
    });
    this.#table = new ControlTable(documents, controlTable);
  }

  /** @returns the environment of each worker */
  async create({
    runId: run,
    table,
    attribute,
    recipe,
    undoLog,
    writeApi,
    totalSegments,
    controlTable,
  }: FleetfillRun) {
    const now = new Date().toISOString();
    await new RunStore(this.#table).create({
      runId: run,
      status: 'running',
      desired: 'run',
      table,
      tableArn: `arn:aws:dynamodb:us-east-1:000000000000:table/${table}/${run}`,
      account: '000000000000',
      region: 'us-east-1',
      attribute,
      ...(recipe ? { recipe, batchForms: EVERY_FORM } : { value: '1' }),
      keySchema: [
        { name: 'id', type: 'S' },
        { name: 'created', type: 'N' },
      ],
      totalSegments,
      tasks: totalSegments,
      writeApi,
      writeApiReason: 'benchmark',
      ...(undoLog && {
        undoLog: {
          targets: recipe?.set.map(({ name }) => ({ name })) ?? [{ name: attribute, value: '{"N":"1"}' }],
          expiresAt: 4_000_000_000,
        },
      }),
      indexes: 0,
      dryRun: false,
      spot: false,
      rates: UNREACHABLE,
      unattendedRate: UNREACHABLE.writeUnitsPerSecond * totalSegments,
      passes: 1,
      maxAttempts: 1,
      heartbeatMs: 2_000,
      authorityMs: 5_000,
      namespace: 'Fleetfill',
      controlTable,
      pass: 1,
      sweep: 1,
      createdAt: now,
      createdBy: 'benchmark',
      activeMs: 0,
      changes: [],
      supervisorCounters: NO_COUNTERS,
    });
    const environments: Record<string, string>[] = [];
    for (let segment = 0; segment < totalSegments; segment++) {
      const launch = `${run}-${segment}`;
      await new TaskStore(this.#table).createLaunch(
        { runId: run, launchId: launch, pass: 1, segments: [segment], granted: UNREACHABLE, launchedAt: now },
        { runId: run, epoch: 1 },
      );
      await new SegmentStore(this.#table).assignNew(
        { runId: run, segment, pass: 1, launchId: launch },
        totalSegments,
      );
      const task = encodeTaskEnvironment({
        runId: run,
        launchId: launch,
        segments: [segment],
        totalSegments,
        table,
        ...(!recipe && { attribute, value: '1' }),
        controlTable,
        namespace: 'Fleetfill',
      });
      environments.push(Object.fromEntries(task.map(({ name, value }) => [name, value])));
    }
    return environments;
  }

  /** @throws Error when a segment has no completion marker. */
  async counts(run: string): Promise<RowCounts[]> {
    const segments = await new SegmentStore(this.#table).list(run);
    return segments.map(({ segment, status, counters }) => {
      if (status !== 'complete') throw new Error(`Segment ${segment} of ${run} is ${status}.`);
      return {
        // A repeated write whose first reply was lost finds the attribute already set, so it counts as an item too.
        items: counters.updated + counters.alreadySet,
        readUnits: counters.readUnits,
        writeUnits: counters.writeUnits,
      };
    });
  }
}
