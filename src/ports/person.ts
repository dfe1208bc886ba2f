/** A person at a terminal, who does what no API can. */
export interface Person {
  /** Shows them a text of some lines, unwrapped, so that values can be copied. */
  tell(text: string): void;
}
