import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { measureProcesses } from './measured-process.ts';

/** Read units a second. The verification must be able to use them. */
const BUDGET = 40_000;

/** How long the verification should take with the whole budget. That needs 1.28 million items of 1 KB. */
const SECONDS = 8;
const ITEM_BYTES = 1_024;
const ITEMS = (BUDGET * SECONDS * 4_096) / ITEM_BYTES;

/** A strongly consistent page holds at most 1 MB, at one unit for 4 KB. */
const LARGEST_PAGE_ITEMS = (1_024 * 1_024) / ITEM_BYTES;

/** Milliseconds until a page is answered. */
export const PAGE_LATENCIES_MS = [0, 20, 150] as const;

export interface VerificationMeasurement {
  readonly latencyMs: number;
  readonly items: number;
  readonly seconds: number;
  /** The used part of the read budget, from the first request to the last reply. */
  readonly usedPart: number;
  readonly mostInFlight: number;
  readonly pages: number;
  /** CPU time of the verifying process. */
  readonly cpuSeconds: number;
  readonly growthFromPage30MiB: number;
}

interface Served {
  firstAtMs: number | undefined;
  lastAtMs: number;
  units: number;
  inFlight: number;
  mostInFlight: number;
}

/**
 * Runs `orchestrate verify` as a process against a table that answers each page after this latency. The table counts
 * how much of a read budget of 40,000 units a second is used.
 */
export async function measureVerification(
  latencyMs: number,
  { hook, directory }: { readonly hook: string; readonly directory: string },
  signal: AbortSignal,
): Promise<VerificationMeasurement> {
  const served: Served = { firstAtMs: undefined, lastAtMs: 0, units: 0, inFlight: 0, mostInFlight: 0 };
  const server = await serve(latencyMs, served);
  const own = join(directory, `verification-${latencyMs}`);
  await mkdir(own);
  try {
    const { port } = server.address() as AddressInfo;
    const [usage] = await measureProcesses(
      [
        {
          bundle: resolve('dist/orchestrate.mjs'),
          arguments: ['verify', '--table', 'stuff', '--max-read-rate', String(BUDGET), '--json'],
          environment: {
            AWS_REGION: 'us-east-1',
            AWS_ACCESS_KEY_ID: 'bench',
            AWS_SECRET_ACCESS_KEY: 'bench',
            AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
          },
        },
      ],
      hook,
      own,
      signal,
    );
    const seconds = (served.lastAtMs - (served.firstAtMs ?? 0)) / 1_000;
    const pages = usage?.rssByPage ?? [];
    return {
      latencyMs,
      items: ITEMS,
      seconds,
      usedPart: served.units / (BUDGET * seconds),
      mostInFlight: served.mostInFlight,
      pages: pages.length,
      cpuSeconds: (usage?.cpuMs ?? Number.NaN) / 1_000,
      growthFromPage30MiB: (Math.max(...pages.slice(30)) - (pages[30] ?? 0)) / 2 ** 20,
    };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function serve(latencyMs: number, served: Served): Promise<Server> {
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      const operation = String(incoming.headers['x-amz-target']).split('.')[1] ?? '';
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ScanRequest;
      const reply = operation === 'Scan' ? await scan(body, latencyMs, served) : DESCRIPTION;
      const text = JSON.stringify(reply);
      response
        .writeHead(200, {
          'content-type': 'application/x-amz-json-1.0',
          'content-length': Buffer.byteLength(text),
        })
        .end(text);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  return server;
}

interface ScanRequest {
  readonly TotalSegments: number;
  readonly Limit?: number;
  readonly ExclusiveStartKey?: { readonly id: { readonly S: string } };
}

async function scan(
  { TotalSegments, Limit, ExclusiveStartKey }: ScanRequest,
  latencyMs: number,
  served: Served,
) {
  served.firstAtMs ??= performance.now();
  served.inFlight += 1;
  served.mostInFlight = Math.max(served.mostInFlight, served.inFlight);
  const begun = Number(ExclusiveStartKey?.id.S ?? 0);
  const ofSegment = Math.ceil(ITEMS / TotalSegments);
  const items = Math.min(Limit ?? LARGEST_PAGE_ITEMS, LARGEST_PAGE_ITEMS, ofSegment - begun);
  const end = begun + items;
  const units = Math.max(1, Math.ceil((items * ITEM_BYTES) / 4_096));
  if (latencyMs > 0) await delay(latencyMs);
  served.inFlight -= 1;
  served.units += units;
  served.lastAtMs = performance.now();
  return {
    Count: 0,
    ScannedCount: items,
    Items: [],
    ConsumedCapacity: { TableName: 'stuff', CapacityUnits: units },
    ...(end < ofSegment && { LastEvaluatedKey: { id: { S: String(end) } } }),
  };
}

const DESCRIPTION = {
  Table: {
    TableName: 'stuff',
    TableArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/stuff',
    TableStatus: 'ACTIVE',
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    ItemCount: ITEMS,
    TableSizeBytes: ITEMS * ITEM_BYTES,
  },
};

/**
 * Prints a Markdown table and judges the criteria: nine tenths of the budget at each latency, and memory that does not
 * grow.
 */
export function printVerification(measurements: readonly VerificationMeasurement[]): void {
  console.log('\n**Verification, 40,000 read units a second**\n');
  console.log(
    '| a page takes | items | seconds | used of the budget | pages in flight at most | pages | CPU seconds | memory growth from page 30 | |',
  );
  console.log('|---|---:|---:|---:|---:|---:|---:|---:|---|');
  for (const measurement of measurements) {
    const { latencyMs, items, seconds, usedPart, mostInFlight, pages, cpuSeconds, growthFromPage30MiB } =
      measurement;
    const met = usedPart >= 0.9 && growthFromPage30MiB <= 40;
    const cells = [
      `${latencyMs} ms`,
      items.toLocaleString('en-US'),
      seconds.toFixed(1),
      `${(100 * usedPart).toFixed(1)} %`,
      String(mostInFlight),
      String(pages),
      cpuSeconds.toFixed(1),
      `${growthFromPage30MiB.toFixed(1)} MiB`,
      met ? 'met' : 'NOT MET',
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
