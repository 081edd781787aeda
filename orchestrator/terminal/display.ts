import type { Snapshot } from '../snapshot/snapshot.ts';

/** Where the view of a run appears. */
export interface Display {
  /** The newest snapshot; a display may show it later, or leave it out for the next. */
  show(snapshot: Snapshot): void;
  /** A line that stays. */
  note(line: string): void;
  /** Nothing is shown any more; what comes next on the stream is its own. */
  close(): void;
}

/** What a display needs of the terminal or of whatever else stderr is. */
export interface ViewStream {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}
