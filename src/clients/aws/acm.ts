import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { Secret } from '../../core/errors/secret.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { badList } from '../http/balancer-errors.ts';
import { isRefusal, readFields, readList, readString, UnreadableAnswer } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';
import type { AwsJson, AwsParams } from './aws.ts';
import { type Tags, tagList } from './elb.ts';

/** An imported certificate. */
export interface AcmCertificate {
  readonly arn: string;
  /** At most 100 names. */
  readonly names: readonly string[];
  /** Such as `EC_prime256v1` or `RSA_2048`. */
  readonly keyType: string;
  readonly notAfter: Date;
  readonly inUse: boolean;
}

/** The part of AWS Certificate Manager (2015-12-08) that certfleet uses, as types. */
export interface Acm {
  /** Returns the imported certificates of the account in this region. */
  imported(signal: AbortSignal): Promise<readonly AcmCertificate[]>;
  /** Returns undefined if the certificate does not exist. */
  tags(arn: string, signal: AbortSignal): Promise<Tags | undefined>;
  /** Returns the SHA-256 of the certificate's DER in lower-case hex, or undefined if the certificate does not exist. */
  fingerprint(arn: string, signal: AbortSignal): Promise<string | undefined>;
  /** Returns all names in a certificate. */
  names(arn: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Imports a version. Replaces the certificate `arn` if given, so that its listeners serve this version. */
  upload(
    version: VersionBundle,
    as: { readonly arn: string } | { readonly tags: Tags },
    signal: AbortSignal,
  ): Promise<string>;
  tag(arn: string, tags: Tags, signal: AbortSignal): Promise<void>;
  /** Deletes a certificate if it exists and is not in use. Reports whether it no longer exists. */
  remove(arn: string, signal: AbortSignal): Promise<boolean>;
}

/** Without this list, ListCertificates returns only certificates with 2048-bit RSA keys. */
const keyTypes = [
  ...['RSA_1024', 'RSA_2048', 'RSA_3072', 'RSA_4096'],
  ...['EC_prime256v1', 'EC_secp384r1', 'EC_secp521r1'],
] as const;

export function createAcm(acm: AwsJson): Acm {
  const read = <T>(action: string, body: AwsParams, reader: (answer: Fields) => T, signal: AbortSignal) =>
    acm.call(action, body, reader, { signal, mutates: false });
  const ifThere = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await call();
    } catch (error) {
      if (isRefusal(error, 'ResourceNotFoundException')) return undefined;
      throw error;
    }
  };

  return {
    async imported(signal) {
      const action = 'ListCertificates';
      return readPages(badList('AWS', action), '', (token) => {
        const NextToken = token === '' ? undefined : token;
        const params = { Includes: { keyTypes }, MaxItems: 1000, NextToken };
        return read(action, params, readSummaries, signal);
      });
    },
    tags: (arn, signal) => ifThere(() => read('ListTagsForCertificate', { CertificateArn: arn }, readTags, signal)),
    fingerprint: (arn, signal) =>
      ifThere(() => read('GetCertificate', { CertificateArn: arn }, readFingerprint, signal)),
    names: (arn, signal) => read('DescribeCertificate', { CertificateArn: arn }, readNames, signal),
    upload({ certPem, chainPem, keyPem }, as, signal) {
      const body = {
        Certificate: base64(certPem),
        PrivateKey: new Secret(base64(keyPem.reveal())),
        ...present({ CertificateChain: chainPem.trim() === '' ? undefined : base64(chainPem) }),
        ...('arn' in as ? { CertificateArn: as.arn } : { Tags: tagList(as.tags) }),
      };
      const readArn = (answer: Fields) => readString(answer, 'CertificateArn');
      return acm.call('ImportCertificate', body, readArn, { signal, mutates: true });
    },
    async tag(arn, tags, signal) {
      const params = { CertificateArn: arn, Tags: tagList(tags) };
      await acm.call('AddTagsToCertificate', params, () => {}, { signal, mutates: true });
    },
    async remove(arn, signal) {
      try {
        const params = { CertificateArn: arn };
        await ifThere(() => acm.call('DeleteCertificate', params, () => {}, { signal, mutates: true }));
        return true;
      } catch (error) {
        if (isRefusal(error, 'ResourceInUseException')) return false;
        throw error;
      }
    },
  };
}

function readSummaries(page: Fields) {
  const list = readList(page['CertificateSummaryList'], 'CertificateSummaryList');
  const found = list.filter((one) => one['Type'] === 'IMPORTED').map(readSummary);
  const next = page['NextToken'];
  return { found, next: typeof next === 'string' && next !== '' ? next : undefined };
}

function readTags(answer: Fields): Tags {
  const list = readList(answer['Tags'], 'Tags');
  return Object.fromEntries(list.map((one) => [readString(one, 'Key'), String(one['Value'] ?? '')]));
}

function readNames({ Certificate }: Fields): readonly string[] {
  const { SubjectAlternativeNames: names } = readFields(Certificate, 'Certificate');
  return Array.isArray(names) ? names.filter((one) => typeof one === 'string') : [];
}

/** Returns the SHA-256 of the certificate's DER. */
function readFingerprint(answer: Fields): string {
  const pem = readString(answer, 'Certificate');
  try {
    return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
  } catch {
    throw new UnreadableAnswer('the certificate in its answer is none');
  }
}

function readSummary(one: Fields): AcmCertificate {
  const names = one['SubjectAlternativeNameSummaries'];
  return {
    arn: readString(one, 'CertificateArn'),
    names: Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [],
    keyType: String(one['KeyAlgorithm'] ?? ''),
    notAfter: new Date(Number(one['NotAfter'] ?? 0) * 1000),
    inUse: one['InUse'] === true,
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Returns ACM's name for a key's type. An import can only replace a certificate with the same key type. */
export function keyTypeOf({ keyPem }: VersionBundle): string {
  const key = createPrivateKey(keyPem.reveal());
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === 'rsa' ? `RSA_${modulusLength}` : `EC_${namedCurve}`;
}

/** Returns the wanted names that a certificate with `names` does not cover. */
export const uncovered = (wanted: readonly string[], names: readonly string[]): readonly string[] =>
  wanted.filter((name) => !names.includes(name) && !names.includes(name.replace(/^[^.*]+/, '*')));
