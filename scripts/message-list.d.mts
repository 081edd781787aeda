export interface Message {
  /** Where the text appears: help, an error, a finding, or one of the views. */
  readonly kind: string;
  readonly file: string;
  readonly line: number;
  /** With `{name}` in place of each inserted value. */
  readonly text: string;
}

export declare function listMessages(root: string): Message[];
