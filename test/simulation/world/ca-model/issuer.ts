import { fail } from '../../../../src/core/errors/errors.ts';
import type { AccountIssuer, Directory, Issuer } from '../../../../src/ports/issuer.ts';
import { authenticated, openAccount, rollover } from './accounts.ts';
import { acceptChallenge, authorizationOf, shownAuthorization, wholeSeconds } from './authorizations.ts';
import { publicKeyOf, thumbprintOf } from './fake-pem.ts';
import { chainOf, finalize } from './finalize.ts';
import { type Judged, newOrder, orderOf, shownOrder } from './orders.ts';
import { failureOf, outageOf, Refusal, refuse } from './refusal.ts';
import { renewalInfo } from './renewal-info.ts';
import { type LoggedRequest, type RequestKind, verdictOf } from './request-log.ts';
import { revokeByAccount, revokeByKey } from './revocation.ts';
import { type Account, type Ca, setKey } from './state.ts';

/** The port Issuer, as one replica sees this CA. Every request passes `asked`, which applies the switches and logs it. */

export interface Replica {
  readonly name: string;
  /** The replica's clock, which may be wrong. */
  readonly clockMs: () => number;
  readonly onRequest: (request: LoggedRequest) => void;
}

interface About {
  readonly kind: RequestKind;
  /** As src/acme names the request in messages. */
  readonly what: string;
  readonly about: string;
  readonly account?: string;
  readonly signal: AbortSignal;
}

type Asked = <T>(about: About, answer: (judged: Judged & { order?: string }) => T) => T;

/** The client fetches the directory once a day. */
const dayMs = 86_400_000;

export function createIssuer(ca: Ca, replica: Replica): Issuer {
  const { settings, switches } = ca;
  const { name, directoryUrl } = settings;
  let known: { readonly facts: Omit<Directory, 'clockSkewMs'>; readonly atMs: number } | undefined;

  const asked: Asked = ({ kind, what, about, account, signal }, answer) => {
    signal.throwIfAborted();
    const judged: Judged & { order?: string } = {};
    let verdict = 'ok';
    let refusal: unknown;
    try {
      if (switches.isDown)
        throw fail('acme/unreachable', { issuer: name, what, reason: 'the CA of the simulation is down' });
      const outage = switches.answers(kind);
      if (outage) throw outageOf(outage);
      return answer(judged);
    } catch (error) {
      refusal = error;
      verdict = verdictOf(error);
      throw error instanceof Refusal ? failureOf(error, { issuer: name, what, clockMs: replica.clockMs() }) : error;
    } finally {
      replica.onRequest({
        atMs: ca.nowMs(),
        replica: replica.name,
        kind,
        account,
        about,
        verdict,
        exhausted: refusal instanceof Refusal ? refusal.exhausted : undefined,
        isRenewal: judged.isRenewal,
        isExempt: judged.isExempt,
        isReused: judged.isReused,
        order: judged.order,
      });
    }
  };

  /** A response's Date has whole seconds. */
  const clockSkewMs = () => replica.clockMs() - wholeSeconds(ca.nowMs());

  return {
    name,
    directoryUrl,

    async directory(signal) {
      const about = { kind: 'directory', what: 'the request for its directory', about: directoryUrl, signal } as const;
      if (known && ca.nowMs() - known.atMs < dayMs) return { ...known.facts, clockSkewMs: clockSkewMs() };
      try {
        known = asked(about, () => ({ facts: directoryOf(ca), atMs: ca.nowMs() }));
      } catch (error) {
        if (!known) throw switches.isDown ? unreachable(directoryUrl, error) : error;
      }
      return { ...known.facts, clockSkewMs: clockSkewMs() };
    },

    async openAccount(request, signal) {
      const about = publicKeyOf(request.keyPem.reveal());
      return asked({ kind: 'newAccount', what: 'the account', about, signal }, () => openAccount(ca, request));
    },

    as: (account) => speakAs(ca, asked, { url: account.url, publicKey: publicKeyOf(account.keyPem.reveal()) }),

    async revokeWithKey(keyPem, request, signal) {
      const about = publicKeyOf(keyPem.reveal());
      return asked({ kind: 'revokeCert', what: 'the revocation', about, signal }, () =>
        revokeByKey(ca, about, request),
      );
    },

    async renewalInfo(ariId, signal) {
      const about = { kind: 'renewalInfo', what: 'the request for renewal information', about: ariId, signal } as const;
      return asked(about, () => renewalInfo(ca, ariId));
    },
  };
}

