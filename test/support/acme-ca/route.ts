import type { AcmeKind } from '../acme-kind.ts';
import type { Signed } from './jws.ts';
import { refuse } from './problem.ts';
import type { Account, CaRequest, CaResponse } from './state.ts';

/** What a handler gets: the id in the path, and the verified request of a POST. */
export interface Call {
  readonly request: CaRequest;
  readonly id: string;
  readonly signed: Signed | undefined;
}

export interface Route {
  readonly kind: AcmeKind;
  readonly prefix: string;
  readonly methods: readonly string[];
  handle(call: Call): CaResponse;
}

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): CaResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** The account that signed the request. */
export function callerOf(call: Call): Account {
  const account = call.signed?.account;
  if (!account) throw refuse(400, 'malformed', 'this is signed with a kid');
  return account;
}
