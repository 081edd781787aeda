import type { Snapshot } from '../snapshot/snapshot.ts';

/** Shows the view of a run. */
export interface Display {
  /** Takes the newest snapshot. A display may show it later, or skip it for a newer one. */
  show(snapshot: Snapshot): void;
  /** Prints a line that stays. */
  note(line: string): void;
  /** Ends the view. Later output on the stream belongs to others. */
  close(): void;
}

/** What a display needs of stderr, which may be a terminal or not. */
export interface ViewStream {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}
