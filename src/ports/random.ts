/** Randomness as an argument, so that the simulation can replay a seed. */
export interface Random {
  /** Random bytes; the real implementation is cryptographically strong. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  number(): number;
}
