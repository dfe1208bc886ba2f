import type { Authorization } from '../../../../src/ports/issuer.ts';
import { thumbprintOf } from './fake-pem.ts';
import { problemOf, refuse } from './refusal.ts';
import {
  type Account,
  type Ca,
  type Identifier,
  newHex,
  newUrl,
  profileOf,
  type StoredAuthorization,
} from './state.ts';

/** Authorizations and their challenges (RFC 8555 §7.5). */

const validKey = ({ account, profile, identifier }: Pick<StoredAuthorization, 'account' | 'profile' | 'identifier'>) =>
  `${account.id} ${profile} ${identifier.value}`;

/** Returns a valid authorization that an order can reuse: for the same profile, and valid for long enough. */
export function reusable(
  ca: Ca,
  wanted: Pick<StoredAuthorization, 'account' | 'profile' | 'identifier'>,
  untilMs: number,
): StoredAuthorization | undefined {
  const found = ca.state.validAuthorizations.get(validKey(wanted));
  return found?.status === 'valid' && found.expiresMs > untilMs ? found : undefined;
}

export function newAuthorization(
  ca: Ca,
  { account, profile, identifier }: Pick<StoredAuthorization, 'account' | 'profile' | 'identifier'>,
): StoredAuthorization {
  const lifeMs = profileOf(ca, profile)!.pendingAuthorizationMs;
  const authorization: StoredAuthorization = {
    ...{ account, profile, identifier },
    url: newUrl(ca, 'authz', account),
    token: Buffer.from(newHex(ca, 32), 'hex').toString('base64url'),
    status: 'pending',
    expiresMs: wholeSeconds(ca.nowMs() + lifeMs),
    tried: undefined,
  };
  ca.state.authorizations.set(authorization.url, authorization);
  return authorization;
}

export const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

const typesFor = ({ type, value }: Identifier): readonly string[] => {
  if (type === 'ip') return ['http-01', 'tls-alpn-01'];
  return value.startsWith('*.') ? ['dns-01'] : ['http-01', 'dns-01', 'tls-alpn-01'];
};

export function shownAuthorization(authorization: StoredAuthorization): Authorization {
  const { url, status, identifier, token, tried } = authorization;
  return {
    ...{ url, status, identifier },
    // After a validation, Boulder shows only the challenge that was tried.
    challenges: (tried ? [tried.type] : typesFor(identifier)).map((type) => ({
      ...{ type, token },
      url: `${url}/${type}`,
      status: tried ? (tried.problem ? 'invalid' : 'valid') : 'pending',
      error: tried?.problem,
    })),
    retryAfterMs: undefined,
  };
}

export function authorizationOf(ca: Ca, account: Account, url: string): StoredAuthorization {
  const authorization = ca.state.authorizations.get(url);
  if (!authorization) throw refuse(404, 'malformed', 'No such authorization');
  if (authorization.expiresMs < ca.nowMs()) throw refuse(404, 'malformed', 'Expired authorization');
  if (authorization.account !== account)
    throw refuse(403, 'unauthorized', "Account ID doesn't match ID for authorization");
  return authorization;
}

/** Accepts a challenge. Nothing changes until the validators have been there. */
export function acceptChallenge(ca: Ca, account: Account, challengeUrl: string): void {
  const at = challengeUrl.lastIndexOf('/');
  const [url, type] = [challengeUrl.slice(0, at), challengeUrl.slice(at + 1)];
  const authorization = authorizationOf(ca, account, url);
  if (authorization.status === 'valid') return;
  if (authorization.status !== 'pending')
    throw refuse(400, 'malformed', 'Unable to update challenge :: authorization must be pending');
  if (!typesFor(authorization.identifier).includes(type)) throw refuse(404, 'malformed', 'No such challenge');
  ca.later(ca.settings.validationMs(), () => validate(ca, authorization, type));
}

function validate(ca: Ca, authorization: StoredAuthorization, type: string): void {
  const { account, identifier, token, profile } = authorization;
  const keyAuthorization = `${token}.${thumbprintOf(account.publicKey)}`;
  const found = ca.settings.validate(identifier, { type, token }, keyAuthorization);
  // Also a failure of the CA's own counts, and one of an authorization that was given up meanwhile.
  if (found) ca.limits.failed(account.id, identifier.value);
  else ca.limits.succeeded(account.id, identifier.value);
  if (authorization.status !== 'pending') return;
  authorization.tried = { type, problem: found && problemOf(403, found.type, found.detail) };
  authorization.status = found ? 'invalid' : 'valid';
  if (found) return;
  authorization.expiresMs = ca.nowMs() + profileOf(ca, profile)!.validAuthorizationMs;
  ca.state.validAuthorizations.set(validKey(authorization), authorization);
}
