import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { isFailure } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { markIn, nameWithMark } from '../../core/path/own-mark.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { type Fields, isRefusal, readString } from '../http/json-api.ts';
import { type Clb, listIn, tagsFor, tagsIn, textIn } from './clb.ts';

// The server certificates of a region: at most 100, in one list.

export interface ServerCertificate {
  readonly id: string;
  readonly name: string;
  /** Lower-case hex; of SHA-1, as the documents show it. */
  readonly fingerprint: string;
  /** The names that it is for; undefined if the API does not say. */
  readonly names: readonly string[] | undefined;
  readonly createdMs: number;
  /** The lineage that it was uploaded for, if the API gives its tags. */
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

/** Whether a certificate there is the one of a version. */
export const isVersion = ({ fingerprint }: ServerCertificate, version: VersionBundle): boolean =>
  fingerprint !== '' && (fingerprint === version.facts.fingerprint || fingerprint === sha1Of(version.certPem));

const sha1Of = (certPem: string): string =>
  createHash('sha1')
    .update(Buffer.from(blocksIn(certPem)[0] ?? '', 'base64'))
    .digest('hex');

/** The upload of a version by this owner: by its name, which begins with the fingerprint, and by the fingerprint. */
export const uploadOf = (all: readonly ServerCertificate[], version: VersionBundle, owner: string) =>
  all.find((one) => markIn(one.name)?.owner === owner && isVersion(one, version));

/** Uploads a version and returns its id. The name shows whose it is, and is the same after a crash. */
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

/** Deletes a certificate. Returns false if something refers to it; nothing happens if it is not there. */
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

/** A younger upload may be one that another process is about to use. */
const settledMs = 3_600_000;

/**
 * The uploads of an owner that only wait for the next renewal: each lineage has a newer one. They may go when the
 * region has no room for more, those first that were made first.
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

/** 64 characters a line, and no blank line or text between the certificates: the API takes nothing else. */
export const pemOf = (pem: string): string =>
  blocksIn(pem)
    .map((body) => `-----BEGIN CERTIFICATE-----\n${body.match(/.{1,64}/g)!.join('\n')}\n-----END CERTIFICATE-----\n`)
    .join('');

/** The curves that the API takes, as the documents want them before the key: the DER of their OIDs. */
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'BggqhkjOPQMBBw==',
  secp384r1: 'BgUrgQQAIg==',
  secp521r1: 'BgUrgQQAIw==',
};

/** The API takes no PKCS#8 key. Throws a plain error for a key that it does not take in any form. */
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