const directoryOf = ({ settings, switches, origin }: Ca): Omit<Directory, 'clockSkewMs'> => ({
  termsOfService: `${origin}/terms`,
  externalAccountRequired: false,
  caaIdentities: ['letsencrypt.org'],
  hasRenewalInfo: true,
  hasKeyChange: true,
  profiles: Object.fromEntries(
    Object.keys(settings.profiles)
      .filter((profile) => !switches.withdrawn.has(profile))
      .map((profile) => [profile, `https://letsencrypt.org/docs/profiles#${profile}`]),
  ),
});

const unreachable = (url: string, cause: unknown) =>
  fail('acme/directory-unreachable', { url, reason: 'the CA of the simulation is down' }, { cause });

function speakAs(
  ca: Ca,
  asked: Asked,
  { url: accountUrl, publicKey }: { readonly url: string; readonly publicKey: string },
): AccountIssuer {
  const { name } = ca.settings;
  /** Answers a signed request. */
  const signed = <T>(
    about: Omit<About, 'account'>,
    answer: (account: Account, judged: Judged & { order?: string }) => T,
  ): T =>
    asked({ ...about, account: accountUrl }, (judged) => answer(authenticated(ca, accountUrl, publicKey), judged));

  return {
    accountUrl,
    thumbprint: thumbprintOf(publicKey),

    async newOrder(request, signal) {
      const about = { kind: 'newOrder', what: 'the new order', about: setKey(request.identifiers), signal } as const;
      return signed(about, (account, judged) => {
        const order = newOrder(ca, account, request, judged);
        judged.order = order.url;
        return shownOrder(ca, order);
      });
    },

    async order(url, signal) {
      const about = { kind: 'order', what: 'the request for the order', about: url, signal } as const;
      return signed(about, (account) => shownOrder(ca, orderOf(ca, account, url)));
    },

    async authorization(url, signal) {
      const about = { kind: 'authorization', what: 'the request for the authorization', about: url, signal } as const;
      return signed(about, (account) => shownAuthorization(authorizationOf(ca, account, url)));
    },

    async accept(url, signal) {
      const about = { kind: 'challenge', what: 'the challenge', about: url, signal } as const;
      return signed(about, (account) => {
        acceptChallenge(ca, account, url);
        return {};
      });
    },

    async finalize({ finalizeUrl }, csrDer, signal) {
      const about = {
        ...({ kind: 'finalize', what: 'the request to finalize the order' } as const),
        ...{ about: finalizeUrl, signal },
      };
      return signed(about, (account, judged) => {
        const order = finalize(ca, account, finalizeUrl, csrDer);
        judged.order = order.url;
        return shownOrder(ca, order);
      });
    },

    async download({ certificateUrl }, signal) {
      const what = 'the request for the certificate';
      if (certificateUrl === undefined)
        throw fail('acme/malformed-answer', { issuer: name, what, reason: 'the order has no certificate' });
      return signed({ kind: 'certificate', what, about: certificateUrl, signal }, (account) => {
        const certificate = ca.state.certificatesByUrl.get(certificateUrl);
        if (!certificate) throw refuse(404, 'malformed', 'Certificate not found');
        if (certificate.account !== account)
          throw refuse(403, 'unauthorized', 'Account in use did not issue specified certificate');
        return { chainPem: chainOf(ca, certificate), alternates: [] };
      });
    },

    async downloadAlternate(url, signal) {
      return signed({ kind: 'certificate', what: 'the request for the certificate', about: url, signal }, () => {
        throw refuse(404, 'malformed', 'Certificate not found');
      });
    },

    async revoke(request, signal) {
      const about = { kind: 'revokeCert', what: 'the revocation', about: accountUrl, signal } as const;
      return signed(about, (account) => revokeByAccount(ca, account, request));
    },

    async deactivateAuthorization(url, signal) {
      const about = { kind: 'authorization', what: 'the end of the authorization', about: url, signal } as const;
      signed(about, (account) => {
        const authorization = authorizationOf(ca, account, url);
        if (authorization.status === 'pending' || authorization.status === 'valid')
          authorization.status = 'deactivated';
      });
    },

    async updateContacts(_contacts, signal) {
      const about = { kind: 'account', what: 'the account’s new contacts', about: accountUrl, signal } as const;
      return signed(about, () => []);
    },

    async rollover(newKeyPem, signal) {
      const about = { kind: 'keyChange', what: 'the account’s new key', about: accountUrl, signal } as const;
      signed(about, (account) => rollover(ca, account, publicKeyOf(newKeyPem.reveal())));
    },

    async deactivate(signal) {
      const about = { kind: 'account', what: 'the end of the account', about: accountUrl, signal } as const;
      signed(about, (account) => {
        account.status = 'deactivated';
      });
    },
  };
}
