/** Messages for a person who follows along. This is an adapter's only output. Never contains a secret. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}
