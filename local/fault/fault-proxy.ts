import { setMaxListeners } from 'node:events';
import { askEngine } from '../dynamodb/ask-engine.ts';
import { PARTIAL_BATCHES, type PartRefusal } from '../dynamodb/partial-batch.ts';
import { TableSchemas } from '../dynamodb/table-schemas.ts';
import { type Exchange, type ProxyReply, type ProxyRequest, readJson, withJson } from '../proxy/exchange.ts';
import { withFault } from './effects.ts';
import { isError, partError } from './errors.ts';
import type { Observation, Tap } from './observation.ts';
import { RuleState } from './rule-state.ts';
import type { FaultRule, RuleCounts, Service } from './rules.ts';
import { type ReadRequest, readSubjects } from './subjects.ts';

export interface FaultOptions {
  /** The same seed and rules give the same faults to the same requests; `1` by default. */
  readonly seed?: string | number | undefined;
  readonly rules?: readonly FaultRule[] | undefined;
}

/** Injects faults before services: see README.md beside this file. Without rules it only observes. */
export interface FaultProxy {
  /** Puts the proxy before a service. `next` is the service, or another proxy before it. */
  before(service: Service, next: Exchange): Exchange;
  /** Replaces a rule of the same name. */
  add(rule: FaultRule): void;
  remove(name: string): void;
  /** @throws Error when the rule does not exist */
  switch(name: string, on: boolean): void;
  /** Counts by rule, for the rules in force. */
  counts(): Readonly<Record<string, RuleCounts>>;
  /**
   * Shows every call from now on.
   * @returns a function that ends it
   */
  tap(tap: Tap): () => void;
  /** Ends all waiting and cuts off the waiting calls. */
  stop(): void;
}

/**
 * Faults in the form that the local stack takes. The stack makes the proxy once its engine runs. Without rules it only
 * observes.
 */
export function faultsOf(options: FaultOptions = {}): (engine: Exchange) => FaultProxy {
  return engine => createFaultProxy(options, engine);
}

/** @param engine DynamoDB itself, which the proxy asks for key schemas */
export function createFaultProxy(options: FaultOptions, engine: Exchange): FaultProxy {
  const seed = String(options.seed ?? 1);
  const now = () => performance.now();
  const rules = new Map<string, RuleState>();
  const taps = new Set<Tap>();
  const schemas = new TableSchemas(askEngine(engine));
  const stopping = new AbortController();
  // Every held call listens to it until it continues. Node reports more than ten listeners as a leak.
  setMaxListeners(0, stopping.signal);
  const add = (rule: FaultRule) => {
    rules.set(rule.name, new RuleState(rule, seed, now));
  };
  for (const rule of options.rules ?? []) add(rule);
  let calls = 0;

  const serve = async (service: Service, next: Exchange, request: ProxyRequest): Promise<ProxyReply> => {
    const receivedAtMs = now();
    const concerned = [...rules.values()].filter(rule => rule.concerns(service, request));
    if (concerned.length === 0 && taps.size === 0) return next(request);
    calls += 1;
    const id = calls;
    const read = await readSubjects(service, request, schemas);
    const forwardedAtMs: number[] = [];
    const toService: Exchange = forwarded => {
      forwardedAtMs.push(now());
      return next(forwarded);
    };
    const { exchange, struck } = faulty(concerned, read, toService, stopping.signal);
    const observation: Observation = {
      id,
      service,
      client: request.client,
      operation: request.operation,
      body: read.body,
      parts: read.parts,
      receivedAtMs,
      forwardedAtMs,
      faults: struck,
    };
    for (const tap of taps) tap.received?.(observation);
    const reply = await exchange(request);
    const settled = {
      ...observation,
      repliedAtMs: now(),
      status: reply.cut === 'no-reply' ? 0 : reply.status,
      brokenOff: reply.cut === 'mid-body',
      reply: () => readJson(reply),
    };
    for (const tap of taps) tap.settled?.(settled);
    return reply;
  };

  return {
    before: (service, next) => request => {
      const reply = serve(service, next, request);
      // The next table of that name may have another key.
      if (/^(Create|Delete)Table$/.test(request.operation)) {
        void reply.then(() => schemas.forget(String(readJson(request)?.['TableName'])));
      }
      return reply;
    },
    add,
    remove: name => {
      rules.delete(name);
    },
    switch(name, on) {
      const rule = rules.get(name);
      if (rule === undefined) throw new Error(`There is no rule ${name}.`);
      rule.switch(on);
    },
    counts: () => Object.fromEntries([...rules].map(([name, { counts }]) => [name, counts])),
    tap(tap) {
      taps.add(tap);
      return () => taps.delete(tap);
    },
    stop: () => stopping.abort(),
  };
}

/**
 * Lets the rules decide, and puts the faults of those that strike before the service. The first rule's fault is
 * outermost.
 */
function faulty(
  rules: readonly RuleState[],
  read: ReadRequest,
  service: Exchange,
  signal: AbortSignal,
): { readonly exchange: Exchange; readonly struck: readonly string[] } {
  const struck: RuleState[] = [];
  const refused = new Map<number, PartRefusal>();
  const ofCall: RuleState[] = [];
  const batch = PARTIAL_BATCHES[read.call.operation];
  for (const state of rules) {
    const { fault } = state.rule;
    if (batch !== undefined && isError(fault) && fault.parts) {
      const before = refused.size;
      for (const [index, subject] of read.partSubjects.entries()) {
        if (state.strikes(subject) && !refused.has(index)) refused.set(index, partError(fault, subject));
      }
      if (refused.size > before) struck.push(state);
    } else if (state.strikes(read.call)) {
      ofCall.push(state);
      struck.push(state);
    }
  }
  const inner = refused.size === 0 ? service : withRefusedParts(read, refused, service);
  const exchange = ofCall.reduceRight(
    (next, { rule }) => withFault(rule.fault, read.call, next, signal),
    inner,
  );
  return { exchange, struck: struck.map(({ rule }) => rule.name) };
}

/** Only the remaining parts reach the service. A batch without any left does not. */
function withRefusedParts(
  { body, parts, call }: ReadRequest,
  refused: ReadonlyMap<number, PartRefusal>,
  next: Exchange,
): Exchange {
  const batch = PARTIAL_BATCHES[call.operation];
  if (batch === undefined) return next;
  return async request => {
    if (refused.size === parts.length) {
      const nothing = {
        status: 200,
        headers: { 'content-type': 'application/x-amz-json-1.0' },
        body: Buffer.alloc(0),
      };
      return withJson(nothing, batch.merge(body, {}, refused, parts));
    }
    const reply = await next(
      withJson(
        request,
        batch.reduce(body, index => !refused.has(index)),
      ),
    );
    const answered = reply.status === 200 ? readJson(reply) : undefined;
    return answered === undefined ? reply : withJson(reply, batch.merge(body, answered, refused, parts));
  };
}
