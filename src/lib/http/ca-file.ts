import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { readRegular } from '../files/read-file.ts';

/**
 * Trusts the default roots, those of NODE_EXTRA_CA_CERTS, and those of a PEM file.
 *
 * The documented way, `ca: [...tls.rootCertificates, pem]`, parses 140 roots again (14 ms) and ignores a distribution's
 * own store. `tls.createSecureContext` itself calls `addCACert`, which is not documented. If a future Node lacks it,
 * this uses the documented way.
 */
export function trustAlso(file: string): tls.SecureContext {
  // The first addCACert replaces the shared roots by new ones, without those of NODE_EXTRA_CA_CERTS (Node 20).
  const all = [...extraRoots(), ...rootsIn(file)];
  const context = tls.createSecureContext();
  const store = context.context as { addCACert?: (pem: string) => void };
  if (typeof store.addCACert !== 'function') return tls.createSecureContext({ ca: [...tls.rootCertificates, ...all] });
  for (const root of all) store.addCACert(root);
  return context;
}

/** Trusts only the roots of a PEM file: neither the public ones, nor those of NODE_EXTRA_CA_CERTS. */
export const trustOnly = (file: string): tls.SecureContext => tls.createSecureContext({ ca: [...rootsIn(file)] });

/** Far more than Mozilla's roots, which take 220 kB. */
const maxBytes = 16 * 1024 * 1024;
const textOf = (file: string): string => readRegular(file, { named: true, maxBytes }).toString('utf8');

function rootsIn(file: string): readonly string[] {
  let pem: string;
  try {
    pem = textOf(file);
  } catch (error) {
    throw fail('config/ca-file-unusable', { file, reason: reasonOf(error) }, { cause: error });
  }
  const roots = blocksIn(pem);
  if (roots.length === 0) throw fail('config/ca-file-unusable', { file, reason: 'it contains no PEM certificate' });
  // Node would silently skip blocks that are not certificates.
  if (!roots.every(isCertificate))
    throw fail('config/ca-file-unusable', { file, reason: 'a certificate in it is damaged' });
  return roots;
}

/**
 * Returns the roots of NODE_EXTRA_CA_CERTS. Like Node, ignores a file that cannot be used. Node has warned about it. What
 * is damaged in it is skipped by `addCACert`: a check here would parse each root twice, 40 ms for those of a distribution.
 */
function extraRoots(): readonly string[] {
  const file = process.env['NODE_EXTRA_CA_CERTS'];
  if (!file) return [];
  try {
    return blocksIn(textOf(file));
  } catch {
    return [];
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

const blocksIn = (pem: string): readonly string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
