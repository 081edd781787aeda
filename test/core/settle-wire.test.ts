import { connect } from 'node:net';
import { BatchExecuteStatementCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDataPlaneClient } from '../../core/aws-clients.ts';
import { settleCall, type Verdict } from '../../core/settle.ts';
import { type HttpFront, type Script, startHttpFront } from '../support/http-front.ts';

let front: HttpFront;
let client: DynamoDBClient;

beforeAll(async () => {
  front = await startHttpFront(undefined);
  Object.assign(process.env, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: front.endpoint,
  });
  client = createDataPlaneClient();
});

afterAll(async () => {
  client.destroy();
  await front.close();
});

/** The settle table's verdict on what the worker's own client reports for this server behaviour. */
async function verdictOn(script: Script, items = 1): Promise<Verdict> {
  front.script = script;
  return settleCall(await thrownBy(client), items);
}

async function thrownBy(by: DynamoDBClient): Promise<unknown> {
  const Statements = [{ Statement: 'UPDATE "stuff" SET "test" = ? WHERE "id" = ?' }];
  try {
    await by.send(new BatchExecuteStatementCommand({ Statements }));
  } catch (error) {
    return error;
  }
  throw new Error('The call was to fail.');
}

const LOST = { kind: 'retry', cause: 'transport' };
const GOOD_BODY = JSON.stringify({ Responses: [{}], ConsumedCapacity: [{ CapacityUnits: 1 }] });
const HEADERS = { 'content-type': 'application/x-amz-json-1.0' };

describe('a reply that leaves the outcome of the write unknown is retried', () => {
  test('the connection is cut before a byte of the reply', async () => {
    expect(await verdictOn((_, { cut }) => cut())).toMatchObject(LOST);
  });

  test('the connection is cut in the middle of the body', async () => {
    const script: Script = (_, { response }) => {
      response.writeHead(200, { ...HEADERS, 'content-length': GOOD_BODY.length });
      response.write(GOOD_BODY.slice(0, 20), () => response.socket?.destroy());
    };
    expect(await verdictOn(script)).toMatchObject(LOST);
  });

  test('the connection is cut in the middle of a chunked body', async () => {
    const script: Script = (_, { response }) => {
      response.writeHead(200, HEADERS);
      response.write(GOOD_BODY.slice(0, 20), () => response.socket?.destroy());
    };
    expect(await verdictOn(script)).toMatchObject(LOST);
  });

  test('the body ends too early, and says that it is whole', async () => {
    expect(await verdictOn((_, { reply }) => reply(200, GOOD_BODY.slice(0, 20)))).toMatchObject(LOST);
  });

  test('the body is a page of a proxy', async () => {
    expect(await verdictOn((_, { reply }) => reply(200, '<html>Welcome</html>'))).toMatchObject(LOST);
  });

  test('a refusal is cut off after its status', async () => {
    const script: Script = (_, { response }) => {
      response.writeHead(400, { ...HEADERS, 'content-length': 500 });
      response.write('{"__type":', () => response.socket?.destroy());
    };
    expect(await verdictOn(script)).toMatchObject(LOST);
  });

  test('the reply is not HTTP', async () => {
    const script: Script = (_, { response }) => {
      response.socket?.end('Hello\r\n\r\n');
    };
    expect(await verdictOn(script)).toMatchObject(LOST);
  });

  test('nobody listens', async () => {
    const port = await portWithoutListener();
    process.env['AWS_ENDPOINT_URL_DYNAMODB'] = `http://127.0.0.1:${port}`;
    const lonely = createDataPlaneClient();
    try {
      expect(settleCall(await thrownBy(lonely), 1)).toMatchObject(LOST);
    } finally {
      lonely.destroy();
      process.env['AWS_ENDPOINT_URL_DYNAMODB'] = front.endpoint;
    }
  });
});

