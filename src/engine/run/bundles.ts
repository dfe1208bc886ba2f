import type { CertificateFacts } from '../../core/ca/certificate-facts.ts';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { decodeDocument, type Issued, type Lineage } from '../../core/lineage/lineage.ts';
import { partMissing } from '../../core/lineage/store-parts.ts';
import type { VersionBundle, VersionRef } from '../../ports/deployer.ts';
import type { Key } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';

export interface KeyDocument {
  readonly keyPem: string;
}

export interface VersionDocument extends Issued {
  readonly chainPem: string;
  readonly facts: CertificateFacts;
}

/** Returns the store key of a version's private key, or of its chain and facts. */
export function keyOf(kind: 'key' | 'version', { lineage, id }: VersionRef): Key {
  // All versions without an ID would share one document. Only a bug can ask for that.
  if (id === '') throw fail('bug/unexpected', { reason: `a version of ${lineage} has no id` });
  return { kind, name: `${lineage}~${id}` };
}

const whereOf = ({ store }: Pick<Engine, 'store'>, { kind, name }: Key) => ({
  key: `${kind}/${name}`,
  file: store.location,
});

/** Returns a version's private key, if it is stored. */
export async function readKey(
  engine: Pick<Engine, 'store'>,
  version: VersionRef,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  const key = keyOf('key', version);
  const entry = await engine.store.get(key, signal);
  return entry && new Secret(decodeDocument<KeyDocument>(entry.bytes, whereOf(engine, key), ['keyPem']).keyPem);
}

/** Returns a version's chain and facts, if they are stored. */
export async function readVersion(
  engine: Pick<Engine, 'store'>,
  version: VersionRef,
  signal: AbortSignal,
): Promise<VersionDocument | undefined> {
  const key = keyOf('version', version);
  const entry = await engine.store.get(key, signal);
  return (
    entry && decodeDocument<VersionDocument>(entry.bytes, whereOf(engine, key), ['chainPem', 'facts', 'directory'])
  );
}

/**
 * Returns a version with its key, as deployers need it. Fails with `store/part-missing` if the store lacks one of them,
 * and with `store/corrupt` if they do not belong together: servers would refuse the pair, and the key may be known to
 * others.
 */
export async function readBundle(
  engine: Pick<Engine, 'store' | 'pki'>,
  version: VersionRef,
  signal: AbortSignal,
): Promise<VersionBundle> {
  const [document, keyPem] = await Promise.all([
    readVersion(engine, version, signal),
    readKey(engine, version, signal),
  ]);
  const missing = (kind: 'key' | 'version') =>
    partMissing(version.lineage, keyOf(kind, version), engine.store.location);
  if (!document) throw missing('version');
  if (!keyPem) throw missing('key');
  const corrupt = (kind: 'key' | 'version', reason: string) =>
    fail('store/corrupt', { ...whereOf(engine, keyOf(kind, version)), reason });
  let chain: ReturnType<Engine['pki']['readChain']>;
  try {
    chain = engine.pki.readChain(document.chainPem);
  } catch (error) {
    throw corrupt('version', reasonOf(error));
  }
  if (!engine.pki.isFor(chain.facts, keyPem))
    throw corrupt('key', 'the certificate of this version is for another key');
  return bundleOf(version, keyPem, chain);
}

/** Returns a bundle for the targets of a lineage, which may have another version of it. */
export const forTargets = (bundle: VersionBundle, { current, previous }: Lineage): VersionBundle => ({
  ...bundle,
  stored: [current, previous].flatMap((version) => (version ? [version.facts.fingerprint] : [])),
});

/** Returns the bundle of a version that was just issued. */
export function bundleOf(
  { lineage, id }: VersionRef,
  keyPem: Secret,
  { certificates, facts }: ReturnType<Engine['pki']['readChain']>,
): VersionBundle {
  const [certPem = '', ...rest] = certificates;
  return { lineage, id, facts, keyPem, certPem, chainPem: rest.join(''), fullchainPem: certificates.join('') };
}
