/** Chance, as an argument: the simulation replays a seed. */
export interface Random {
  /** `length` random bytes; the real one is cryptographically strong. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  number(): number;
}
