import { type Exchange, readJson } from '../proxy/exchange.ts';

/**
 * Calls an operation of the engine itself.
 * @returns undefined for any answer but a success
 */
export type AskEngine = (operation: string, body: unknown) => Promise<Record<string, unknown> | undefined>;

/** Local engines require a signature and do not check it. */
const SIGNED = {
  'content-type': 'application/x-amz-json-1.0',
  authorization:
    'AWS4-HMAC-SHA256 Credential=local/20120810/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=local',
  'x-amz-date': '20120810T000000Z',
};

/** Asks the engine what a proxy must know. These calls pass no proxy and cost no capacity. */
export function askEngine(engine: Exchange): AskEngine {
  return async (operation, body) => {
    const reply = await engine({
      client: 'proxy',
      method: 'POST',
      path: '/',
      headers: { ...SIGNED, 'x-amz-target': `DynamoDB_20120810.${operation}` },
      body: Buffer.from(JSON.stringify(body)),
      operation,
    });
    return reply.status === 200 && reply.cut === undefined ? readJson(reply) : undefined;
  };
}