describe('an internal error of the service is retried', () => {
  test.each([500, 502, 503, 504])('HTTP %i with a page of HTML', async status => {
    const script: Script = (_, { reply }) =>
      reply(status, '<html><body>Bad</body></html>', { 'content-type': 'text/html' });
    expect(await verdictOn(script)).toMatchObject({ kind: 'retry', cause: 'internal' });
  });

  test('HTTP 500 with an empty body', async () => {
    expect(await verdictOn((_, { reply }) => reply(500, ''))).toMatchObject({
      kind: 'retry',
      cause: 'internal',
    });
  });

  test('InternalServerError', async () => {
    const script: Script = (_, { refuse }) => refuse('InternalServerError', 'm', {}, 500);
    expect(await verdictOn(script)).toMatchObject({ kind: 'retry', cause: 'internal' });
  });

  test('an error that the model does not know, of the 500s', async () => {
    const script: Script = (_, { refuse }) => refuse('SomethingNew', 'm', {}, 503);
    expect(await verdictOn(script)).toMatchObject({ kind: 'retry', cause: 'internal' });
  });
});

describe('a single reply about credentials proves nothing', () => {
  test.each([
    'ExpiredTokenException',
    'UnrecognizedClientException',
    'InvalidSignatureException',
    'SignatureDoesNotMatch',
    'RequestExpired',
    'RequestTimeTooSkewed',
    'IncompleteSignatureException',
  ])('%s', async type => {
    const script: Script = (_, { refuse }) => refuse(type, 'm', {}, 403);
    expect(await verdictOn(script)).toMatchObject({ kind: 'retry', cause: 'credentials' });
  });
});

describe('throttling is distinguished from other failures, with its reason', () => {
  const resource = 'arn:aws:dynamodb:us-east-1:000000000000:table/stuff';
  const reasons = [{ reason: 'TableWriteKeyRangeThroughputExceeded', resource }];
  const told = {
    kind: 'retry',
    cause: 'throttled',
    reason: `TableWriteKeyRangeThroughputExceeded on ${resource}`,
  };

  test.each([
    ['ProvisionedThroughputExceededException', { ThrottlingReasons: reasons }],
    ['RequestLimitExceeded', { ThrottlingReasons: reasons }],
    ['ThrottlingException', { throttlingReasons: reasons }],
  ])('%s', async (type, members) => {
    expect(await verdictOn((_, { refuse }) => refuse(type, 'slow down', members))).toEqual(told);
  });

  test('without a reason', async () => {
    expect(await verdictOn((_, { refuse }) => refuse('ThrottlingException'))).toMatchObject({
      kind: 'retry',
      cause: 'throttled',
    });
  });
});

describe('what a retry cannot fix', () => {
  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'SomethingNew'])(
    '%s is systemic',
    async type => {
      expect(await verdictOn((_, { refuse }) => refuse(type), 25)).toMatchObject({ kind: 'systemic' });
    },
  );

  test('a ValidationException of a batch is halved', async () => {
    const script: Script = (_, { refuse }) => refuse('ValidationException', 'Item size to update');
    expect(await verdictOn(script, 25)).toEqual({
      kind: 'bisect',
      reason: 'Validation: Item size to update',
    });
  });

  test('HTTP 403 with a page of HTML is a proxy that refuses', async () => {
    const script: Script = (_, { reply }) =>
      reply(403, '<html>Forbidden</html>', { 'content-type': 'text/html' });
    expect(await verdictOn(script)).toMatchObject({ kind: 'systemic' });
  });
});

/** A port on which something has just listened and nothing listens now. */
async function portWithoutListener(): Promise<number> {
  const other = await startHttpFront(undefined);
  const port = Number(new URL(other.endpoint).port);
  await other.close();
  await new Promise<void>((resolve, reject) => {
    const probe = connect(port, '127.0.0.1');
    probe.once('error', () => resolve());
    probe.once('connect', () => reject(new Error(`Something listens on ${port}.`)));
  });
  return port;
}
