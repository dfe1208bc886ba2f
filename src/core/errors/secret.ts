/**
 * A value that must never be printed: a private key, a token, a TSIG secret.
 *
 * It prints as `***` in strings, JSON and `util.inspect`; only {@link Secret.reveal} opens it. The value is in a
 * private field, so a structured clone, a spread or an object dump does not copy it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the value. Call it as late as possible, in the expression that uses the value. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  // For console.log and util.inspect. The symbol is registered globally, so node:util need not be imported.
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***';
  }
}
