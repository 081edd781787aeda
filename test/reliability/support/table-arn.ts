import { type ProxyReply, type ProxyRequest, readJson, withJson } from '../../../local/proxy/exchange.ts';
import { type Forwarder, forwardTo } from '../../../local/proxy/forward.ts';
import { serveExchange } from '../../../local/proxy/server.ts';

export interface TableArnFront {
  readonly endpoint: string;
  /** Sets the DynamoDB behind this endpoint. It may start after the endpoint does. */
  forwardTo(endpoint: string): void;
  close(): Promise<void>;
}

/**
 * An endpoint in front of a DynamoDB engine that accepts the table's ARN in place of its name. AWS accepts it; the
 * engine does not. The reply to a batch uses the same form, ARN or name, as the request.
 */
export async function acceptTableArn(arn: string, table: string): Promise<TableArnFront> {
  let service: Forwarder | undefined;
  const server = await serveExchange(async (request: ProxyRequest): Promise<ProxyReply> => {
    if (!service) throw new Error('There is no DynamoDB behind this endpoint yet.');
    const body = readJson(request);
    const batch = body?.['RequestItems'] as Record<string, unknown> | undefined;
    if (body?.['TableName'] === arn) {
      return service.exchange(withJson(request, { ...body, TableName: table }));
    }
    if (batch?.[arn] === undefined) return service.exchange(request);
    const reply = await service.exchange(
      withJson(request, { ...body, RequestItems: renamed(batch, arn, table) }),
    );
    const answer = readJson(reply) ?? {};
    const members = ['Responses', 'UnprocessedKeys', 'UnprocessedItems'].filter(
      name => answer[name] !== undefined,
    );
    const named = members.map(name => [name, renamed(answer[name] as Record<string, unknown>, table, arn)]);
    return withJson(reply, { ...answer, ...Object.fromEntries(named) });
  }, 'orchestrator');
  return {
    endpoint: server.endpoint,
    forwardTo: endpoint => {
      service = forwardTo(endpoint);
    },
    close: async () => {
      await server.close();
      service?.close();
    },
  };
}

function renamed(tables: Record<string, unknown>, from: string, to: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tables).map(([name, of]) => [name === from ? to : name, of]));
}
