import { wholeSeconds } from './authorizations.ts';
import { ariIdOf, certificatePem, type FakeCertificate, type FakeRequest, readRequest, sha256 } from './fake-pem.ts';
import { checkProfileName, isRenewal } from './orders.ts';
import { problemOf, refuse } from './refusal.ts';
import {
  type Account,
  type Authority,
  type Ca,
  defaultProfile,
  newHex,
  profileOf,
  type StoredCertificate,
  type StoredOrder,
  setKey,
  statusOf,
} from './state.ts';

/** Finalization (RFC 8555 §7.4): once, at once or after a while. */

const hourMs = 3_600_000;
const [rootName, intermediateName] = ['Simulated Root', 'Simulated Intermediate'];

export function finalize(ca: Ca, account: Account, url: string, csrDer: Uint8Array): StoredOrder {
  const order = ca.state.finalizes.get(url);
  if (order?.account !== account)
    throw refuse(
      404,
      'malformed',
      order ? `No order found for account ID ${account.id}` : `No order for ID ${url.slice(url.lastIndexOf('/') + 1)}`,
    );
  const status = statusOf(ca, order);
  if (status !== 'ready')
    throw refuse(403, 'orderNotReady', `Order's status ("${status}") is not acceptable for finalization`);
  checkProfileName(ca, order.profile);
  const csr = requestIn(csrDer);
  if (setKey(csr.identifiers) !== order.set)
    throw refuse(403, 'unauthorized', 'Error finalizing order :: CSR does not specify same identifiers as Order');
  if (csr.publicKey === account.publicKey)
    throw refuse(
      400,
      'malformed',
      'Error finalizing order :: certificate public key must be different than account key',
    );
  order.isProcessing = true;
  const { failsToIssue, finalizeMs } = ca.switches;
  ca.later(finalizeMs, () => {
    if (failsToIssue) order.error = problemOf(500, 'serverInternal', 'Error finalizing order');
    else issue(ca, order, csr);
  });
  return order;
}

function requestIn(der: Uint8Array): FakeRequest {
  try {
    return readRequest(der);
  } catch (error) {
    throw refuse(400, 'malformed', `Error parsing certificate request: ${(error as Error).message}`);
  }
}

function issue(ca: Ca, order: StoredOrder, csr: FakeRequest): void {
  const { account, identifiers, url: orderUrl } = order;
  const profile = order.profile === '' ? defaultProfile(ca.settings) : order.profile;
  const { publicKey } = csr;
  const certificate = sign(ca, { account, identifiers, publicKey, profile, orderUrl, issuedMs: ca.nowMs() });
  ca.limits.issued({ accountId: account.id, identifiers, isRenewal: isRenewal(ca, identifiers) });
  order.certificate = certificate;
  noteIssued(ca, certificate);
  ca.onIssued(certificate);
}

/** From now on, an order for the same names is a renewal, of whichever account. */
export function noteIssued({ state }: Ca, { identifiers, notBeforeMs }: StoredCertificate): void {
  const set = setKey(identifiers);
  state.issuedSets.set(set, Math.max(state.issuedSets.get(set) ?? 0, notBeforeMs));
}

/** Signs a certificate. */
export function sign(
  ca: Ca,
  request: Pick<StoredCertificate, 'account' | 'identifiers' | 'publicKey' | 'orderUrl' | 'issuedMs'> & {
    readonly profile: string;
  },
): StoredCertificate {
  const { profile, ...facts } = request;
  const validityMs = ca.switches.validityMs.get(profile) ?? profileOf(ca, profile)!.validityMs;
  // An hour back, for slow clocks; notAfter is the last second of the validity (RFC 5280 §4.1.2.5).
  const notBeforeMs = wholeSeconds(facts.issuedMs - hourMs);
  const notAfterMs = notBeforeMs + validityMs - 1000;
  const serial = newHex(ca, 18);
  const certificate: StoredCertificate = {
    ...{ ...facts, serial, notBeforeMs, notAfterMs },
    ariId: ariIdOf({ serial, signedBy: ca.authority.publicKey }),
    url: `${ca.origin}/acme/cert/${serial}`,
    revoked: undefined,
    replacement: undefined,
  };
  const { certificates, certificatesByUrl, certificatesByAriId } = ca.state;
  certificates.set(certificate.serial, certificate);
  certificatesByUrl.set(certificate.url, certificate);
  certificatesByAriId.set(certificate.ariId, certificate);
  return certificate;
}

/** Returns a certificate with the one that signed it, as PEM. */
export function chainOf(ca: Ca, certificate: StoredCertificate): string {
  const { serial, publicKey, identifiers, notBeforeMs, notAfterMs } = certificate;
  const leaf: FakeCertificate = {
    ...{ serial, publicKey, identifiers },
    subject: '',
    issuer: intermediateName,
    signedBy: ca.authority.publicKey,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: new Date(notAfterMs).toISOString(),
    isCa: false,
  };
  return certificatePem(leaf) + ca.authority.pem;
}

/** The key and the certificate that sign. Each CA has its own. */
export function createAuthority(directoryUrl: string): Authority {
  const [rootKey, publicKey] = [rootName, intermediateName].map((name) => sha256(`${directoryUrl} ${name}`));
  const pem = certificatePem({
    serial: '01',
    subject: intermediateName,
    issuer: rootName,
    signedBy: rootKey!,
    publicKey: publicKey!,
    identifiers: [],
    notBefore: '2000-01-01T00:00:00.000Z',
    notAfter: '2100-01-01T00:00:00.000Z',
    isCa: true,
  });
  return { publicKey: publicKey!, pem };
}
