/**
 * A value that must never be seen: a private key, a token, a TSIG secret.
 *
 * It prints as `***` in strings, JSON and `util.inspect`; only {@link Secret.reveal} opens it. The value sits in a
 * private field, so that a structured clone, a spread or an object dump does not carry it along.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Opens the secret. Call it at the last moment, in the expression that uses the value. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  // What node's console.log and util.inspect print (the symbol is registered, so no import of node:util is needed).
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***';
  }
}
