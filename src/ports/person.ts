/** A person at a terminal, who does what no API can. */
export interface Person {
  /** Shows the person a text of a few lines, unwrapped, so that values can be copied. */
  tell(text: string): void;
}
