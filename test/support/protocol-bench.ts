import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createIssuer } from '../../src/acme/issuer.ts';
import { CertfleetError } from '../../src/core/errors/errors.ts';
import type { Secret } from '../../src/core/errors/secret.ts';
import type { Identifier } from '../../src/core/names/identifier.ts';
import { baseName } from '../../src/core/names/identifier.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { AccountIssuer, Authorization, Issuer, Order, OrderRequest, Problem } from '../../src/ports/issuer.ts';
import { pki } from '../../src/x509/pki.ts';
import { type AcmeCa, startAcmeCa } from './acme-ca.ts';
import { type AcmeProxy, startAcmeProxy } from './acme-proxy.ts';
import { type ChallengeServer, type Pebble, type PebbleOptions, startChallengeServer, startPebble } from './pebble.ts';
import { atEnd, freePort, until } from './service.ts';

/** The rig of the protocol suite: one CA behind the fault proxy, DNS, and a web server for HTTP-01. */
export interface ProtocolBench {
  readonly proxy: AcmeProxy;
  readonly dns: ChallengeServer;
  /** Key authorizations that the web server answers, by token. */
  readonly web: Map<string, string>;
  readonly pebble: Pebble | undefined;
  readonly simulated: AcmeCa | undefined;
}

export { pki } from '../../src/x509/pki.ts';
/** Guards against a hang; no test waits for it. */
export const signal = (): AbortSignal => AbortSignal.timeout(60_000);
export const dns = (...names: readonly string[]): readonly Identifier[] =>
  names.map((value) => ({ type: 'dns' as const, value }));

let counter = 0;
/** A name that no other test has used, so that no authorization or pending order is reused by accident. */
export const freshName = (): string => `n${++counter}.example.test`;

/** What some CAs have and others lack. */
export interface Abilities {
  readonly renewalAnswers: boolean;
  readonly alreadyReplaced: boolean;
  readonly profiles: boolean;
  readonly challengeWithoutToken: boolean;
}

/** What the cases of the suite use. */
export interface Scene {
  readonly bench: ProtocolBench;
  readonly client: Client;
  readonly has: Abilities;
}

/** The error of a promise that must fail. */
export async function failure(promise: Promise<unknown>): Promise<CertfleetError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (thrown) => thrown,
  );
  if (error instanceof CertfleetError) return error;
  throw error;
}
export const problemOf = (error: CertfleetError): Problem => error.problem as Problem;
export const acme = (type: string): string => `urn:ietf:params:acme:error:${type}`;

/** Answers HTTP-01 in place of the rest of the program. */
async function startWeb(port: number): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  const server = createServer((request, response) => {
    const token = (request.url ?? '').split('/.well-known/acme-challenge/')[1];
    const answer = token === undefined ? undefined : answers.get(token);
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(answer ?? 'nothing here');
  });
  await new Promise<void>((listening) => void server.listen(port, '127.0.0.1', listening));
  atEnd(async () => {
    server.closeAllConnections();
    await new Promise<void>((closed) => void server.close(() => closed()));
  });
  return answers;
}

export async function simulatedBench(): Promise<ProtocolBench> {
  const dnsServer = await startChallengeServer();
  const httpPort = await freePort();
  const simulated = await startAcmeCa({
    settings: {
      httpPort,
      dnsServer: dnsServer.dnsServer,
      profiles: {
        // One with a CN and a SKID, and one without.
        default: {
          description: 'ninety days',
          validityMs: 90 * 86_400_000,
          commonName: true,
          subjectKeyIdentifier: true,
        },
        shortlived: { description: '160 hours', validityMs: 160 * 3_600_000 },
      },
      blocked: ['blocked-domain.example'],
    },
  });
  const { directoryUrl, caFile } = simulated;
  const proxy = await startAcmeProxy({ directoryUrl, caFile });
  return { proxy, dns: dnsServer, web: await startWeb(httpPort), pebble: undefined, simulated };
}

export async function pebbleBench(options: PebbleOptions): Promise<ProtocolBench> {
  const pebble = await startPebble({ strict: true, ...options });
  const { directoryUrl, caFile } = pebble;
  const proxy = await startAcmeProxy({ directoryUrl, caFile });
  return { proxy, dns: pebble.dns!, web: await startWeb(pebble.httpPort), pebble, simulated: undefined };
}

