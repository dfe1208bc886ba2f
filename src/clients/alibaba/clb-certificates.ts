import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { isFailure } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { markIn, nameWithMark } from '../../core/request-path/own-mark.ts';
import type { Fields } from '../../core/text/json.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { isRefusal, readString } from '../http/json-api.ts';
import { type Clb, listIn, tagsFor, tagsIn, textIn } from './clb.ts';

// The server certificates of a region: at most 100, in one list.

export interface ServerCertificate {
  readonly id: string;
  readonly name: string;
  /** The SHA-1 fingerprint in lower-case hex, as the documentation shows it. */
  readonly fingerprint: string;
  /** The names in the certificate; undefined if the API omits them. */
  readonly names: readonly string[] | undefined;
  readonly createdMs: number;
  /** The lineage that the certificate was uploaded for, if the API returns its tags. */
  readonly lineage: string | undefined;
}

export const readCertificates = (clb: Clb, signal: AbortSignal): Promise<readonly ServerCertificate[]> =>
  clb.read(
    'DescribeServerCertificates',
    {},
    (answer) => listIn(answer, 'ServerCertificates', 'ServerCertificate').map(certificateIn),
    signal,
  );

function certificateIn(fields: Fields): ServerCertificate {
  const { SubjectAlternativeNames: alternatives } = fields as {
    readonly SubjectAlternativeNames?: { readonly SubjectAlternativeName?: unknown };
  };
  const names = alternatives?.SubjectAlternativeName;
  const hasNames = Array.isArray(names) && names.length > 0;
  return {
    id: readString(fields, 'ServerCertificateId'),
    name: textIn(fields, 'ServerCertificateName') ?? '',
    fingerprint: (textIn(fields, 'Fingerprint') ?? '').replace(/[^0-9a-f]/gi, '').toLowerCase(),
    names: hasNames ? names.map((name) => String(name).toLowerCase()) : undefined,
    createdMs: Number(fields['CreateTimeStamp']) || 0,
    lineage: tagsIn(fields)?.get('certfleet-lineage'),
  };
}

/** Reports whether an uploaded certificate is that of a version. */
export const isVersion = ({ fingerprint }: ServerCertificate, version: VersionBundle): boolean =>
  fingerprint !== '' && (fingerprint === version.facts.fingerprint || fingerprint === sha1Of(version.certPem));

const sha1Of = (certPem: string): string =>
  createHash('sha1')
    .update(Buffer.from(blocksIn(certPem)[0] ?? '', 'base64'))
    .digest('hex');

/**
 * Returns this owner's upload of a version, recognized by its name, which begins with the fingerprint, and by its
 * fingerprint.
 */
export const uploadOf = (all: readonly ServerCertificate[], version: VersionBundle, owner: string) =>
  all.find((one) => markIn(one.name)?.owner === owner && isVersion(one, version));

/** Uploads a version and returns its ID. The name identifies the owner, and is the same after a crash. */
export async function upload(clb: Clb, version: VersionBundle, owner: string, signal: AbortSignal): Promise<string> {
  const { fingerprint, notAfter } = version.facts;
  const name = nameWithMark({ owner, expires: new Date(notAfter), id: fingerprint.slice(0, 12) });
  const params = {
    ServerCertificateName: name,
    ServerCertificate: pemOf(version.fullchainPem),
    PrivateKey: keyFor(version.keyPem),
    Tag: tagsFor(name, { lineage: version.lineage }),
  };
  const parse = (answer: Fields) => readString(answer, 'ServerCertificateId');
  return clb.change({ action: 'UploadServerCertificate', params, parse }, signal);
}

/** Deletes a certificate if it exists. Returns false if something still refers to the certificate. */
export async function deleteCertificate(clb: Clb, ServerCertificateId: string, signal: AbortSignal): Promise<boolean> {
  try {
    await clb.change({ action: 'DeleteServerCertificate', params: { ServerCertificateId } }, signal);
    return true;
  } catch (error) {
    if (isRefusal(error, 'CertificateAndPrivateKeyIsRefered')) return false;
    if (isFailure(error, 'balancer/not-found')) return true;
    throw error;
  }
}

/** Another process may be about to use a younger upload. */
const settledMs = 3_600_000;

/**
 * Returns an owner's uploads that a newer upload of the same lineage supersedes, the oldest first. They may be deleted
 * if the region's quota is reached.
 */
export function superseded(
  all: readonly ServerCertificate[],
  { owner, now }: { readonly owner: string; readonly now: Date },
): readonly ServerCertificate[] {
  const own = all.filter(({ name }) => markIn(name)?.owner === owner);
  return own
    .filter(
      (one) =>
        one.createdMs < now.getTime() - settledMs &&
        one.lineage !== undefined &&
        own.some(({ lineage, createdMs }) => lineage === one.lineage && createdMs > one.createdMs),
    )
    .sort((a, b) => a.createdMs - b.createdMs);
}

const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;

const blocksIn = (pem: string): readonly string[] =>
  [...pem.matchAll(block)].map(([, body]) => body!.replace(/\s+/g, ''));

/**
 * Formats PEM with 64 characters a line, and no blank line or text between the certificates, because the API accepts no
 * other form.
 */
export const pemOf = (pem: string): string =>
  blocksIn(pem)
    .map((body) => `-----BEGIN CERTIFICATE-----\n${body.match(/.{1,64}/g)!.join('\n')}\n-----END CERTIFICATE-----\n`)
    .join('');

/** The supported curves. The API expects the DER of their OIDs in front of the key. */
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'BggqhkjOPQMBBw==',
  secp384r1: 'BgUrgQQAIg==',
  secp521r1: 'BgUrgQQAIw==',
};

/**
 * Converts a key, because the API does not accept PKCS#8. Throws a plain error for a key that the API accepts in no
 * form.
 */
export function keyFor(keyPem: Secret): Secret {
  const key = createPrivateKey(keyPem.reveal());
  const unfit = unfitFor(key);
  if (unfit !== undefined)
    throw new Error(
      `Alibaba CLB takes no ${unfit} keys, only RSA with 1024, 2048 or 4096 bits and ECDSA on P-256, P-384 or P-521`,
    );
  if (key.asymmetricKeyType === 'rsa') return new Secret(key.export({ type: 'pkcs1', format: 'pem' }).toString());
  const parameters = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  const pem = key.export({ type: 'sec1', format: 'pem' }).toString();
  return new Secret(`-----BEGIN EC PARAMETERS-----\n${parameters}\n-----END EC PARAMETERS-----\n${pem}`);
}

function unfitFor({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): string | undefined {
  if (type === 'rsa')
    return [1024, 2048, 4096].includes(details.modulusLength ?? 0) ? undefined : `RSA-${details.modulusLength}`;
  if (type !== 'ec') return type ?? 'such';
  return (details.namedCurve ?? '') in curves ? undefined : (details.namedCurve ?? 'such');
}
