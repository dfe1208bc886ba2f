/** Randomness as an argument, so that the simulation can replay a seed. */
export interface Random {
  /** Returns random bytes. The real implementation is cryptographically strong. */
  bytes(length: number): Uint8Array;
  /** Returns a number, uniform in [0, 1). */
  number(): number;
}
