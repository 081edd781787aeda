import { hurriedTime } from '../../../local/fault/hurried-time.ts';
import type { OrchestratorProcess } from '../../e2e/support/orchestrator-process.ts';
import { type Arena, TABLE } from '../support/arena.ts';
import type { CaseContext, ReliabilityCase } from '../support/case.ts';
import { describeDifferently } from '../support/described-table.ts';
import { atRate, judgeEnd, UNLIMITED, until, untilUpdated } from '../support/steps.ts';
import { acceptTableArn } from '../support/table-arn.ts';

const INDEX = 'by-owner';
const USED = 2_000;
const MODELLED = "DescribeTable's answer and the table's metrics are made from the service's API model";

const BY_ARN = 'a proxy puts the name where the ARN stood; the engine knows tables by name only';

/** DescribeTable of a table with autoscaling and an index. */
function provisioned(writeUnits: number): Readonly<Record<string, unknown>> {
  const throughput = (WriteCapacityUnits: number) => ({
    WriteCapacityUnits,
    ReadCapacityUnits: 10_000,
    NumberOfDecreasesToday: 0,
  });
  return {
    BillingModeSummary: { BillingMode: 'PROVISIONED' },
    ProvisionedThroughput: throughput(writeUnits),
    GlobalSecondaryIndexes: [
      {
        IndexName: INDEX,
        IndexStatus: 'ACTIVE',
        KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'KEYS_ONLY' },
        ProvisionedThroughput: throughput(5_000),
      },
    ],
  };
}

/** Publishes DynamoDB's metric for the current minute of the table or its index. */
function publish({ stack }: Arena, metric: string, sum: number, index?: string): void {
  stack.cloudWatch.put({
    namespace: 'AWS/DynamoDB',
    metric,
    dimensions: { TableName: TABLE, ...(index !== undefined && { GlobalSecondaryIndexName: index }) },
    timestamp: Date.now(),
    statistics: { sampleCount: 1, sum, minimum: sum, maximum: sum },
  });
}

/** How often the supervisor has asked for the table's metrics. */
function countLooks(arena: Arena): () => number {
  let looks = 0;
  arena.faults.tap({
    settled: ({ service, operation, body, status }) => {
      if (service !== 'cloudwatch' || operation !== 'GetMetricData' || status !== 200) return;
      if (JSON.stringify(body).includes('ConsumedWriteCapacityUnits')) looks += 1;
    },
  });
  return () => looks;
}

const cutsOf = (run: OrchestratorProcess) => run.events.filter(({ event }) => event === 'run.cut');

async function endQuickly(arena: Arena, run: OrchestratorProcess, { report }: CaseContext): Promise<void> {
  await arena.command(['rate', run.runId, ...UNLIMITED]);
  judgeEnd(report, await run.exit, run.last);
  await arena.judge(report);
}

/** The table scales to four times its capacity, half of which is used. Then its index throttles, and not the table. */
async function scalingTable(context: CaseContext): Promise<void> {
  const { open, report, either } = context;
  const hurry = either(4, 1);
  const time = hurriedTime(hurry);
  const arena = await open({ items: either(6_000, 12_000), faults: true, stack: { taskEnvironment: time } });
  const looks = countLooks(arena);
  const front = await describeDifferently(arena.stack.endpoints.dynamodb, TABLE, provisioned(1_000));
  try {
    const run = arena.orchestrate(['--segments', '4', '--yes', ...atRate(50)], {
      ...time,
      AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
    });
    await untilUpdated(run, 1);
    front.describe(provisioned(4_000));
    const lookUntil = async (more: number) => {
      const wanted = looks() + more;
      await until(`${more} more looks at the metrics`, () => looks() >= wanted, 90_000);
    };
    // A look may be in progress, and an answer is judged a moment after it was sent.
    await lookUntil(1);
    publish(arena, 'ConsumedWriteCapacityUnits', USED * 60);
    await lookUntil(3);
    report.equal(
      `4,000 provisioned, of which ${USED.toLocaleString('en')} are used: cuts of the budget`,
      cutsOf(run).length,
      0,
      MODELLED,
    );
    publish(arena, 'WriteThrottleEvents', 7, INDEX);
    const cut = await run.waitFor(({ event }) => event === 'run.cut');
    report.equal('the index throttles: budget cut to', Number(cut['factor']), 0.5);
    report.says('the reason', String(cut['reason']), /^7 throttled writes on the index by-owner/);
    await endQuickly(arena, run, context);
  } finally {
    await front.close();
  }
}

/** A table named by its ARN publishes nothing while the fleet writes. Then it reports throttling. */
async function silentTable(context: CaseContext): Promise<void> {
  const { open, report, either } = context;
  const hurry = either(4, 1);
  const time = hurriedTime(hurry);
  const arn = `arn:aws:dynamodb:us-east-1:000000000000:table/${TABLE}`;
  const front = await acceptTableArn(arn, TABLE);
  const named = { ...time, AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
  try {
    const arena = await open({ items: 6_000, faults: true, stack: { taskEnvironment: named } });
    front.forwardTo(arena.stack.endpoints.dynamodb);
    const looks = countLooks(arena);
    const run = arena.orchestrate(['--table', arn, '--segments', '4', '--yes', ...atRate(20)], named);
    const warned = await run.waitFor(
      ({ event, message }) => event === 'warning' && String(message).includes("table's metrics"),
    );
    report.says(
      'no metrics while the fleet writes',
      String(warned['message']),
      /keeps its rate and does not speed up: CloudWatch has no metrics of the table stuff/,
    );
    report.atLeast('looks at the metrics by then', looks(), 9);
    report.equal('cuts of the budget by then', cutsOf(run).length, 0);
    publish(arena, 'WriteThrottleEvents', 3);
    const cut = await run.waitFor(({ event }) => event === 'run.cut');
    report.equal('named by its ARN, the table throttles: budget cut to', Number(cut['factor']), 0.5, BY_ARN);
    report.says('the reason', String(cut['reason']), /^3 throttled writes on the table/);
    const again = run.events.some(({ message }) => /metrics can be read again/.test(String(message)));
    report.equal('it says that it sees again', again, true);
    await endQuickly(arena, run, context);
  } finally {
    await front.close();
  }
}

export const LIVE_TRAFFIC: readonly ReliabilityCase[] = [
  {
    number: 33,
    title: 'the table scales, its index throttles, its metrics are silent',
    load: 'waits',
    seconds: 180,
    seeds: 1,
    // Each part has its own stack and waits most of its time.
    run: async context => {
      await Promise.all([scalingTable(context), silentTable(context)]);
    },
  },
];
