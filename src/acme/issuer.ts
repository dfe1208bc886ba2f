import { longestSkewMs } from '../core/ca/clock-skew.ts';
import { adviceFor, adviceOnOrder } from '../core/ca/problem-advice.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { Clock } from '../ports/clock.ts';
import type { Http } from '../ports/http.ts';
import type { AccountIssuer, Issuer } from '../ports/issuer.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import { deactivateAccount, openAccount, updateContacts } from './account.ts';
import { MalformedAnswer, mediaType, readAlternates, readLocation } from './answer.ts';
import { readAuthorization } from './authorization.ts';
import { createDirectory, type Resources } from './directory.ts';
import { createSigner } from './jws.ts';
import { replaceKey } from './key-change.ts';
import { orderPayload, readOrder } from './order.ts';
import { readRenewalInfo } from './renewal-info.ts';
import { createRequestPace, type RequestPace } from './request-pace.ts';
import { createRequests, type Requests, type SignedAsk } from './requests.ts';
import { revoke } from './revocation.ts';

/**
 * Chains have 3 to 6 KiB. The limit leaves room for post-quantum signatures, and the chain is stored with the facts of
 * its leaf in a document of at most 256 KiB.
 */
const chainBytes = 128 * 1024;
/** Chains have two to four certificates; clients refuse more than ten. */
const mostCertificates = 10;
const chainType = 'application/pem-certificate-chain';

/**
 * The interval at which a wrong clock is compared with the CA's again, because a pass may have thousands of certificates.
 */
const skewAgainMs = 10_000;

export interface IssuerOptions {
  /** The configured name, for messages. */
  readonly name: string;
  readonly directoryUrl: string;
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  /** RFC 8555 §6.1: product and version, and how to contact its developers. */
  readonly userAgent: string;
  readonly log: Log;
  /** All issuers of a process share one; by default, an issuer has its own. */
  readonly pace?: RequestPace;
}

/**
 * Creates a client for a CA with ACME. Sends nothing before the first call. All accounts share directory and nonces.
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const { name, directoryUrl, pace = createRequestPace(options.clock) } = options;
  const requests = createRequests({
    ...options,
    pace,
    newNonceUrl: async (signal) => (await resources(signal)).newNonce,
  });
  const resources = createDirectory(directoryUrl, requests, options.clock);
  /**
   * Reports whether to compare the clocks again: this one has jumped, or it was wrong. A wrong clock stops every order,
   * so otherwise no response would show that it was corrected.
   */
  const isSkewDoubtful = () => {
    const known = requests.clockSkew();
    if (!known) return false;
    const passedMs = options.clock.monotonicMs() - known.atMs;
    const jumpMs = options.clock.now().getTime() - known.wallMs - passedMs;
    return Math.abs(jumpMs) > longestSkewMs || (Math.abs(known.ms) > longestSkewMs && passedMs > skewAgainMs);
  };

  return {
    name,
    directoryUrl,
    async directory(signal) {
      const { facts } = await resources(signal, requests.isSilent() || isSkewDoubtful());
      return { ...facts, clockSkewMs: requests.clockSkew()?.ms };
    },
    openAccount: async (request, signal) => openAccount(requests, await resources(signal), request, signal),
    as: (account) => speakAs(requests, resources, account),

    async revokeWithKey(keyPem, request, signal) {
      const about = { what: 'the revocation', signal, signer: createSigner(keyPem) };
      return revoke(requests, await resources(signal), request, about);
    },

    async renewalInfo(ariId, signal) {
      const { renewalInfo } = await resources(signal);
      if (renewalInfo === undefined) return undefined;
      const ask = { what: 'the request for renewal information', signal };
      const answer = await requests.get(`${renewalInfo.replace(/\/+$/, '')}/${ariId}`, ask);
      return requests.parse(ask, () => readRenewalInfo(answer));
    },
  };
}

