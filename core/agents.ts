import { once } from 'node:events';
import type { AgentOptions, ClientRequest, Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Agent, type AgentConnectOpts } from 'agent-base';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import type { Destination } from './proxy-choice.ts';

export interface AgentRules {
  /** Throws if nothing may be sent. The request then fails with that error. */
  readonly assertMaySend?: (() => void) | undefined;
  /** Certificates of authorities to trust instead of Node's own. */
  readonly certificates?: readonly string[] | undefined;
  /** The proxy for a destination, as a URL; undefined for none. */
  readonly proxyFor?: ((destination: Destination) => string | undefined) | undefined;
}

/**
 * Agents that reach a destination directly or through its proxy. Before each write, their sockets check whether they
 * may send. They check at the last moment before the kernel takes the bytes: after serialising, signing and connecting.
 * So a process that was frozen on the way sends nothing when it wakes.
 *
 * A request gets its socket only once that socket is connected, so no request waits in a socket after the check.
 */
export function createAgents(rules: AgentRules, options: AgentOptions) {
  return {
    httpAgent: new RoutingAgent('http:', rules, options) as HttpAgent,
    // The SDK requires the class of Node's own agent but uses only what any agent has.
    httpsAgent: new RoutingAgent('https:', rules, options) as HttpAgent as HttpsAgent,
  };
}

class RoutingAgent extends Agent {
  readonly #protocol: Destination['protocol'];
  readonly #rules: AgentRules;
  readonly #options: AgentOptions;
  readonly #proxies = new Map<string, Agent>();

  constructor(protocol: Destination['protocol'], rules: AgentRules, options: AgentOptions) {
    super(options);
    this.#protocol = protocol;
    this.#rules = rules;
    this.#options = options;
    this.protocol = protocol;
  }

  /** The base class would search a stack trace for the answer, at each request. */
  override isSecureEndpoint(): boolean {
    return this.#protocol === 'https:';
  }

  override async connect(_request: ClientRequest, options: AgentConnectOpts): Promise<Socket | Agent> {
    const { host = 'localhost', port } = options;
    const proxy = this.#rules.proxyFor?.({ protocol: this.#protocol, host, port: Number(port) });
    if (proxy !== undefined) return this.#proxy(proxy);
    const socket =
      this.#protocol === 'https:'
        ? connectTls(believing(options, this.#rules) as never)
        : connectTcp(options as never);
    return guarded(await connected(socket), this.#rules);
  }

  override destroy(): void {
    for (const agent of this.#proxies.values()) agent.destroy();
    super.destroy();
  }

  #proxy(url: string): Agent {
    const known = this.#proxies.get(url);
    if (known) return known;
    const agent =
      this.#protocol === 'https:'
        ? new TunnelAgent(url, this.#rules, this.#options)
        : // It writes the whole URL into a request when it connects for it, so each request gets its own connection.
          new ForwardAgent(url, this.#rules, { ...this.#options, keepAlive: false });
    this.#proxies.set(url, agent);
    return agent;
  }
}

/** Uses CONNECT, so that the proxy sees only the host's name. */
class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #rules: AgentRules;

  constructor(url: string, rules: AgentRules, options: AgentOptions) {
    super(url, options);
    this.#rules = rules;
  }

  override isSecureEndpoint(): boolean {
    return true;
  }

  override async connect(request: ClientRequest, options: AgentConnectOpts): Promise<Socket> {
    const socket = await super.connect(request, believing(options, this.#rules) as never);
    // The answer of a proxy that does not connect comes from a socket that was never connected.
    return socket.writable ? guarded(await connected(socket), this.#rules) : socket;
  }
}

/** Asks the proxy for endpoints without TLS by their whole URL. */
class ForwardAgent extends HttpProxyAgent<string> {
  readonly #rules: AgentRules;

  constructor(url: string, rules: AgentRules, options: AgentOptions) {
    super(url, options);
    this.#rules = rules;
  }

  override isSecureEndpoint(): boolean {
    return false;
  }

  override async connect(request: never, options: AgentConnectOpts): Promise<Socket> {
    return guarded(await super.connect(request, options), this.#rules);
  }
}

function believing(options: AgentConnectOpts, { certificates }: AgentRules): AgentConnectOpts {
  return certificates === undefined ? options : ({ ...options, ca: [...certificates] } as AgentConnectOpts);
}

/** @throws the error that kept the socket from connecting or from completing the TLS handshake. */
async function connected(socket: Socket): Promise<Socket> {
  await once(socket, 'encrypted' in socket ? 'secureConnect' : 'connect');
  return socket;
}

/** For a connected, idle socket, `write` hands the bytes to the kernel within the call. */
function guarded(socket: Socket, { assertMaySend }: AgentRules): Socket {
  if (!assertMaySend) return socket;
  const write = socket.write.bind(socket) as (...words: unknown[]) => boolean;
  socket.write = (...words: unknown[]) => {
    try {
      assertMaySend();
    } catch (error) {
      socket.destroy(error as Error);
      return false;
    }
    return write(...words);
  };
  return socket;
}
