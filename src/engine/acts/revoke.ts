import type { Lineage, Version } from '../../core/lineage/lineage.ts';
import type { RevocationIntent, RevocationReason } from '../../core/lineage/revocation.ts';
import { revocationMeant } from '../../core/lineage/work/acts.ts';
import { newVersionId } from '../../core/names/version-id.ts';
import { type Engine, report } from '../engine.ts';
import { underLease } from '../leases/bare.ts';
import { finishRevocations, type RevokedVersion } from '../pass/revocations.ts';
import { readVersion } from '../run/bundles.ts';

/** How to request a revocation from the CA. */
export type RevocationWish = Pick<RevocationIntent, 'reason' | 'by'>;

/**
 * Revokes versions of a lineage at the CA, and marks them. With `keyCompromise`, versions with the same key are also
 * revoked. The revocations are journalled before the CA is asked, so that the next `renew`, `sweep` or `revoke`
 * finishes them after a crash; a compromised key is never used again from then on.
 *
 * @param which the version; undefined means the versions of an unfinished revocation, or else the current one
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

/** Returns the IDs of the version itself and, if its key is compromised, of those with the same key. */
function versionsMeant(
  { current, previous, revoking = [] }: Lineage,
  which: string | undefined,
  reason: RevocationReason,
): readonly string[] {
  // A repeated command must not revoke the certificate that `renew` got in the meantime.
  if (which === undefined && revoking.length > 0) return revoking.map(({ version }) => version);
  const all = [current, previous].filter((version) => version !== undefined);
  const chosen = which === undefined ? current : all.find(({ id }) => id === which);
  if (!chosen) return [];
  const isMeant = ({ id, facts }: Version) =>
    id === chosen.id || (reason === 'keyCompromise' && facts.spkiFingerprint === chosen.facts.spkiFingerprint);
  return all.filter(isMeant).map(({ id }) => id);
}

/**
 * Returns versions with the same compromised key that are neither the current nor the previous one: those of unfinished
 * work whose certificate is already stored, and retired ones that are not removed yet.
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

function reportUnfinished(engine: Engine, certificate: string, { version, reason }: RevocationIntent): void {
  const message = `the revocation of version ${version} (${reason}) is not finished; the next \`certfleet renew\` asks the CA again`;
  report(engine, { level: 'warn', event: 'log', certificate, message });
}
