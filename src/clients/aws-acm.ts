import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { Secret } from '../core/secret.ts';
import type { VersionBundle } from '../ports/deployer.ts';
import type { AwsJson, AwsParams } from './aws.ts';
import { type Tags, tagList } from './aws-elb.ts';
import { badList } from './balancer-errors.ts';
import { type Fields, isRefusal, readFields, readList, readString } from './json-api.ts';
import { readPages } from './pages.ts';

/** An imported certificate. */
export interface AcmCertificate {
  readonly arn: string;
  /** At most 100 of them. */
  readonly names: readonly string[];
  /** `EC_prime256v1`, `RSA_2048`… */
  readonly keyType: string;
  readonly notAfter: Date;
  readonly inUse: boolean;
}

/** What certfleet needs of AWS Certificate Manager (2015-12-08), as types. */
export interface Acm {
  /** The imported certificates of the account in this region. */
  imported(signal: AbortSignal): Promise<readonly AcmCertificate[]>;
  /** undefined if there is no such certificate. */
  tags(arn: string, signal: AbortSignal): Promise<Tags | undefined>;
  /** SHA-256 over the certificate's DER, lower-case hex; undefined if there is no such certificate. */
  fingerprint(arn: string, signal: AbortSignal): Promise<string | undefined>;
  /** All names of a certificate. */
  names(arn: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Imports a version, in the place of `arn` if that is given: its listeners then serve this version. */
  import(
    version: VersionBundle,
    as: { readonly arn: string } | { readonly tags: Tags },
    signal: AbortSignal,
  ): Promise<string>;
  tag(arn: string, tags: Tags, signal: AbortSignal): Promise<void>;
  /** Removes a certificate, if it is there and nothing refers to it. Returns whether it is gone. */
  remove(arn: string, signal: AbortSignal): Promise<boolean>;
}

/** Without this list, ListCertificates leaves out all but RSA keys of 2048 bits. */
const keyTypes = [
  ...['RSA_1024', 'RSA_2048', 'RSA_3072', 'RSA_4096'],
  ...['EC_prime256v1', 'EC_secp384r1', 'EC_secp521r1'],
] as const;

export function createAcm(acm: AwsJson): Acm {
  const read = (action: string, body: AwsParams, signal: AbortSignal) =>
    acm.call(action, body, { signal, mutates: false });
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
      return readPages(badList(action), '', async (token) => {
        const NextToken = token === '' ? undefined : token;
        const page = await read(action, { Includes: { keyTypes }, MaxItems: 1000, NextToken }, signal);
        const list = readList(page['CertificateSummaryList'], 'CertificateSummaryList');
        const found = list.filter((one) => one['Type'] === 'IMPORTED').map(readSummary);
        const next = page['NextToken'];
        return { found, next: typeof next === 'string' && next !== '' ? next : undefined };
      });
    },
    tags: (arn, signal) =>
      ifThere(async () => {
        const answer = await read('ListTagsForCertificate', { CertificateArn: arn }, signal);
        const list = readList(answer['Tags'], 'Tags');
        return Object.fromEntries(list.map((one) => [readString(one, 'Key'), String(one['Value'] ?? '')]));
      }),
    fingerprint: (arn, signal) =>
      ifThere(async () => {
        const answer = await read('GetCertificate', { CertificateArn: arn }, signal);
        const { raw } = new X509Certificate(readString(answer, 'Certificate'));
        return createHash('sha256').update(raw).digest('hex');
      }),
    async names(arn, signal) {
      const answer = await read('DescribeCertificate', { CertificateArn: arn }, signal);
      const { SubjectAlternativeNames: names } = readFields(answer['Certificate'], 'Certificate');
      return Array.isArray(names) ? names.filter((one) => typeof one === 'string') : [];
    },
    async import({ certPem, chainPem, keyPem }, as, signal) {
      const body = {
        Certificate: base64(certPem),
        PrivateKey: new Secret(base64(keyPem.reveal())),
        ...(chainPem.trim() === '' ? {} : { CertificateChain: base64(chainPem) }),
        ...('arn' in as ? { CertificateArn: as.arn } : { Tags: tagList(as.tags) }),
      };
      const answer = await acm.call('ImportCertificate', body, { signal, mutates: true });
      return readString(answer, 'CertificateArn');
    },
    async tag(arn, tags, signal) {
      await acm.call('AddTagsToCertificate', { CertificateArn: arn, Tags: tagList(tags) }, { signal, mutates: true });
    },
    async remove(arn, signal) {
      try {
        await ifThere(() => acm.call('DeleteCertificate', { CertificateArn: arn }, { signal, mutates: true }));
        return true;
      } catch (error) {
        if (isRefusal(error, 'ResourceInUseException')) return false;
        throw error;
      }
    },
  };
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

/** ACM's name of a key's type; a certificate can only be imported in the place of one with the same. */
export function keyTypeOf({ keyPem }: VersionBundle): string {
  const key = createPrivateKey(keyPem.reveal());
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === 'rsa' ? `RSA_${modulusLength}` : `EC_${namedCurve}`;
}

/** The names that a certificate with `names` does not cover. */
export const uncovered = (wanted: readonly string[], names: readonly string[]): readonly string[] =>
  wanted.filter((name) => !names.includes(name) && !names.includes(name.replace(/^[^.*]+/, '*')));
