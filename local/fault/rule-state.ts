import { hash } from 'node:crypto';
import type { ProxyRequest } from '../proxy/exchange.ts';
import type { FaultRule, FaultSubject, RuleCounts, Service } from './rules.ts';

/** The bits of the hash that a JavaScript number holds exactly. */
const HEX_DIGITS = 13;
const RANGE = 16 ** HEX_DIGITS;

/**
 * A number from 0 (inclusive) to 1 (exclusive) that depends only on the arguments. There is no generator with a state,
 * so neither the order of arrival nor other rules can change it.
 */
export function draw(seed: string, ...about: readonly (string | number)[]): number {
  const digest = hash('sha256', JSON.stringify([seed, ...about]), 'hex');
  return Number.parseInt(digest.slice(0, HEX_DIGITS), 16) / RANGE;
}

/** One rule while it is in force. It counts matches even while switched off, so that a switch shifts no decision. */
export class RuleState {
  readonly rule: FaultRule;
  readonly #seed: string;
  readonly #now: () => number;
  /** How often each operation has come for each key. */
  readonly #occurrences = new Map<string, number>();
  #on: boolean;
  #onSinceMs: number;
  #matched = 0;
  #struck = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(rule: FaultRule, seed: string, now: () => number) {
    this.rule = rule;
    this.#seed = seed;
    this.#now = now;
    this.#on = rule.on ?? true;
    this.#onSinceMs = now();
  }

  get counts(): RuleCounts {
    return { matched: this.#matched, struck: this.#struck };
  }

  switch(on: boolean): void {
    if (on && !this.#on) this.#onSinceMs = this.#now();
    this.#on = on;
  }

  /** Whether the rule can ever strike this operation. Called before the body is read. */
  concerns(service: Service, { operation, client }: ProxyRequest): boolean {
    const { rule } = this;
    return (
      (rule.service ?? service) === service &&
      (rule.operations?.includes(operation) ?? true) &&
      (rule.clients?.includes(client) ?? true)
    );
  }

  /** Decides about a subject, once. The next call with the same subject counts as its next occurrence. */
  strikes(subject: FaultSubject): boolean {
    const { name, tables, where, occurrences, matches, probability = 1 } = this.rule;
    const { operation, table = '', key } = subject;
    if (!(tables?.includes(table) ?? true) || !(where?.(subject) ?? true)) return false;
    this.#matched += 1;
    const identity = JSON.stringify([operation, table, key]);
    const occurrence = (this.#occurrences.get(identity) ?? 0) + 1;
    this.#occurrences.set(identity, occurrence);
    const strikes =
      this.#on &&
      this.#isDuring() &&
      isWithin(this.#matched, matches?.from, matches?.to) &&
      (occurrences?.includes(occurrence) ?? true) &&
      (probability >= 1 || draw(this.#seed, name, operation, table, key, occurrence) < probability);
    if (strikes) this.#struck += 1;
    return strikes;
  }

  #isDuring(): boolean {
    const { fromMs = 0, untilMs = Infinity } = this.rule.during ?? {};
    const onForMs = this.#now() - this.#onSinceMs;
    return onForMs >= fromMs && onForMs < untilMs;
  }
}

function isWithin(count: number, from = 1, to = Infinity): boolean {
  return count >= from && count <= to;
}
