import { X509Certificate } from 'node:crypto';
import { markIn, nameWithMark } from '../../core/request-path/own-mark.ts';
import type { Fields } from '../../core/text/json.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { readFields, readString } from '../http/json-api.ts';
import type { Elb, ElbListener } from './elb.ts';

export interface ElbCertificate {
  readonly id: string;
  readonly name: string;
  /** The lineage of a certificate with certfleet’s mark. */
  readonly lineage: string | undefined;
  /** The SHA-256 fingerprint; empty if the API shows no certificate that can be read. */
  readonly fingerprint: string;
  /** `rsa`, `ec`… */
  readonly algorithm: string | undefined;
  /** All names in the certificate. */
  readonly names: readonly string[];
  /** The names for SNI, which need not be all. */
  readonly domain: readonly string[];
  /** Whether it is a copy from Cloud Certificate Manager (`source: scm`). */
  readonly isCopy: boolean;
}

const words = { description: 'certfleet: ' } as const;

export function certificateIn(row: Fields): ElbCertificate {
  const text = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  const domain = text('domain').toLowerCase().split(',').filter(Boolean);
  const description = text('description');
  const isOurs = markIn(text('name')) !== undefined && description.startsWith(words.description);
  let parsed: X509Certificate | undefined;
  try {
    parsed = new X509Certificate(text('certificate'));
  } catch {
    // One that Node cannot read, such as an SM2 certificate, is somebody else's.
  }
  const names = [...(parsed?.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name!.toLowerCase());
  return {
    ...{ id: readString(row, 'id'), name: text('name'), domain, names: names.length > 0 ? names : domain },
    lineage: isOurs ? description.slice(words.description.length) : undefined,
    fingerprint: (parsed?.fingerprint256 ?? '').replaceAll(':', '').toLowerCase(),
    algorithm: parsed?.publicKey.asymmetricKeyType,
    isCopy: row['source'] === 'scm',
  };
}

export const readCertificates = async (elb: Elb, signal: AbortSignal): Promise<readonly ElbCertificate[]> =>
  (await elb.list('certificates', 'certificates', {}, signal)).map(certificateIn);

/** Returns the DNS names of a version, which are its names for SNI. */
export const namesOf = ({ facts }: Pick<VersionBundle, 'facts'>): readonly string[] =>
  facts.identifiers.filter(({ type }) => type === 'dns').map(({ value }) => value);

/** Returns the owner's upload of a version, if it exists. */
export const uploadOf = (all: readonly ElbCertificate[], { lineage, facts }: VersionBundle, owner: string) =>
  all.find((one) => one.fingerprint === facts.fingerprint && isOwn(one, { lineage, owner }));

export const isOwn = (
  { name, lineage }: ElbCertificate,
  whose: { readonly lineage: string; readonly owner: string },
): boolean => markIn(name)?.owner === whose.owner && lineage === whose.lineage;

/** Uploads a version. The API takes the same certificate twice, so the caller has looked whether it is there. */
export async function upload(
  elb: Elb,
  version: VersionBundle,
  owner: string,
  signal: AbortSignal,
): Promise<ElbCertificate> {
  const { facts, lineage, keyPem, fullchainPem } = version;
  const body = {
    certificate: {
      name: nameWithMark({ owner, expires: new Date(facts.notAfter), id: facts.fingerprint.slice(0, 12) }),
      ...{ description: `${words.description}${lineage}`, type: 'server', domain: namesOf(version).join(',') },
      ...{ certificate: fullchainPem, private_key: keyPem.reveal() },
    },
  };
  const answer = await elb.change({ method: 'POST', path: 'certificates', body, secrets: [keyPem] }, signal);
  return certificateIn(readFields(answer['certificate'], 'certificate'));
}

/** What a listener serves. */
export type Served = Pick<ElbListener, 'certificate' | 'sni'>;

export interface Wanted {
  readonly upload: ElbCertificate;
  readonly lineage: string;
  readonly owner: string;
}

const meets = (one: string, other: string): boolean => covers([one], other) || covers([other], one);

/** As a client checks a certificate: a wildcard stands for one label. */
export const covers = (names: readonly string[], name: string): boolean =>
  names.some((one) => one === name || (one.startsWith('*.') && name.slice(name.indexOf('.')) === one.slice(1)));

/**
 * Returns what the listener is to serve so that clients get the upload for all its names, or why that cannot be. No name
 * loses its certificate, and two certificates for SNI may share a name only if one is RSA and the other one ECDSA.
 */
export function plan(
  { certificate, sni }: Served,
  all: readonly ElbCertificate[],
  { upload: own, ...whose }: Wanted,
): Served | { readonly refused: string } {
  const find = (id: string | undefined) => all.find((one) => one.id === id);
  const isOlder = (one: ElbCertificate) => isOwn(one, whose);
  const mayReplace = (one: ElbCertificate) =>
    isOlder(one) || (markIn(one.name) === undefined && one.names.every((name) => covers(own.names, name)));
  const kept: ElbCertificate[] = [];
  for (const one of sni.flatMap((id) => find(id) ?? [])) {
    if (one.id === own.id || isOlder(one)) continue;
    const shared = one.domain.find((name) => own.domain.includes(name));
    // The other half of a pair of RSA and ECDSA is another certificate of the same installation.
    const isPair = markIn(one.name)?.owner === whose.owner && one.algorithm !== own.algorithm;
    if (shared === undefined || isPair) kept.push(one);
    else if (!mayReplace(one))
      return {
        refused: `the listener has the certificate ${one.name} (${one.id}) for ${shared}, too, and it is another certificate of certfleet or has names that this one lacks: ${one.names.join(', ')}`,
      };
  }
  const standard = find(certificate);
  const asDefault =
    certificate === undefined || certificate === own.id || (standard !== undefined && mayReplace(standard));
  const isShadowed = kept.some((one) => one.domain.some((name) => own.names.some((mine) => meets(name, mine))));
  const isListed = sni.includes(own.id);
  const stays = (id: string) => kept.some((one) => one.id === id) || find(id) === undefined;
  const rest = sni.filter((id) => id === own.id || stays(id));
  return {
    certificate: asDefault ? own.id : certificate,
    sni: isListed || (asDefault && !isShadowed) ? rest : [...rest, own.id],
  };
}

export const isServed = (now: Served, planned: Served): boolean =>
  now.certificate === planned.certificate && JSON.stringify(now.sni) === JSON.stringify(planned.sni);
