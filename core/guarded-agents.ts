import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';

type Connected = (error: Error | null, socket?: Duplex) => void;

/**
 * Agents whose sockets ask before each write whether they may: the last moment before the bytes are the kernel's, after
 * serialising, signing and connecting. What was on its way there when a process was frozen is not sent when it wakes.
 * @param assertMaySend throws when nothing may be sent; the request then fails with what it threw
 */
export function guardedAgents(assertMaySend: () => void, options: AgentOptions) {
  return {
    httpAgent: guarded(new HttpAgent(options), 'connect', assertMaySend),
    httpsAgent: guarded(new HttpsAgent(options), 'secureConnect', assertMaySend),
  };
}

function guarded<A extends HttpAgent>(
  agent: A,
  event: 'connect' | 'secureConnect',
  assertMaySend: () => void,
): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options: ClientRequestArgs, connected: Connected) => {
    giveConnected(connect(options), event, assertMaySend, connected);
    return undefined;
  };
  return agent;
}

/** A request gets its socket when that is connected: what is written before would wait in it, past the guard. */
function giveConnected(
  socket: Duplex | null | undefined,
  event: 'connect' | 'secureConnect',
  assertMaySend: () => void,
  connected: Connected,
): void {
  if (!socket) throw new Error('An agent of Node.js makes its connections at once.');
  const failed = (error: Error) => connected(error);
  socket.once('error', failed);
  socket.once(event, () => {
    socket.off('error', failed);
    guardWrites(socket, assertMaySend);
    connected(null, socket);
  });
}

function guardWrites(socket: Duplex, assertMaySend: () => void): void {
  const write = socket._write.bind(socket);
  const writeMany = socket._writev?.bind(socket);
  const guarded = (done: (error: Error) => void, send: () => void) => {
    try {
      assertMaySend();
    } catch (error) {
      done(error as Error);
      return;
    }
    send();
  };
  socket._write = (chunk, encoding, done) => guarded(done, () => write(chunk, encoding, done));
  if (writeMany) socket._writev = (chunks, done) => guarded(done, () => writeMany(chunks, done));
}
