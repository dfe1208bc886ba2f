import { randomBytes, X509Certificate } from 'node:crypto';
import type { JWK } from 'jose';
import { createAccountRoutes } from './account-routes.ts';
import { thumbprintOf } from './jws.ts';
import type { NewOrder, Orders } from './orders.ts';
import { persistFields, persistMeta } from './persist.ts';
import { refuse } from './problem.ts';
import { type Call, callerOf, json, type Route } from './route.ts';
import type { Authorization, CaResponse, Certificate, Challenge, Order, RetryAfter, Settings, State } from './state.ts';

interface World {
  readonly state: State;
  readonly settings: Settings;
  readonly orders: Orders;
  readonly now: () => Date;
}

/** Every resource of the CA as data: kind, path, methods, handler. */
export function createRoutes(world: World): readonly Route[] {
  const { state, settings, orders, now } = world;

  // ── how things look ──
  const retryAfter = (value: RetryAfter | undefined): Record<string, string> => {
    if (!value) return {};
    const date = new Date(now().getTime() + value.seconds * 1000);
    return { 'retry-after': value.form === 'date' ? date.toUTCString() : String(value.seconds) };
  };
  const orderJson = (order: Order, base: string) => ({
    status: order.status,
    expires: order.expires.toISOString(),
    identifiers: order.identifiers,
    authorizations: order.authorizationIds.map((id) => `${base}/authorization/${id}`),
    finalize: `${base}/finalize/${order.id}`,
    ...(Object.keys(settings.profiles).length > 1 ? { profile: order.profile } : {}),
    ...(order.replaces ? { replaces: order.replaces } : {}),
    ...(order.error ? { error: order.error } : {}),
    ...(order.status === 'valid' ? { certificate: `${base}/certificate/${order.certificateId}` } : {}),
  });
  const challengeJson = (challenge: Challenge, accountId: string, base: string) => ({
    type: challenge.type,
    url: `${base}/challenge/${challenge.id}`,
    status: challenge.status,
    ...(challenge.token === undefined ? {} : { token: challenge.token }),
    ...(challenge.type === 'dns-persist-01' && settings.persist
      ? persistFields(settings.persist, `${base}/account/${accountId}`)
      : {}),
    ...(challenge.error ? { error: challenge.error } : {}),
    ...(challenge.validated && !challenge.error ? { validated: challenge.validated.toISOString() } : {}),
  });
  const authorizationJson = (authorization: Authorization, base: string) => ({
    identifier: authorization.identifier,
    status: authorization.status,
    expires: authorization.expires.toISOString(),
    challenges: authorization.challenges.map((challenge) => challengeJson(challenge, authorization.accountId, base)),
    ...(authorization.wildcard ? { wildcard: true } : {}),
  });
  const orderAnswer = (status: number, order: Order, base: string): CaResponse =>
    json(status, orderJson(order, base), {
      location: `${base}/order/${order.id}`,
      ...(order.status === 'pending' || order.status === 'processing' ? retryAfter(settings.retryAfter.order) : {}),
    });

  // ── who may see what ──
  const own = <T extends { readonly accountId: string }>(row: T | undefined, call: Call): T => {
    if (!row) throw refuse(404, 'malformed', 'no such thing');
    if (row.accountId !== callerOf(call).id) throw refuse(403, 'unauthorized', 'another account has that');
    return row;
  };

  // ── what can be asked ──
  const directory = ({ request: { base } }: Call): CaResponse => {
    const profiles = Object.entries(settings.profiles);
    return json(200, {
      newNonce: `${base}/new-nonce`,
      newAccount: `${base}/new-account`,
      newOrder: `${base}/new-order`,
      revokeCert: `${base}/revoke-cert`,
      keyChange: `${base}/key-change`,
      ...(settings.renewalInfo ? { renewalInfo: `${base}/renewal-info` } : {}),
      meta: {
        termsOfService: `${base}/terms`,
        caaIdentities: ['simulated.test'],
        ...(settings.persist ? persistMeta(settings.persist) : {}),
        externalAccountRequired: settings.externalAccounts !== undefined && settings.tellsExternalAccounts,
        ...(profiles.length > 1
          ? { profiles: Object.fromEntries(profiles.map(([name, profile]) => [name, profile.description])) }
          : {}),
      },
    });
  };

  const newOrder = (call: Call): CaResponse => {
    const payload = (call.signed?.payload ?? {}) as Partial<NewOrder>;
    const { identifiers = [], profile, replaces, notBefore, notAfter } = payload;
    const wanted = { identifiers, profile, replaces, notBefore, notAfter };
    return orderAnswer(201, orders.create(callerOf(call), wanted), call.request.base);
  };

  const order = (call: Call): CaResponse => {
    const row = orders.refresh(own(state.orders.get(call.id), call));
    const answer = orderAnswer(200, row, call.request.base);
    // Counted after the answer: n polls find it processing, poll n+1 finds it valid.
    if (row.status === 'processing' && row.certificateId && --row.pollsLeft <= 0) row.status = 'valid';
    return answer;
  };

  /** Caddy 2.6 answers 500 if no order is pending, and the account is broken from then on, so do not read this list. */
  const ordersPage = (): CaResponse => {
    throw refuse(500, 'serverInternal', 'no order is pending');
  };

  const authorization = (call: Call): CaResponse => {
    const row = own(state.authorizations.get(call.id), call);
    const payload = call.signed?.payload as { status?: string } | undefined;
    if (payload?.status === 'deactivated') row.status = 'deactivated';
    const wait = row.status === 'pending' ? retryAfter(settings.retryAfter.authorization) : {};
    return json(200, authorizationJson(row, call.request.base), wait);
  };

  const challenge = (call: Call): CaResponse => {
    const found = [...state.authorizations.values()].find((a) => a.challenges.some((c) => c.id === call.id));
    const parent = own(found, call);
    const row = parent.challenges.find((c) => c.id === call.id)!;
    if (call.signed?.payload !== undefined) orders.acceptChallenge(callerOf(call), parent, row, call.request.base);
    const { base } = call.request;
    return json(200, challengeJson(row, parent.accountId, base), {
      link: `<${base}/authorization/${parent.id}>;rel="up"`,
      ...retryAfter(settings.retryAfter.challenge),
    });
  };

  const finalize = (call: Call): CaResponse => {
    const row = own(state.orders.get(call.id), call);
    const { csr } = (call.signed?.payload ?? {}) as { csr?: string };
    if (typeof csr !== 'string') throw refuse(400, 'badCSR', 'no CSR');
    return orderAnswer(200, orders.finalize(callerOf(call), row, csr), call.request.base);
  };

  /** `ID`, or `ID~0` for its first other chain. */
  const certificate = (call: Call): CaResponse => {
    const [id = '', other] = call.id.split('~');
    const { chainPem, alternates = [] } = own(state.certificates.get(id), call);
    const links = alternates.map((_, at) => `<${call.request.base}/certificate/${id}~${at}>;rel="alternate"`);
    const body = other === undefined ? chainPem : alternates[Number(other)];
    if (body === undefined) throw refuse(404, 'malformed', 'no such chain');
    const link = links.length === 0 || other !== undefined ? {} : { link: links.join(', ') };
    return { status: 200, headers: { 'content-type': 'application/pem-certificate-chain', ...link }, body };
  };

  const revokeCert = (call: Call): CaResponse => {
    const { certificate: der = '', reason } = (call.signed?.payload ?? {}) as { certificate?: string; reason?: number };
    const body = Buffer.from(der, 'base64url').toString('base64');
    const row = [...state.certificates.values()].find((c) => leafBase64(c) === body);
    if (!row) throw refuse(404, 'malformed', 'no such certificate');
    const { account: caller, thumbprint } = call.signed!;
    // RFC 8555 §7.6: the account that ordered it, or the certificate's own key.
    const mayRevoke = caller ? row.accountId === caller.id : thumbprint === thumbprintOf(publicKeyOf(row));
    if (!mayRevoke) throw refuse(403, 'unauthorized', 'not yours');
    // As Boulder has it.
    if (reason !== undefined && ![0, 1, 4, 5].includes(reason))
      throw refuse(400, 'badRevocationReason', `no reason ${reason} here`);
    if (row.revoked) throw refuse(400, 'alreadyRevoked', 'revoked already');
    Object.assign(row, { revoked: true, ...(reason === undefined ? {} : { reason }) });
    return { status: 200, headers: {}, body: '' };
  };

  const renewalInfo = (call: Call): CaResponse => {
    if (!settings.renewalInfo) throw refuse(404, 'malformed', 'no renewalInfo here');
    const set = state.renewalAnswers.get(call.id);
    if (set && 'body' in set)
      return { status: set.status, headers: { 'content-type': 'application/json', ...set.headers }, body: set.body };
    const row = [...state.certificates.values()].find((c) => c.ariId === call.id);
    if (!row && !set) throw refuse(404, 'malformed', `no certificate ${call.id} here`);
    const window = set ?? windowOf(row!, settings.windowMs, now());
    return json(
      200,
      {
        suggestedWindow: { start: window.start.toISOString(), end: window.end.toISOString() },
        ...(set?.explanationURL ? { explanationURL: set.explanationURL } : {}),
      },
      retryAfter(set?.retryAfter ?? settings.retryAfter.renewalInfo ?? { seconds: 21_600 }),
    );
  };

  const newNonce = ({ request }: Call): CaResponse => ({
    status: request.method === 'HEAD' ? 200 : 204,
    headers: { 'cache-control': 'no-store' },
    body: '',
  });
  const GET = ['GET', 'HEAD'];
  const POST = ['POST'];
  return [
    ...createAccountRoutes(world),
    { kind: 'directory', prefix: '/directory', methods: GET, handle: directory },
    { kind: 'newNonce', prefix: '/new-nonce', methods: GET, handle: newNonce },
    { kind: 'newOrder', prefix: '/new-order', methods: POST, handle: newOrder },
    { kind: 'revokeCert', prefix: '/revoke-cert', methods: POST, handle: revokeCert },
    { kind: 'orders', prefix: '/orders/', methods: POST, handle: ordersPage },
    { kind: 'order', prefix: '/order/', methods: POST, handle: order },
    { kind: 'authorization', prefix: '/authorization/', methods: POST, handle: authorization },
    { kind: 'challenge', prefix: '/challenge/', methods: POST, handle: challenge },
    { kind: 'finalize', prefix: '/finalize/', methods: POST, handle: finalize },
    { kind: 'certificate', prefix: '/certificate/', methods: POST, handle: certificate },
    { kind: 'renewalInfo', prefix: '/renewal-info/', methods: GET, handle: renewalInfo },
  ];
}

