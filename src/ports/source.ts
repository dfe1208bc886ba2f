/** A place where certificates are declared: the configuration file, or the store. What the file declares wins. */
export interface Source {
  readonly name: 'file' | 'store';
  /** Returns why it cannot be used as it is. What it declared before stays in use. */
  problem(): SourceProblem | undefined;
}

export interface SourceProblem {
  readonly message: string;
  readonly hint: string;
  /** RFC 3339. */
  readonly since: string;
}
