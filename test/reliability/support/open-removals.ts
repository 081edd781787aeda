import type { FaultProxy } from '../../../local/fault/fault-proxy.ts';
import type { Observation } from '../../../local/fault/observation.ts';

/**
 * The open entries of an undo, as the fault proxy sees them: removals that may have taken effect without the undo's
 * knowing it (a lost reply, a crash before the mark), so that it looked at the item again. What it finds there is what
 * the application has made of the item meanwhile, so only items that the application wrote to can be counted otherwise.
 */
export class OpenRemovals {
  readonly #sent = new Set<string>();
  readonly #again = new Set<string>();
  readonly #written = new Set<string>();
  readonly #end: () => void;

  constructor(faults: FaultProxy, table: string) {
    const keysOf = ({ parts }: Observation) =>
      parts.flatMap(part =>
        part.table === table && part.kind === 'write' && part.key ? [part.key.text] : [],
      );
    this.#end = faults.tap({
      received: call => {
        for (const key of keysOf(call)) {
          if (call.client === 'application') {
            if (this.#sent.has(key)) this.#written.add(key);
          } else if (this.#sent.has(key)) this.#again.add(key);
          else this.#sent.add(key);
        }
      },
    });
  }

  /** Removals that were asked for more than once. */
  get askedAgain(): number {
    return this.#again.size;
  }

  /** Of these, the ones whose items the application wrote to after the first request. */
  get changed(): number {
    return [...this.#again].filter(key => this.#written.has(key)).length;
  }

  end(): void {
    this.#end();
  }
}
