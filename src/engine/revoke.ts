import { fail, isFailure } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import type { Lineage, Version } from '../core/lineage/lineage.ts';
import { type RevocationIntent, type RevocationReason, revocationReasons } from '../core/lineage/revocation.ts';
import { revocationMeant, revocationRefused, revoked } from '../core/lineage/work/work.ts';
import { newVersionId } from '../core/names/version-id.ts';
import type { IssuerSettings } from '../core/spec/spec.ts';
import type { Revocation, Revoked } from '../ports/issuer.ts';
import { ask } from './ask.ts';
import { readKey, readVersion } from './bundles.ts';
import { type Engine, report } from './engine.ts';
import { underLease } from './leases/bare.ts';
import type { Holding } from './leases/lease.ts';
import { readAccount } from './ledger/account.ts';
import { settleKey } from './ledger/account-key.ts';

/** How to ask the CA for a revocation. */
export type RevocationWish = Pick<RevocationIntent, 'reason' | 'by'>;

/** A version that the CA has revoked. */
export interface RevokedVersion {
  readonly serial: string;
  readonly notAfter: string;
  /** The reason that the CA keeps, as far as the store knows: that of the first time. */
  readonly reason: RevocationReason;
  /** `before`: the CA had revoked it already. */
  readonly when: Revoked;
}

/** A CA as configured. */
export interface NamedIssuer {
  readonly name: string;
  readonly settings: IssuerSettings;
}

/**
 * Revokes versions of a lineage at the CA, and marks them. With `keyCompromise`, versions with the same key are revoked,
 * too. What is to be revoked is journalled before the CA is asked, so that the next `renew`, `sweep` or `revoke` finishes
 * it after a crash; a compromised key is never used again from then on.
 *
 * @param which the version; undefined means those of an unfinished revocation, else the current one
 * @returns undefined if there is no such lineage, or no such version
 */
export async function revokeVersions(
  engine: Engine,
  { name, which }: { readonly name: string; readonly which: string | undefined },
  wish: RevocationWish,
  signal: AbortSignal,
): Promise<readonly RevokedVersion[] | undefined> {
  const meantIn = (lineage: Lineage) => versionsMeant(lineage, which, wish.reason);
  return underLease(
    engine,
    { name, isMeant: (lineage) => meantIn(lineage).length > 0 },
    async (holding, held) => {
      const now = engine.clock.now();
      const meant = meantIn(holding.lineage);
      const versions = [...meant, ...(await storedWithKeyOf(engine, holding.lineage, { meant, wish }, held))];
      const newId = newVersionId(engine.random, now);
      await holding.apply(revocationMeant({ ...wish, versions, newId, now }), held);
      const { done, failed } = await finishRevocations(engine, holding, held);
      for (const intent of holding.lineage.revoking ?? []) reportUnfinished(engine, name, intent);
      if (failed[0]) throw failed[0].error;
      return done;
    },
    signal,
  );
}

/** The ids of the version itself, and of those with the same key if it is compromised. */
function versionsMeant(
  { current, previous, revoking = [] }: Lineage,
  which: string | undefined,
  reason: RevocationReason,
): readonly string[] {
  // A repeated command must not revoke the certificate that `renew` has got meanwhile.
  if (which === undefined && revoking.length > 0) return revoking.map(({ version }) => version);
  const all = [current, previous].filter((version) => version !== undefined);
  const chosen = which === undefined ? current : all.find(({ id }) => id === which);
  if (!chosen) return [];
  const isMeant = ({ id, facts }: Version) =>
    id === chosen.id || (reason === 'keyCompromise' && facts.spkiFingerprint === chosen.facts.spkiFingerprint);
  return all.filter(isMeant).map(({ id }) => id);
}

/**
 * Versions with the same compromised key that are neither the current nor the previous one: of unfinished work whose
 * certificate is already stored, or retired and not removed yet.
 */
async function storedWithKeyOf(
  engine: Engine,
  { name, current, previous, retired = [], work }: Lineage,
  { meant, wish }: { readonly meant: readonly string[]; readonly wish: RevocationWish },
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (wish.reason !== 'keyCompromise') return [];
  const known = [current, previous].filter((version) => version !== undefined);
  const keys = new Set(known.filter(({ id }) => meant.includes(id)).map(({ facts }) => facts.spkiFingerprint));
  const passed = ['', ...known.map(({ id }) => id), ...meant];
  const others = [...retired, work?.version ?? '', work?.parked?.version ?? ''].filter((id) => !passed.includes(id));
  const found: string[] = [];
  for (const id of new Set(others)) {
    const version = await readVersion(engine, { lineage: name, id }, signal);
    if (version && keys.has(version.facts.spkiFingerprint)) found.push(id);
  }
  return found;
}

/** A revocation that was not confirmed. */
interface NotRevoked {
  readonly version: string;
  readonly error: unknown;
}

/**
 * Asks the CA for every revocation that is journalled. One that it refuses is given up, unless the key is compromised:
 * then, and after any other failure, it stays journalled for the next run.
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

function reportUnfinished(engine: Engine, certificate: string, { version, reason }: RevocationIntent): void {
  const message = `the revocation of version ${version} (${reason}) is not finished; the next \`certfleet renew\` asks the CA again`;
  report(engine, { level: 'warn', event: 'log', certificate, message });
}

/** Resolves with undefined for a version that has expired: nothing is left to revoke. */
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
  const issuer = { name: spec.spec.issuer, settings: { ...spec.issuer, directory } };
  const keyPem = by === 'certificate-key' ? await readKey(engine, version, signal) : undefined;
  const when = await holding.effect(signal, () =>
    revokeAt(engine, { issuer, certificatePem, reason, ...(keyPem ? { keyPem } : {}) }, signal),
  );
  const first = [current, previous].find((one) => one?.id === id)?.revoked;
  await holding.apply(revoked({ version: id, reason, when, now }), signal);
  const message = when === 'now' ? `revoked ${serial} (${reason})` : `${serial} had been revoked before`;
  const data = { serial, reason, before: when === 'before' };
  report(engine, { level: 'info', event: 'certificate.revoked', certificate: name, message, data });
  return { serial, notAfter, reason: when === 'before' ? (first?.reason ?? reason) : reason, when };
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
