import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AuthorityLostError } from '../../core/errors.ts';
import { guardedAgents } from '../../core/guarded-agents.ts';

/** TLS without a certificate: both sides know a secret. */
const PSK = Buffer.from('a secret of this test');
const SERVER_TLS = { ciphers: 'PSK', pskCallback: () => PSK };
const CLIENT_TLS = {
  ciphers: 'PSK',
  pskCallback: () => ({ psk: PSK, identity: 'test' }),
  checkServerIdentity: () => undefined,
};

describe.each(['http', 'https'] as const)('an agent for %s', protocol => {
  let server: ReturnType<typeof createHttpServer>;
  let agents: ReturnType<typeof guardedAgents>;
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
    agents = guardedAgents(() => assertMaySend(), { keepAlive: true });
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

  test('asks when the connection stands, not when the request is made', async () => {
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
