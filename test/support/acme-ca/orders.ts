import { createHash, createPublicKey, type JsonWebKey, randomBytes } from 'node:crypto';
import { type ReadRequest, readCsr } from './certification-request.ts';
import type { Authority } from './issuance.ts';
import { limitDetail } from './limit-details.ts';
import { validatePersist } from './persist.ts';
import { acmeProblem, type ProblemDocument, Refusal, refuse } from './problem.ts';
import type { Account, Authorization, Certificate, Challenge, Identifier, Order, Settings, State } from './state.ts';
import { askForReal, lookUpTxt } from './validation.ts';

/** The rules of orders, authorizations and challenges (RFC 8555 §7.4, §7.5, §7.1.6; RFC 9773 §5). No HTTP here. */
export interface Orders {
  create(account: Account, payload: NewOrder): Order;
  /** Updates an order's status from its authorizations and the clock. */
  refresh(order: Order): Order;
  acceptChallenge(account: Account, authorization: Authorization, challenge: Challenge, base: string): void;
  finalize(account: Account, order: Order, csr: string): Order;
  /** The non-invalid order that replaces this certificate. */
  replacementOf(certificate: Certificate): Order | undefined;
}

export interface NewOrder {
  readonly identifiers: readonly Identifier[];
  readonly profile: string | undefined;
  readonly replaces: string | undefined;
  readonly notBefore?: string | undefined;
  readonly notAfter?: string | undefined;
}

const hourMs = 3_600_000;
// In Boulder's short profiles an order lives 8 h, a pending authorization 1 h, a valid one 7 h. One number is enough.
const lifeMs = 8 * hourMs;
const newId = (): string => randomBytes(8).toString('hex');
const newToken = (): string => randomBytes(32).toString('base64url');

