import { type ProxyRequest, readJson, withJson } from '../../../local/proxy/exchange.ts';
import { forwardTo } from '../../../local/proxy/forward.ts';
import { serveExchange } from '../../../local/proxy/server.ts';

export interface DescribedTable {
  readonly endpoint: string;
  /** Changes what DescribeTable says of the table from now on. */
  describe(members: Readonly<Record<string, unknown>>): void;
  close(): Promise<void>;
}

/**
 * An endpoint before a DynamoDB that changes DescribeTable for one table, in the service's API model. It describes what
 * a local engine cannot be.
 */
export async function describeDifferently(
  endpoint: string,
  table: string,
  initial: Readonly<Record<string, unknown>>,
): Promise<DescribedTable> {
  let members = initial;
  const service = forwardTo(endpoint);
  const server = await serveExchange(async (request: ProxyRequest) => {
    const reply = await service.exchange(request);
    if (request.operation !== 'DescribeTable' || readJson(request)?.['TableName'] !== table) return reply;
    const described = readJson(reply);
    const description = described?.['Table'] as Record<string, unknown> | undefined;
    return description ? withJson(reply, { Table: { ...description, ...members } }) : reply;
  }, 'orchestrator');
  return {
    endpoint: server.endpoint,
    describe: next => {
      members = next;
    },
    close: async () => {
      await server.close();
      service.close();
    },
  };
}