function speakAs(
  requests: Requests,
  resources: (signal: AbortSignal) => Promise<Resources>,
  account: Parameters<Issuer['as']>[0],
): AccountIssuer {
  const signer = createSigner(account.keyPem);
  const ask = (what: string, signal: AbortSignal): SignedAsk => ({ what, signal, signer, kid: account.url });
  const readChain = async (url: string, signal: AbortSignal) => {
    const about = { ...ask('the request for the certificate', signal), accept: chainType, maxBytes: chainBytes };
    const answer = await requests.read(url, about);
    const chainPem = requests.parse(about, () => {
      const type = mediaType(answer);
      if (type !== chainType) throw new MalformedAnswer(`the content type is ${type || 'missing'}, not ${chainType}`);
      const chain = new TextDecoder().decode(answer.body);
      const count = chain.split('-----BEGIN CERTIFICATE-----').length - 1;
      if (count > mostCertificates)
        throw new MalformedAnswer(`it has ${count} certificates; at most ${mostCertificates} are allowed`);
      return chain;
    });
    return { answer, chainPem };
  };

  return {
    accountUrl: account.url,
    thumbprint: signer.thumbprint,

    async newOrder(request, signal) {
      const { newOrder, facts } = await resources(signal);
      const adviseOn = (type: string) => adviceOnOrder(type, request, facts);
      const about = { ...ask('the new order', signal), adviseOn };
      const answer = await requests.change(newOrder, orderPayload(request), about);
      return requests.parse(about, () => readOrder(answer, readLocation(answer, 'the order')));
    },

    async order(url, signal) {
      const about = ask('the request for the order', signal);
      const answer = await requests.read(url, about);
      return requests.parse(about, () => readOrder(answer, url));
    },

    async authorization(url, signal) {
      const about = ask('the request for the authorization', signal);
      const answer = await requests.read(url, about);
      return requests.parse(about, () => readAuthorization(answer));
    },

    async accept(challengeUrl, signal) {
      // The payload is exactly an empty object (RFC 8555 §7.5.1). The authorization has the state.
      const { retryAfterMs } = await requests.change(challengeUrl, {}, ask('the challenge', signal));
      return retryAfterMs === undefined ? {} : { retryAfterMs };
    },

    async finalize(order, csrDer, signal) {
      // The CA checks CAA again here.
      const { caaIdentities } = (await resources(signal)).facts;
      const adviseOn = (type: string) => adviceFor(type, caaIdentities);
      const about = { ...ask('the request to finalize the order', signal), adviseOn };
      const answer = await requests.change(order.finalizeUrl, { csr: toBase64url(csrDer) }, about);
      return requests.parse(about, () => readOrder(answer, order.url));
    },

    async download({ certificateUrl }, signal) {
      const about = ask('the request for the certificate', signal);
      if (certificateUrl === undefined)
        return requests.parse(about, () => {
          throw new MalformedAnswer('the order has no certificate');
        });
      const { answer, chainPem } = await readChain(certificateUrl, signal);
      return { chainPem, alternates: readAlternates(answer) };
    },

    async downloadAlternate(url, signal) {
      return (await readChain(url, signal)).chainPem;
    },

    async revoke(request, signal) {
      return revoke(requests, await resources(signal), request, ask('the revocation', signal));
    },

    async deactivateAuthorization(url, signal) {
      await requests.change(url, { status: 'deactivated' }, ask('the end of the authorization', signal));
    },

    updateContacts: (contacts, signal) =>
      updateContacts(requests, account.url, contacts, ask('the account’s new contacts', signal)),

    async rollover(newKeyPem, signal) {
      const { keyChange } = await resources(signal);
      const about = ask('the account’s new key', signal);
      await replaceKey(requests, keyChange, { url: account.url, newKey: createSigner(newKeyPem) }, about);
    },

    deactivate: (signal) => deactivateAccount(requests, account.url, ask('the end of the account', signal)),
  };
}
