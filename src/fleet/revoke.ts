import { fail } from '../core/errors/errors.ts';
import { isReplaced } from '../core/lineage/revocation.ts';
import type { RevocationWish } from '../engine/acts/revoke.ts';
import type { ForeignCertificate, RevokeAnswer, RevokeRequest } from '../fleet.ts';
import { issue } from './issue.ts';
import type { OpenFleet } from './opened.ts';
import { notThere, readAll, readOne } from './stored.ts';
import { wantedOf } from './wanted.ts';

/** A lineage, and one of its versions; undefined means the versions that the reason concerns. */
interface Meant {
  readonly name: string;
  readonly which: string | undefined;
}

export async function revoke(
  fleet: OpenFleet,
  { what, reason, by }: RevokeRequest,
  signal: AbortSignal,
): Promise<RevokeAnswer> {
  if (typeof what === 'string') return revokeStored(fleet, { name: what, which: undefined }, { reason, by }, signal);
  refuseUnusable(fleet, what);
  const meant = await findVersion(fleet, what, signal);
  if (!meant) return revokeForeign(fleet, what, reason, signal);
  return revokeStored(fleet, meant, { reason, by: what.keyPem ? 'certificate-key' : by }, signal);
}

async function revokeStored(
  fleet: OpenFleet,
  meant: Meant,
  wish: RevocationWish,
  signal: AbortSignal,
): Promise<RevokeAnswer> {
  const { name } = meant;
  const { revokeVersions } = await import('../engine/acts/revoke.ts');
  const revoked = await revokeVersions(fleet.engine, meant, wish, signal);
  if (!revoked) throw await notThere(fleet, name, signal);
  const lineage = await readOne(fleet, name, signal);
  const { revoked: record, compromised = false } = lineage?.current ?? {};
  const isCurrent = record !== undefined;
  const isDue = isCurrent && (compromised || isReplaced(record.reason));
  const isToReplace = isDue && lineage !== undefined && wantedOf(fleet, lineage) !== undefined;
  const now = isToReplace && compromised;
  const outcomes = now ? await issue(fleet, { names: [name], force: false, staging: false }, signal) : [];
  return { certificate: name, revoked, isCurrent, isReplaced: isToReplace, outcomes };
}

/**
 * Refuses a certificate or key that cannot be read, and a key that does not match: not every CA compares them, and a
 * wrong path must not revoke a certificate for ever.
 */
function refuseUnusable({ engine }: OpenFleet, { certificatePem, keyPem }: ForeignCertificate): void {
  const { pki } = engine;
  const { identifiers, notBefore } = reading('the certificate', () => pki.readChain(certificatePem)).facts;
  if (!keyPem) return;
  reading('the private key', () => pki.keyType(keyPem));
  // With its own names, at a time when it is valid, only the key can be wrong.
  const reason = pki.mismatch(certificatePem, keyPem, identifiers, new Date(notBefore));
  if (reason !== undefined) throw fail('usage/key-mismatch', { reason });
}

/** Reads the content of a file. Fails with `usage/file-unreadable`. */
function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw fail(
      'usage/file-unreadable',
      { typed: `${what} in the file`, reason: 'it cannot be read, so nothing was revoked' },
      { cause },
    );
  }
}

async function revokeForeign(
  { engine }: OpenFleet,
  foreign: ForeignCertificate,
  reason: RevocationWish['reason'],
  signal: AbortSignal,
): Promise<RevokeAnswer> {
  const { serial, notAfter } = engine.pki.readChain(foreign.certificatePem).facts;
  const { revokeAt } = await import('../engine/pass/revocations.ts');
  const when = await revokeAt(engine, { ...foreign, reason }, signal);
  return { revoked: [{ serial, notAfter, reason, when }], isCurrent: false, isReplaced: false, outcomes: [] };
}

/** Returns the lineage and version of a certificate in a file. */
async function findVersion(
  fleet: OpenFleet,
  { certificatePem }: ForeignCertificate,
  signal: AbortSignal,
): Promise<Meant | undefined> {
  const { fingerprint } = fleet.engine.pki.readChain(certificatePem).facts;
  for (const [name, found] of await readAll(fleet, signal)) {
    if (found instanceof Error) continue;
    const version = [found.current, found.previous].find((one) => one?.facts.fingerprint === fingerprint);
    if (version) return { name, which: version.id };
  }
  return undefined;
}
