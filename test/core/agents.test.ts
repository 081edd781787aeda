import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { rootCertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAgents } from '../../core/agents.ts';
import { AuthorityLostError } from '../../core/errors.ts';
import { selfSigned } from '../support/self-signed.ts';

const SERVER_TLS = selfSigned();
/** Only plain values, because from Node 26 on, Node keeps no connection whose options contain functions. */
const CLIENT_TLS = { rejectUnauthorized: false };

describe.each(['http', 'https'] as const)('an agent for %s', protocol => {
  let server: ReturnType<typeof createHttpServer>;
  let agents: ReturnType<typeof createAgents>;
  let assertMaySend: () => void;
  let bodies: string[];
  let connections: number;

  beforeEach(async () => {
    bodies = [];
    connections = 0;
    assertMaySend = () => {};
    const listener = async (message: IncomingMessage, response: { end(body: string): void }) => {
      bodies.push(await text(message));
      response.end('done');
    };
    server = protocol === 'http' ? createHttpServer(listener) : createHttpsServer(SERVER_TLS, listener);
    server.on(protocol === 'http' ? 'connection' : 'secureConnection', () => {
      connections += 1;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    agents = createAgents({ assertMaySend: () => assertMaySend() }, { keepAlive: true });
  });

  afterEach(() => {
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
    server.closeAllConnections();
    server.close();
  });

  const port = () => (server.address() as AddressInfo).port;

  async function send(body: string, to = port()): Promise<string> {
    const options = { host: '127.0.0.1', port: to, method: 'POST' };
    const call =
      protocol === 'http'
        ? httpRequest({ ...options, agent: agents.httpAgent })
        : httpsRequest({ ...options, ...CLIENT_TLS, agent: agents.httpsAgent });
    call.end(body);
    const [reply] = (await once(call, 'response')) as [IncomingMessage];
    return text(reply);
  }

  test('sends while it may, and keeps its connection', async () => {
    expect(await send('first')).toBe('done');
    expect(await send('second')).toBe('done');
    expect(await send('long'.repeat(100_000))).toBe('done');
    expect(bodies.map(body => body.slice(0, 6))).toEqual(['first', 'second', 'longlo']);
    expect(connections).toBe(1);
  });

  test.each(['a new', 'a kept'])('sends nothing over %s connection when it may not', async connection => {
    if (connection === 'a kept') await send('before');
    assertMaySend = () => {
      throw new AuthorityLostError('frozen in between');
    };
    await expect(send('late')).rejects.toThrow(AuthorityLostError);
    assertMaySend = () => {};
    await send('after');
    expect(bodies.filter(body => body !== 'before')).toEqual(['after']);
  });

  test('checks once the connection is open, not when the request is made', async () => {
    let held = true;
    assertMaySend = () => {
      if (!held) throw new AuthorityLostError('frozen while it connected');
    };
    const sending = send('late');
    held = false;
    await expect(sending).rejects.toThrow(AuthorityLostError);
    expect(bodies).toEqual([]);
  });

  test('says what kept it from connecting', async () => {
    const closed = port();
    server.close();
    await once(server, 'close');
    await expect(send('nobody', closed)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

/** A proxy as in companies: CONNECT for https, whole URLs for http. `refusal` is its status for CONNECT. */
async function startProxy(refusal?: number) {
  const seen: string[] = [];
  const proxy = createHttpServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    if (refusal !== undefined) {
      response.writeHead(refusal).end('The proxy refuses.');
      return;
    }
    const onwards = httpRequest(incoming.url ?? '', { method: incoming.method, headers: incoming.headers });
    onwards.once('response', reply => {
      response.writeHead(reply.statusCode ?? 500);
      reply.pipe(response);
    });
    incoming.pipe(onwards);
  });
  proxy.on('connect', (incoming, client: Socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 18\r\n\r\nThe proxy refuses.`);
      return;
    }
    const [host = '', to] = String(incoming.url).split(':');
    const server = connectTcp(Number(to), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen, close: () => proxy.closeAllConnections() ?? proxy.close() };
}

describe.each(['http', 'https'] as const)('an agent for %s behind a proxy', protocol => {
  let server: ReturnType<typeof createHttpServer>;
  const bodies: string[] = [];

  beforeEach(async () => {
    bodies.length = 0;
    const listener = async (message: IncomingMessage, response: { end(body: string): void }) => {
      bodies.push(await text(message));
      response.end('done');
    };
    server = protocol === 'http' ? createHttpServer(listener) : createHttpsServer(SERVER_TLS, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const port = () => (server.address() as AddressInfo).port;

  function send(
    agents: ReturnType<typeof createAgents>,
    body: string,
    tls: object = CLIENT_TLS,
  ): Promise<IncomingMessage> {
    const options = {
      host: '127.0.0.1',
      port: port(),
      method: 'POST',
      path: '/a',
      headers: { host: `127.0.0.1:${port()}` },
    };
    const call =
      protocol === 'http'
        ? httpRequest({ ...options, agent: agents.httpAgent })
        : httpsRequest({ ...options, ...tls, agent: agents.httpsAgent });
    call.end(body);
    return once(call, 'response').then(([reply]) => reply as IncomingMessage);
  }

  test('sends through the proxy, which sees the destination', async () => {
    const proxy = await startProxy();
    const agents = createAgents({ proxyFor: () => proxy.url }, { keepAlive: true });
    expect(await text(await send(agents, 'first'))).toBe('done');
    expect(await text(await send(agents, 'second'))).toBe('done');
    expect(bodies).toEqual(['first', 'second']);
    expect(new Set(proxy.seen)).toEqual(
      new Set([protocol === 'http' ? `POST http://127.0.0.1:${port()}/a` : `CONNECT 127.0.0.1:${port()}`]),
    );
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
    proxy.close();
  });

  test('checks before it writes there too', async () => {
    const proxy = await startProxy();
    let held = true;
    const assertMaySend = () => {
      if (!held) throw new AuthorityLostError('frozen in between');
    };
    const agents = createAgents({ proxyFor: () => proxy.url, assertMaySend }, { keepAlive: true });
    await text(await send(agents, 'before'));
    held = false;
    await expect(send(agents, 'late')).rejects.toThrow(AuthorityLostError);
    expect(bodies).toEqual(['before']);
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
    proxy.close();
  });

  test('trusts the certificates that it is given, directly and through the proxy', async () => {
    const proxy = await startProxy();
    // The certificate's name is not this machine's, which this test is not about.
    const anyName = { checkServerIdentity: () => undefined };
    for (const proxyFor of [() => undefined, () => proxy.url]) {
      const believing = createAgents({ proxyFor, certificates: [SERVER_TLS.cert] }, {});
      expect(await text(await send(believing, 'known', anyName))).toBe('done');
      if (protocol === 'http') continue;
      const others = createAgents({ proxyFor, certificates: [...rootCertificates] }, {});
      await expect(send(others, 'unknown', anyName)).rejects.toThrow(/self-signed|self signed/);
    }
    proxy.close();
  });

  test.each([407, 503])('hands over what the proxy says instead: %i', async refusal => {
    const proxy = await startProxy(refusal);
    const agents = createAgents({ proxyFor: () => proxy.url }, { keepAlive: true });
    const reply = await send(agents, 'first');
    expect([reply.statusCode, await text(reply)]).toEqual([refusal, 'The proxy refuses.']);
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
    proxy.close();
  });

  test('goes directly where the rule says so', async () => {
    const agents = createAgents({ proxyFor: () => undefined }, { keepAlive: true });
    expect(await text(await send(agents, 'direct'))).toBe('done');
    agents.httpAgent.destroy();
    agents.httpsAgent.destroy();
  });
});
