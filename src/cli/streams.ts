/** Where a command writes. Answers go to `out`; all else, progress and errors, to `err`. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Can lines on `err` be drawn over? */
  readonly terminal: boolean;
  /** Width of `err` in characters. */
  readonly columns: () => number;
}
