import type { AcmeKind } from '../acme-kind.ts';
import { seeded } from '../seeded.ts';
import { createAuthority } from './issuance.ts';
import { readSigned, type Signed } from './jws.ts';
import { createOrders } from './orders.ts';
import { acmeProblem, type ProblemDocument, Refusal, refuse } from './problem.ts';
import { createRoutes, newNonce } from './routes.ts';
import {
  type CaRecord,
  type CaRequest,
  type CaResponse,
  type Certificate,
  emptyState,
  type RenewalAnswer,
  type RetryAfter,
  type Settings,
  type State,
} from './state.ts';

/** A fault in the next answer of a kind. */
export interface Failure {
  /** The answer's problem; default `serverInternal`. */
  readonly problem?: ProblemDocument;
  /** Default 500. */
  readonly status?: number;
  readonly retryAfter?: RetryAfter;
  /** Instead of the problem document, as text/html, like a load balancer. */
  readonly html?: string;
  /** The request has its effect first; by default it has none. */
  readonly after?: boolean;
  /** No answer at all: the connection is cut. */
  readonly cut?: boolean;
  /** How many answers in a row; default 1. */
  readonly times?: number;
}

/** The CA without a network, also for simulations on a virtual clock. */
export interface SimulatedCa {
  readonly settings: Settings;
  readonly state: State;
  /** The root of the issued certificates, PEM; each CA has its own. */
  readonly rootPem: string;
  readonly intermediatePem: string;
  readonly requests: readonly CaRecord[];
  /** How many requests of this kind were answered with 2xx. */
  accepted(kind: AcmeKind): number;
  handle(request: CaRequest): Promise<CaResponse>;
  failNext(kind: AcmeKind | 'any', failure?: Failure): void;
  /** By ARI id, or by serial in lower-case hex. */
  setRenewalInfo(certificate: string, answer: RenewalAnswer): void;
  certificate(ariIdOrSerial: string): Certificate | undefined;
  /** Makes an authorization invalid, and with it every order that needs it. */
  invalidate(orderUrl: string): void;
  /** Resolves when all validations have ended. */
  idle(): Promise<void>;
}

export interface SimulatedCaOptions {
  readonly clock?: { now(): Date };
  /** For `badNoncePercent`; uniform in [0, 1). */
  readonly random?: () => number;
  readonly settings?: Partial<Settings>;
}

const dayMs = 86_400_000;

const defaults = (): Settings => ({
  profiles: { default: { description: 'ninety days', validityMs: 90 * dayMs } },
  httpPort: 80,
  dnsServer: undefined,
  validate: undefined,
  reuseAuthorizations: false,
  reuseOrders: true,
  unknownChallenges: true,
  persist: undefined,
  lookUpTxt: undefined,
  limitSeconds: undefined,
  renewalInfo: true,
  leafAlone: false,
  windowMs: undefined,
  externalAccounts: undefined,
  externalAccountsFirst: false,
  tellsExternalAccounts: true,
  keepsContacts: true,
  algorithms: ['ES256', 'ES384', 'RS256', 'EdDSA'],
  processingPolls: 0,
  alternateChains: 0,
  acceptsDates: true,
  blocked: [],
  badNoncePercent: 0,
  retryAfter: {},
});

