/** Messages for a person who follows along, and the only output of an adapter. Never a secret. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}