export function createOrders(world: {
  readonly state: State;
  readonly settings: Settings;
  readonly authority: Authority;
  readonly now: () => Date;
}): Orders {
  const { state, settings, authority, now } = world;

  const replacementOf = (certificate: Certificate): Order | undefined =>
    [...state.orders.values()].find(
      (order) => order.replaces === certificate.ariId && refresh(order).status !== 'invalid',
    );

  function refresh(order: Order): Order {
    if (order.status !== 'pending' && order.status !== 'ready') return order;
    const states = order.authorizationIds.map((id) => state.authorizations.get(id)!.status);
    if (states.some((s) => s === 'invalid' || s === 'deactivated') || now() > order.expires) order.status = 'invalid';
    else if (states.every((s) => s === 'valid')) order.status = 'ready';
    return order;
  }

  /** RFC 9773 §5, with Boulder's answers. */
  function checkReplaces(account: Account, identifiers: readonly Identifier[], ariId: string): void {
    const certificate = [...state.certificates.values()].find((c) => c.ariId === ariId);
    if (!certificate) throw refuse(404, 'malformed', `no certificate ${ariId} here`);
    if (certificate.accountId !== account.id) throw refuse(403, 'unauthorized', 'another account has that certificate');
    const names = new Set(certificate.identifiers.map((i) => i.value));
    if (!identifiers.some((i) => names.has(i.value))) throw refuse(400, 'malformed', 'no identifier in common');
    if (replacementOf(certificate)) throw refuse(409, 'alreadyReplaced', `${ariId} has been replaced already`);
  }

  function create(account: Account, payload: NewOrder): Order {
    const { identifiers, replaces } = payload;
    const profile = payload.profile ?? Object.keys(settings.profiles)[0]!;
    checkIdentifiers(identifiers, settings.blocked);
    const dates = [payload.notBefore, payload.notAfter];
    if (!settings.acceptsDates && dates.some((date) => date !== undefined))
      throw refuse(400, 'malformed', 'NotBefore and NotAfter are not supported');
    if (!Object.hasOwn(settings.profiles, profile)) throw refuse(400, 'invalidProfile', `no profile ${profile} here`);
    if (replaces !== undefined) checkReplaces(account, identifiers, replaces);
    else if (settings.limitSeconds !== undefined)
      throw limited(new Date(now().getTime() + settings.limitSeconds * 1000), settings.limitSeconds);
    const set = setOf(identifiers);
    const open = [...state.orders.values()].find(
      (o) =>
        o.accountId === account.id &&
        o.profile === profile &&
        setOf(o.identifiers) === set &&
        ['pending', 'ready'].includes(refresh(o).status),
    );
    if (settings.reuseOrders && open) return open;

    const order: Order = {
      id: newId(),
      accountId: account.id,
      identifiers,
      authorizationIds: identifiers.map((identifier) => authorize(account, identifier).id),
      profile,
      replaces,
      dates: dates.map((date) => (date === undefined ? undefined : new Date(date))),
      expires: new Date(now().getTime() + lifeMs),
      status: 'pending',
      error: undefined,
      pollsLeft: 0,
      certificateId: undefined,
    };
    state.orders.set(order.id, order);
    return refresh(order);
  }

  function authorize(account: Account, ordered: Identifier): Authorization {
    const wildcard = ordered.value.startsWith('*.');
    const identifier = wildcard ? { type: ordered.type, value: ordered.value.slice(2) } : ordered;
    const reusable = [...state.authorizations.values()].find(
      (a) =>
        a.accountId === account.id &&
        a.status === 'valid' &&
        a.wildcard === wildcard &&
        a.identifier.value === identifier.value &&
        a.expires > now(),
    );
    if (settings.reuseAuthorizations && reusable) return reusable;
    const offer = (type: string, token: string | undefined): Challenge => ({
      id: newId(),
      type,
      token,
      status: 'pending',
      error: undefined,
      validated: undefined,
    });
    const types = identifier.type === 'ip' ? ['http-01'] : wildcard ? ['dns-01'] : ['http-01', 'dns-01'];
    const authorization: Authorization = {
      id: newId(),
      accountId: account.id,
      identifier,
      wildcard,
      expires: new Date(now().getTime() + lifeMs),
      status: 'pending',
      challenges: [
        // First, to detect clients that use the first one or fail on it.
        ...(settings.unknownChallenges || (settings.persist && identifier.type === 'dns')
          ? [offer('dns-persist-01', undefined), offer('carrier-pigeon-01', newToken())]
          : []),
        ...types.map((type) => offer(type, newToken())),
      ],
    };
    state.authorizations.set(authorization.id, authorization);
    return authorization;
  }

  /** Starts a validation; undefined for a type that is not validated here. */
  function begin(account: Account, authorization: Authorization, challenge: Challenge, base: string) {
    const { type, token } = challenge;
    const { identifier } = authorization;
    const { persist } = settings;
    if (type === 'dns-persist-01' && persist) {
      const facts = { authorization, accountUrl: `${base}/account/${account.id}`, thumbprint: account.thumbprint };
      const lookUp = settings.lookUpTxt ?? ((name: string) => lookUpTxt(settings.dnsServer, name));
      const looked = lookUp(`_validation-persist.${identifier.value}`);
      return looked.then((values) => validatePersist(persist, values, { ...facts, now: now() }));
    }
    if (token === undefined || !['http-01', 'dns-01'].includes(type)) return undefined;
    const validate = settings.validate ?? askForReal(settings);
    return validate(identifier, { type, token }, `${token}.${account.thumbprint}`);
  }

  function acceptChallenge(account: Account, authorization: Authorization, challenge: Challenge, base: string): void {
    if (authorization.status !== 'pending' || challenge.status !== 'pending') return;
    const begun = begin(account, authorization, challenge, base);
    if (!begun) throw refuse(400, 'malformed', `${challenge.type} is not validated here`);
    challenge.status = 'processing';
    const validation = begun
      .catch((error: Error): ProblemDocument => ({ type: 'about:blank', detail: error.message }))
      .then((problem) => {
        challenge.error = problem ? { status: 403, ...problem } : undefined;
        challenge.status = problem ? 'invalid' : 'valid';
        challenge.validated = now();
        // Unless it was deactivated meanwhile.
        if (authorization.status === 'pending') authorization.status = challenge.status;
      })
      .finally(() => state.validations.delete(validation));
    state.validations.add(validation);
  }

  function finalize(account: Account, order: Order, csrText: string): Order {
    if (refresh(order).status !== 'ready') throw refuse(403, 'orderNotReady', `the order is ${order.status}`);
    const profile = settings.profiles[order.profile];
    if (!profile) throw refuse(400, 'invalidProfile', `the profile ${order.profile} has been withdrawn`);
    const csr = csrOf(csrText);
    if (setOf(csr.identifiers) !== setOf(order.identifiers))
      throw refuse(403, 'unauthorized', 'the names of the CSR are not those of the order');
    if (csr.spkiHash.equals(spkiOf(account)))
      throw refuse(400, 'badPublicKey', 'the key of the CSR is the account key');
    // Whole seconds, as certificates have; an hour back, as Let's Encrypt does for slow clocks.
    const usual = new Date(Math.floor((now().getTime() - hourMs) / 1000) * 1000);
    const [notBefore = usual, notAfter] = order.dates ?? [];
    const issued = authority.issue({
      spkiDer: csr.spkiDer,
      identifiers: order.identifiers,
      profile,
      notBefore,
      notAfter,
    });
    const certificate: Certificate = {
      id: newId(),
      accountId: account.id,
      orderId: order.id,
      alternates: Array.from({ length: settings.alternateChains }, (_, n) => issued.pem + authority.crossSigned(n + 1)),
      chainPem: settings.leafAlone ? issued.pem : issued.pem + authority.intermediatePem,
      serial: issued.serial,
      ariId: issued.ariId,
      identifiers: order.identifiers,
      notBefore: issued.notBefore,
      notAfter: issued.notAfter,
      revoked: false,
    };
    state.certificates.set(certificate.id, certificate);
    order.certificateId = certificate.id;
    order.pollsLeft = settings.processingPolls;
    order.status = order.pollsLeft === 0 ? 'valid' : 'processing';
    return order;
  }

  return { create, refresh, acceptChallenge, finalize, replacementOf };
}

