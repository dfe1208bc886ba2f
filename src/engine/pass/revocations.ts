import { fail, isFailure } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { type RevocationIntent, type RevocationReason, revocationReasons } from '../../core/lineage/revocation.ts';
import { revocationRefused, revoked } from '../../core/lineage/work/acts.ts';
import type { NamedIssuer } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Revocation, Revoked } from '../../ports/issuer.ts';
import { type Engine, report } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import { readAccount } from '../ledger/account.ts';
import { settleKey } from '../ledger/account-key.ts';
import { ask } from '../run/ask.ts';
import { readKey, readVersion } from '../run/bundles.ts';

/** A version that the CA has revoked. */
export interface RevokedVersion {
  readonly serial: string;
  readonly notAfter: string;
  /** The reason that the CA has, as far as the store knows: the first one given. */
  readonly reason: RevocationReason;
  /** `before`: the CA had already revoked it. */
  readonly when: Revoked;
}

/** A revocation that was not confirmed. */
interface NotRevoked {
  readonly version: string;
  readonly error: unknown;
}

/**
 * Requests every journalled revocation from the CA. A revocation that the CA refuses is given up, unless the key is
 * compromised: in that case, and after any other failure, it stays journalled for the next run.
 */
export async function finishRevocations(
  engine: Engine,
  holding: Holding,
  signal: AbortSignal,
): Promise<{ readonly done: readonly RevokedVersion[]; readonly failed: readonly NotRevoked[] }> {
  const done: RevokedVersion[] = [];
  const failed: NotRevoked[] = [];
  for (const intent of holding.lineage.revoking ?? []) {
    const { version, reason } = intent;
    try {
      const one = await revokeOne(engine, holding, intent, signal);
      if (one) done.push(one);
    } catch (error) {
      signal.throwIfAborted();
      failed.push({ version, error });
      const isRefused = isFailure(error, 'acme/problem', 'acme/no-account', 'acme/cannot');
      if (isRefused && reason !== 'keyCompromise') await holding.apply(revocationRefused({ version }), signal);
    }
  }
  return { done, failed };
}

/** Requests one revocation. Resolves with undefined for an expired version, because nothing is left to revoke. */
async function revokeOne(
  engine: Engine,
  holding: Holding,
  { version: id, reason, by }: RevocationIntent,
  signal: AbortSignal,
): Promise<RevokedVersion | undefined> {
  const { name, spec, current, previous } = holding.lineage;
  const version = { lineage: name, id };
  const stored = await readVersion(engine, version, signal);
  if (!stored) throw fail('bug/unexpected', { reason: `the version ${id} of ${name} is not stored` });
  const { facts, directory, chainPem: certificatePem } = stored;
  const { serial, notAfter } = facts;
  const now = engine.clock.now();
  if (Date.parse(notAfter) <= now.getTime()) {
    await holding.apply(revoked({ version: id, reason, when: 'now', now }), signal);
    return undefined;
  }
  const issuer = { ...spec.issuer, settings: { ...spec.issuer.settings, directory } };
  const keyPem = by === 'certificate-key' ? await readKey(engine, version, signal) : undefined;
  const when = await holding.effect(signal, () =>
    revokeAt(engine, { issuer, certificatePem, reason, ...present({ keyPem }) }, signal),
  );
  const first = [current, previous].find((one) => one?.id === id)?.revoked;
  await holding.apply(revoked({ version: id, reason, when, now }), signal);
  const message = when === 'now' ? `revoked ${serial} (${reason})` : `${serial} had been revoked before`;
  const data = { serial, reason, before: when === 'before' };
  report(engine, { level: 'info', event: 'certificate.revoked', certificate: name, message, data });
  return { serial, notAfter, reason: when === 'before' ? (first?.reason ?? reason) : reason, when };
}

/**
 * Asks a CA to revoke a certificate that need not be in the store, with the certificate's key or with this store's
 * account.
 */
export async function revokeAt(
  engine: Engine,
  request: {
    readonly issuer: NamedIssuer;
    readonly certificatePem: string;
    readonly reason: RevocationReason;
    readonly keyPem?: Secret;
  },
  signal: AbortSignal,
): Promise<Revoked> {
  const { name, settings } = request.issuer;
  const issuer = engine.connect.issuer(name, settings);
  const [certificatePem = ''] = engine.pki.readChain(request.certificatePem).certificates;
  const revocation: Revocation = { certificatePem, reason: revocationReasons[request.reason] };
  // Repeating the request is harmless: a revoked certificate stays revoked.
  const send = (call: () => Promise<Revoked>) => ask({ engine, issuer, signal }, call, { repeats: 2 });
  if (request.keyPem) {
    const { keyPem } = request;
    return send(() => issuer.revokeWithKey(keyPem, revocation, signal));
  }
  const found = await readAccount(engine, settings, signal);
  if (found?.document.url === undefined) throw fail('acme/no-account', { issuer: name });
  const { keyPem, url = '' } = (await settleKey(engine, issuer, found, signal)).document;
  return send(() => issuer.as({ keyPem: new Secret(keyPem), url }).revoke(revocation, signal));
}
