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
  /** Throws when nothing may be sent; the request then fails with what it threw. */
  readonly assertMaySend?: (() => void) | undefined;
  /** Certificates of authorities to believe, instead of those that Node knows. */
  readonly certificates?: readonly string[] | undefined;
  /** The proxy for a destination, as a URL; undefined for none. */
  readonly proxyFor?: ((destination: Destination) => string | undefined) | undefined;
}

/**
 * Agents that reach a destination directly or through its proxy. Their sockets ask before each write whether they may
 * send. They ask at the last moment before the kernel takes the bytes, after serialising, signing and connecting, so a
 * process that was frozen on the way sends nothing when it wakes.
 *
 * A request gets its socket only once that socket is connected, so no request waits in a socket after the question.
 */
export function createAgents(rules: AgentRules, options: AgentOptions) {
  return {
    httpAgent: new RoutingAgent('http:', rules, options) as HttpAgent,
    // The SDK asks for the class of Node's own agent and needs no more than what any agent has.
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

  /** The class below would look for the answer in a stack trace, at each request. */
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
        : // It writes the whole URL into a request when it connects for it, so each gets a connection of its own.
          new ForwardAgent(url, this.#rules, { ...this.#options, keepAlive: false });
    this.#proxies.set(url, agent);
    return agent;
  }
}

/** By CONNECT: the proxy sees the host's name and nothing else. */
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
    // What the proxy says instead of connecting comes from a socket that was never connected.
    return socket.writable ? guarded(await connected(socket), this.#rules) : socket;
  }
}

/** Endpoints without TLS are asked for by their whole URL. */
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

/** @throws what kept the socket from connecting, or from agreeing on TLS. */
async function connected(socket: Socket): Promise<Socket> {
  await once(socket, 'encrypted' in socket ? 'secureConnect' : 'connect');
  return socket;
}

/** Of a connected socket that is idle, `write` hands the bytes to the kernel within the call. */
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
