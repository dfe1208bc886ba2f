/** A refusal in the words of the API. It comes with status 200. */
export class TencentError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export const refuse = (code: string, message = code): TencentError => new TencentError(code, message);