const limited = (until: Date, seconds: number): Refusal =>
  new Refusal(acmeProblem('rateLimited', limitDetail.exactSet(until)), 429, { 'retry-after': String(seconds) });

function checkIdentifiers(identifiers: readonly Identifier[], blocked: readonly string[]): void {
  if (identifiers.length === 0) throw refuse(400, 'malformed', 'no identifiers');
  if (new Set(identifiers.map((i) => i.value)).size !== identifiers.length)
    throw refuse(400, 'malformed', 'an identifier stands there twice');
  const refused = identifiers.filter((i) => blocked.includes(i.value));
  if (refused.length === 0) return;
  throw refuse(
    400,
    'rejectedIdentifier',
    `Cannot issue for ${refused.map((i) => i.value).join(', ')}`,
    refused.map((identifier) => ({
      type: 'urn:ietf:params:acme:error:rejectedIdentifier',
      detail: `${identifier.value} is blocked`,
      identifier,
    })),
  );
}

function csrOf(text: string): ReadRequest {
  try {
    return readCsr(Buffer.from(text, 'base64url'));
  } catch (error) {
    throw refuse(400, 'badCSR', (error as Error).message);
  }
}

const setOf = (identifiers: readonly Identifier[]): string =>
  identifiers
    .map((i) => `${i.type}:${i.value}`)
    .sort()
    .join(' ');

function spkiOf(account: Account): Buffer {
  const key = createPublicKey({ key: account.jwk as JsonWebKey, format: 'jwk' });
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}
