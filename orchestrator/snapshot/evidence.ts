import type { OperatorChange } from '../../core/records.ts';
import type { WayBack } from './way-back.ts';

/** What a report adds to the snapshot: sentences for a reader who was not there. */
export interface Evidence {
  readonly writtenAt: string;
  /** Whether the run ended with proof that no item lacks the attribute. */
  readonly proved: boolean;
  readonly conclusion: string;
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly changes: readonly Omit<OperatorChange, 'id'>[];
  readonly consumption: readonly {
    readonly what: string;
    readonly consumed: string;
    readonly expected: string;
  }[];
  readonly consumptionNotes: readonly string[];
  readonly wayBack: WayBack;
}