export function createSimulatedCa(options: SimulatedCaOptions = {}): SimulatedCa {
  const now = () => options.clock?.now() ?? new Date();
  const random = options.random ?? seeded('simulated CA');
  const settings: Settings = { ...defaults(), ...options.settings };
  const state = emptyState();
  const authority = createAuthority(now());
  const orders = createOrders({ state, settings, authority, now });
  const routes = createRoutes({ state, settings, orders, now });
  const requests: CaRecord[] = [];
  const failures: { kind: AcmeKind | 'any'; failure: Failure; left: number }[] = [];

  const answer = (request: CaRequest, record: CaRecord): CaResponse => {
    const pathname = request.path.split('?')[0] ?? '';
    const route = routeOf(pathname);
    if (!route) throw refuse(404, 'malformed', 'no such path');
    if (!route.methods.includes(request.method)) throw refuse(405, 'malformed', `no ${request.method} here`);
    // Like Pebble 2.10 and Boulder (RFC 8555 §6.1: a client MUST send one).
    if (!request.headers['user-agent']) throw refuse(400, 'malformed', 'no User-Agent');
    let signed: Signed | undefined;
    if (request.method === 'POST') {
      const badNonce = random() * 100 < settings.badNoncePercent;
      const accountId = (url: string) => url.split(`${request.base}/account/`)[1];
      signed = readSigned(request, state, { badNonce, accountId, algorithms: settings.algorithms });
      (record as { payload: unknown }).payload = signed.payload;
    }
    return route.handle({ request, id: pathname.slice(route.prefix.length), signed });
  };

  const routeOf = (pathname: string) =>
    routes.find((r) => (r.prefix.endsWith('/') ? pathname.startsWith(r.prefix) : pathname === r.prefix));

  const spoil = (failure: Failure): CaResponse => {
    const status = failure.status ?? failure.problem?.status ?? 500;
    const { seconds, form } = failure.retryAfter ?? {};
    const date = new Date(now().getTime() + (seconds ?? 0) * 1000).toUTCString();
    const headers = seconds === undefined ? {} : { 'retry-after': form === 'date' ? date : String(seconds) };
    if (failure.html !== undefined)
      return { status, headers: { ...headers, 'content-type': 'text/html' }, body: failure.html };
    const problem = failure.problem ?? acmeProblem('serverInternal', 'the CA is out of order');
    return refusalAnswer(new Refusal(problem, status, headers));
  };

  const handle = async (request: CaRequest): Promise<CaResponse> => {
    const kind = routeOf(request.path.split('?')[0] ?? '')?.kind ?? 'other';
    const record: CaRecord = {
      kind,
      method: request.method,
      path: request.path,
      payload: undefined,
      status: 0,
      problem: undefined,
    };
    requests.push(record);
    const index = failures.findIndex((f) => f.kind === kind || f.kind === 'any');
    const failing = failures[index];
    if (failing && --failing.left <= 0) failures.splice(index, 1);
    const failure = failing?.failure;

    let response: CaResponse | undefined;
    if (!failure || failure.after) {
      try {
        response = answer(request, record);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        response = refusalAnswer(error);
        record.problem = error.problem.type.replace('urn:ietf:params:acme:error:', '');
      }
      record.status = response.status;
    }
    if (failure) response = spoil(failure);
    if (failure?.cut) return { status: 0, headers: {}, body: '', cut: true };
    return decorate(response!, request, kind, failure?.html !== undefined);
  };

  /** Replay-Nonce on every POST and newNonce (RFC 8555 §6.5), `index` link, Date. A load balancer's page has none. */
  const decorate = (response: CaResponse, request: CaRequest, kind: AcmeKind, bare: boolean): CaResponse => {
    if (bare) return response;
    const headers: Record<string, string> = { date: now().toUTCString(), ...response.headers };
    if (request.method === 'POST' || kind === 'newNonce') {
      const nonce = newNonce();
      state.nonces.add(nonce);
      headers['replay-nonce'] = nonce;
    }
    if (kind !== 'directory') {
      const index = `<${request.base}/directory>;rel="index"`;
      headers.link = headers.link === undefined ? index : `${index}, ${headers.link}`;
    }
    return { ...response, headers };
  };

  const find = (name: string) => [...state.certificates.values()].find((c) => c.ariId === name || c.serial === name);
  return {
    settings,
    state,
    rootPem: authority.rootPem,
    intermediatePem: authority.intermediatePem,
    requests,
    accepted: (kind) => requests.filter((r) => r.kind === kind && r.status >= 200 && r.status < 300).length,
    handle,
    failNext: (kind, failure = {}) => void failures.push({ kind, failure, left: failure.times ?? 1 }),
    setRenewalInfo: (name, renewal) => void state.renewalAnswers.set(find(name)?.ariId ?? name, renewal),
    certificate: find,
    invalidate(orderUrl) {
      const order = state.orders.get(orderUrl.slice(orderUrl.lastIndexOf('/') + 1));
      if (!order) throw new Error(`no order ${orderUrl}`);
      order.status = 'invalid';
      for (const id of order.authorizationIds) state.authorizations.get(id)!.status = 'invalid';
    },
    async idle() {
      while (state.validations.size > 0) await Promise.all(state.validations);
    },
  };
}

const refusalAnswer = (refusal: Refusal): CaResponse => ({
  status: refusal.status,
  headers: { 'content-type': 'application/problem+json', ...refusal.headers },
  body: JSON.stringify({ status: refusal.status, ...refusal.problem }),
});
