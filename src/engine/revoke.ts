import { fail } from '../core/errors.ts';
import type { Lineage, Version } from '../core/lineage.ts';
import { type RevocationReason, revocationReasons } from '../core/revocation.ts';
import { Secret } from '../core/secret.ts';
import type { IssuerSettings } from '../core/spec.ts';
import { newVersionId } from '../core/version-id.ts';
import { revoked } from '../core/work.ts';
import type { Revocation, Revoked } from '../ports/issuer.ts';
import { ask } from './ask.ts';
import { readKey, readVersion } from './bundles.ts';
import { type Engine, report } from './engine.ts';
import { underLease } from './leases/bare.ts';
import type { Holding } from './leases/lease.ts';
import { readAccount } from './ledger/account.ts';
import { settleKey } from './ledger/account-key.ts';

/** How to ask the CA for a revocation. */
export interface RevocationWish {
  readonly reason: RevocationReason;
  /** Who signs the request: the account, or the key of the certificate itself. */
  readonly by: 'account-key' | 'certificate-key';
}

/** A version that the CA has revoked. */
export interface RevokedVersion {
  readonly serial: string;
  readonly notAfter: string;
  /** `before`: the CA had revoked it already. */
  readonly when: Revoked;
}

/** A CA as configured. */
export interface NamedIssuer {
  readonly name: string;
  readonly settings: IssuerSettings;
}

/**
 * Revokes versions of a lineage at the CA, and marks them. After a crash in between, doing it again is harmless: the CA
 * says that it has done it. With `keyCompromise`, versions with the same key are revoked, too.
 *
 * @param which the version; undefined means the current one
 * @returns undefined if there is no such lineage, or no such version
 */
export async function revokeVersions(
  engine: Engine,
  { name, which }: { readonly name: string; readonly which: string | undefined },
  wish: RevocationWish,
  signal: AbortSignal,
): Promise<readonly RevokedVersion[] | undefined> {
  const isMeant = (lineage: Lineage) => versionsOf(lineage, which, wish.reason).length > 0;
  return underLease(
    engine,
    { name, isMeant },
    (holding, held) => revokeHeld(engine, holding, { which, wish }, held),
    signal,
  );
}

/** The version itself, and those with the same key if it is compromised. */
function versionsOf({ current, previous }: Lineage, which: string | undefined, reason: RevocationReason): Version[] {
  const all = [current, previous].filter((version) => version !== undefined);
  const chosen = which === undefined ? current : all.find(({ id }) => id === which);
  if (!chosen) return [];
  const isMeant = ({ id, facts }: Version) =>
    id === chosen.id || (reason === 'keyCompromise' && facts.spkiFingerprint === chosen.facts.spkiFingerprint);
  return all.filter(isMeant);
}

async function revokeHeld(
  engine: Engine,
  holding: Holding,
  { which, wish }: { readonly which: string | undefined; readonly wish: RevocationWish },
  signal: AbortSignal,
): Promise<readonly RevokedVersion[]> {
  const { lineage } = holding;
  const { name, spec } = lineage;
  const { reason } = wish;
  const now = engine.clock.now();
  const versions = versionsOf(lineage, which, reason);
  const done: RevokedVersion[] = [];
  for (const { id, facts, directory } of versions) {
    const { serial, notAfter } = facts;
    // Nothing is left to revoke of an expired one, but its key must not be used again.
    if (Date.parse(notAfter) <= now.getTime()) continue;
    const version = { lineage: name, id };
    const stored = await readVersion(engine, version, signal);
    if (!stored) throw fail('bug/unexpected', { reason: `the version ${id} of ${name} is not stored` });
    const issuer = { name: spec.spec.issuer, settings: { ...spec.issuer, directory } };
    const keyPem = wish.by === 'certificate-key' ? await readKey(engine, version, signal) : undefined;
    const when = await holding.effect(signal, () =>
      revokeAt(engine, { issuer, certificatePem: stored.chainPem, reason, ...(keyPem ? { keyPem } : {}) }, signal),
    );
    const message = when === 'now' ? `revoked ${serial} (${reason})` : `${serial} had been revoked before`;
    const data = { serial, reason, before: when === 'before' };
    report(engine, { level: 'info', event: 'certificate.revoked', certificate: name, message, data });
    done.push({ serial, notAfter, when });
  }
  const ids = versions.map(({ id }) => id);
  await holding.apply(revoked({ versions: ids, reason, newId: newVersionId(engine.random, now), now }), signal);
  return done;
}

/** Asks a CA to revoke a certificate that need not be in the store: with its key, or with the account of this store. */
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
  // Repeating it is harmless: what was revoked already stays so.
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
