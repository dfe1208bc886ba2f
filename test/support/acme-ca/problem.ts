/** A problem document (RFC 7807; RFC 8555 §6.7) as this CA sends it. */
export interface ProblemDocument {
  readonly type: string;
  readonly detail: string;
  readonly status?: number;
  /** Of badSignatureAlgorithm (RFC 8555 §6.2). */
  readonly algorithms?: readonly string[];
  readonly subproblems?: readonly (ProblemDocument & { readonly identifier?: { type: string; value: string } })[];
}

/** Becomes the answer, wherever in the CA it is thrown. */
export class Refusal extends Error {
  readonly problem: ProblemDocument;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(problem: ProblemDocument, status: number, headers: Readonly<Record<string, string>> = {}) {
    super(`${problem.type}: ${problem.detail}`);
    this.problem = problem;
    this.status = status;
    this.headers = headers;
  }
}

/** `acme('badNonce', …)`: a problem of the ACME namespace (RFC 8555 §6.7). */
export const acmeProblem = (
  type: string,
  detail: string,
  subproblems?: ProblemDocument['subproblems'],
): ProblemDocument => ({
  type: `urn:ietf:params:acme:error:${type}`,
  detail,
  ...(subproblems ? { subproblems } : {}),
});

export const refuse = (
  status: number,
  type: string,
  detail: string,
  subproblems?: ProblemDocument['subproblems'],
): Refusal => new Refusal(acmeProblem(type, detail, subproblems), status);