export const newNonce = (): string => randomBytes(16).toString('base64url');

/** Boulder's window: around 2/3 of the lifetime (1/2 below ten days), 2 % of it wide; past for a revoked one. */
function windowOf(row: Certificate, windowMs: Settings['windowMs'], now: Date): { start: Date; end: Date } {
  const minuteMs = 60_000;
  if (windowMs) {
    const [start, end] = windowMs.map((ms) => new Date(row.notBefore.getTime() + ms)) as [Date, Date];
    return { start, end };
  }
  if (row.revoked)
    return { start: new Date(now.getTime() - 60 * minuteMs), end: new Date(now.getTime() - 30 * minuteMs) };
  const life = row.notAfter.getTime() - row.notBefore.getTime() + 1000;
  const left = life >= 10 * 86_400_000 ? life / 3 : life / 2;
  const centre = row.notAfter.getTime() + 1000 - left;
  return { start: new Date(centre - life / 100), end: new Date(centre + life / 100) };
}

const publicKeyOf = (row: Certificate): JWK =>
  new X509Certificate(row.chainPem).publicKey.export({ format: 'jwk' }) as JWK;

const leafBase64 = (row: Certificate): string =>
  row.chainPem
    .slice(0, row.chainPem.indexOf('-----END'))
    .replace(/-----BEGIN CERTIFICATE-----/, '')
    .replace(/\s/g, '');
