import type { Picture } from '../snapshot/snapshot.ts';

/** Where the view of a run appears. */
export interface Surface {
  /** The newest picture; a surface may show it later, or leave it out for the next. */
  show(picture: Picture): void;
  /** A line that stays. */
  note(line: string): void;
  /** Nothing is shown any more; what comes next on the stream is its own. */
  close(): void;
}

/** What a surface needs of the terminal or of whatever else stderr is. */
export interface ViewStream {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}
