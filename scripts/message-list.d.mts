export interface Message {
  /** What the words are: help, an error, a finding, or of which surface. */
  readonly kind: string;
  readonly file: string;
  readonly line: number;
  /** With `{name}` for what is filled in. */
  readonly text: string;
}

export declare function listMessages(root: string): Message[];
