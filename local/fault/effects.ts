import { setTimeout as delay } from 'node:timers/promises';
import { type Exchange, NO_REPLY, type ProxyReply } from '../proxy/exchange.ts';
import { callError, isError } from './errors.ts';
import type { Fault, FaultSubject, Side } from './rules.ts';

/** Longer than any client of this project waits. */
const STALL_MS = 30_000;

/**
 * Puts a fault of a whole call before `next`.
 * @param signal ends all waiting when the proxy stops, and cuts off the waiting calls
 */
export function withFault(
  fault: Fault,
  subject: FaultSubject,
  next: Exchange,
  signal: AbortSignal,
): Exchange {
  if (isError(fault)) return async () => callError(fault, subject);
  switch (fault.kind) {
    case 'delay':
      return waiting(fault.side, () => sleep(fault.ms, signal), next, next);
    case 'stall':
      return waiting(
        fault.side,
        () => sleep(fault.ms ?? STALL_MS, signal),
        next,
        async () => NO_REPLY,
      );
    case 'cut':
      if (fault.when === 'before-effect') return async () => NO_REPLY;
      return async request => cutOff(await next(request), fault.when === 'mid-reply');
    case 'duplicate':
      return duplicated(fault, next, signal);
  }
}

/** @param afterwards what follows a wait before the effect */
function waiting(
  side: Side = 'before-effect',
  wait: () => Promise<boolean>,
  next: Exchange,
  afterwards: Exchange,
): Exchange {
  return async request => {
    if (side === 'before-effect') return (await wait()) ? afterwards(request) : NO_REPLY;
    const reply = await next(request);
    const passed = await wait();
    return passed && afterwards === next ? reply : NO_REPLY;
  };
}

function cutOff(reply: ProxyReply, midReply: boolean): ProxyReply {
  return midReply && reply.cut === undefined ? { ...reply, cut: 'mid-body' } : NO_REPLY;
}

function duplicated(
  { reply = 'first', laterMs }: Extract<Fault, { kind: 'duplicate' }>,
  next: Exchange,
  signal: AbortSignal,
): Exchange {
  return async request => {
    const first = await next(request);
    if (laterMs !== undefined) {
      void sleep(laterMs, signal).then(passed => (passed ? next(request) : NO_REPLY));
      return first;
    }
    const second = await next(request);
    return reply === 'first' ? first : second;
  };
}

/** @returns false if the proxy stopped meanwhile */
async function sleep(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