// ── the client under test ────────────────────────────────────────────────────────────────────────────────────────

export function newIssuer(bench: ProtocolBench): Issuer {
  const { directoryUrl, caFile } = bench.proxy;
  const http = createHttp({ caFile, env: {} });
  atEnd(() => http.close());
  return createIssuer({
    name: 'test-ca',
    directoryUrl,
    http,
    clock: systemClock,
    random: systemRandom,
    userAgent: 'certfleet-test/0',
    log: { debug() {}, info() {}, warn() {} },
  });
}

export interface Client {
  readonly issuer: Issuer;
  readonly account: AccountIssuer;
  readonly keyPem: Secret;
}

export async function newClient(bench: ProtocolBench, contacts: readonly string[] = []): Promise<Client> {
  const issuer = newIssuer(bench);
  const keyPem = await pki.newKey();
  const { url } = await issuer.openAccount({ keyPem, contacts, agreeToTerms: true }, signal());
  return { issuer, keyPem, account: issuer.as({ keyPem, url }) };
}

/** Polls an order until `done`. */
export const orderUntil = (account: AccountIssuer, url: string, done: (order: Order) => boolean): Promise<Order> =>
  until(
    async () => {
      const order = await account.order(url, signal());
      return done(order) && order;
    },
    { what: `the order ${url} moves on`, deadlineMs: 30_000 },
  );

export const authorizationUntilFinal = (account: AccountIssuer, url: string): Promise<Authorization> =>
  until(
    async () => {
      const authorization = await account.authorization(url, signal());
      return authorization.status !== 'pending' && authorization;
    },
    { what: `the authorization ${url} is decided`, deadlineMs: 30_000 },
  );

/** Publishes the answer to one pending authorization and tells the CA; answers the challenge's URL. */
export async function answerChallenge(
  bench: ProtocolBench,
  account: AccountIssuer,
  authorization: Authorization,
  type: 'http-01' | 'dns-01',
): Promise<string> {
  const challenge = authorization.challenges.find((c) => c.type === type);
  if (challenge?.token === undefined) throw new Error(`no ${type} for ${authorization.identifier.value}`);
  const keyAuthorization = `${challenge.token}.${account.thumbprint}`;
  if (type === 'http-01') bench.web.set(challenge.token, keyAuthorization);
  else {
    const value = createHash('sha256').update(keyAuthorization).digest('base64url');
    await bench.dns.setTxt(`_acme-challenge.${baseName(authorization.identifier)}`, value);
  }
  await account.accept(challenge.url, signal());
  return challenge.url;
}

/** All authorizations of an order at once, until the order is ready. */
export async function authorize(
  bench: ProtocolBench,
  account: AccountIssuer,
  order: Order,
  type: 'http-01' | 'dns-01' = 'http-01',
): Promise<Order> {
  await Promise.all(
    order.authorizationUrls.map(async (url) => {
      const authorization = await account.authorization(url, signal());
      if (authorization.status === 'pending') await answerChallenge(bench, account, authorization, type);
      const { status, challenges } = await authorizationUntilFinal(account, url);
      const problem = challenges.find((c) => c.error)?.error;
      if (status !== 'valid') throw new Error(`${url} is ${status}: ${problem?.type} ${problem?.detail}`);
    }),
  );
  return orderUntil(account, order.url, (o) => o.status !== 'pending');
}

export interface Obtained {
  readonly order: Order;
  readonly chain: string;
  readonly keyPem: Secret;
  readonly facts: ReturnType<typeof pki.readChain>['facts'];
  readonly certificates: readonly string[];
}

/** From a ready order to the certificate. */
export async function collect(account: AccountIssuer, order: Order): Promise<Obtained> {
  const keyPem = await pki.newKey();
  const csr = await pki.csr(keyPem, order.identifiers);
  await account.finalize(order, csr, signal());
  const valid = await orderUntil(account, order.url, (o) => o.status !== 'processing' && o.status !== 'ready');
  const { chainPem: chain } = await account.download(valid, signal());
  return { order: valid, chain, keyPem, ...pki.readChain(chain) };
}

export async function obtain(
  bench: ProtocolBench,
  account: AccountIssuer,
  request: OrderRequest,
  type: 'http-01' | 'dns-01' = 'http-01',
): Promise<Obtained> {
  const order = await account.newOrder(request, signal());
  return collect(account, await authorize(bench, account, order, type));
}
