/** Words for a person who follows along; an adapter has no other way to speak. Never a secret. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}
