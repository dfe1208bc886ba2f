import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import type { AwsRefusal } from './aws-signature.ts';

/**
 * ACM as its API reference describes it. moto's cannot take a certificate without a common name, as certfleet's are,
 * checks neither key nor chain, and forgets the tags when one is imported again.
 */
export interface AwsCertificates {
  call(action: string, body: Record<string, unknown>): Record<string, unknown> | AwsRefusal;
  /** Key and chain of a certificate, for the load balancer. */
  material(arn: string): Material | undefined;
  readonly arns: readonly string[];
  tags(arn: string): Readonly<Record<string, string>>;
}

export interface Material {
  readonly key: string;
  readonly cert: string;
  readonly leaf: X509Certificate;
}

interface Stored extends Material {
  readonly arn: string;
  readonly chain: string;
  readonly algorithm: string;
  readonly tags: Map<string, string>;
}

const refuse = (code: string, message: string): AwsRefusal => ({ status: 400, code, message });
const invalid = (message: string): AwsRefusal => refuse('ValidationException', message);

const fields: Readonly<Record<string, readonly string[]>> = {
  ImportCertificate: ['Certificate', 'PrivateKey', 'CertificateChain', 'CertificateArn', 'Tags'],
  DescribeCertificate: ['CertificateArn'],
  GetCertificate: ['CertificateArn'],
  DeleteCertificate: ['CertificateArn'],
  ListTagsForCertificate: ['CertificateArn'],
  AddTagsToCertificate: ['CertificateArn', 'Tags'],
  ListCertificates: ['Includes', 'MaxItems', 'NextToken', 'CertificateStatuses', 'SortBy', 'SortOrder'],
};

export function createAwsCertificates(options: {
  readonly region: string;
  readonly account: string;
  readonly quota: number;
  /** The load balancers whose listeners refer to a certificate. */
  readonly usedBy: (arn: string) => readonly string[];
}): AwsCertificates {
  const stored = new Map<string, Stored>();

  const find = (arn: unknown): Stored | AwsRefusal =>
    stored.get(String(arn)) ?? refuse('ResourceNotFoundException', `Could not find certificate ${String(arn)}.`);

  function importCertificate(body: Record<string, unknown>): Record<string, unknown> | AwsRefusal {
    const text = (name: string) => Buffer.from(String(body[name] ?? ''), 'base64').toString('utf8');
    const [certificate, privateKey, chainText] = [text('Certificate'), text('PrivateKey'), text('CertificateChain')];
    const leaves = certificatesIn(certificate);
    if (leaves.length !== 1 || !leaves[0])
      return invalid('The certificate body must contain exactly one PEM-encoded certificate.');
    const leaf = leaves[0];
    const chain = certificatesIn(chainText);
    if (body['CertificateChain'] !== undefined && (chain.length === 0 || chain.includes(undefined)))
      return invalid('The certificate chain is not PEM-encoded or is not valid.');
    let above = leaf;
    for (const one of chain as X509Certificate[]) {
      if (one.fingerprint256 === leaf.fingerprint256) return invalid('The chain must not contain the certificate.');
      if (!above.checkIssued(one)) return invalid('Could not validate the certificate with the certificate chain.');
      above = one;
    }
    if (!/^-----BEGIN (RSA |EC )?PRIVATE KEY-----/.test(privateKey))
      return invalid('The private key is not supported.');
    let keyMatches: boolean;
    try {
      keyMatches = leaf.checkPrivateKey(createPrivateKey(privateKey));
    } catch {
      return invalid('The private key is not PEM-encoded or is not valid.');
    }
    if (!keyMatches) return invalid('The private key does not match the certificate.');
    if (new Date(leaf.validTo) < new Date()) return invalid('The certificate has expired, is not valid.');
    const algorithm = algorithmOf(leaf);
    if (algorithm === undefined) return invalid('The key algorithm is not supported.');
    const tags = body['Tags'] as { Key: string; Value?: string }[] | undefined;
    const arn = body['CertificateArn'];
    if (arn !== undefined) {
      if (tags !== undefined) return invalid('Tagging is not permitted on re-import.');
      const before = find(arn);
      if ('code' in before) return before;
      if (before.algorithm !== algorithm)
        return invalid('The key type or size of the certificate differs from those of the one that it replaces.');
      stored.set(before.arn, {
        ...before,
        leaf,
        chain: chainText,
        key: privateKey,
        cert: `${certificate}\n${chainText}`,
      });
      return { CertificateArn: before.arn };
    }
    const wrong = tagsRefused(tags ?? []);
    if (wrong) return wrong;
    if (stored.size >= options.quota)
      return refuse('LimitExceededException', `Cannot import more than ${options.quota} certificates.`);
    const made = `arn:aws:acm:${options.region}:${options.account}:certificate/${randomUUID()}`;
    stored.set(made, {
      arn: made,
      ...{ leaf, algorithm, chain: chainText, key: privateKey, cert: `${certificate}\n${chainText}` },
      tags: new Map((tags ?? []).map(({ Key, Value }) => [Key, Value ?? ''])),
    });
    return { CertificateArn: made };
  }

  function list(body: Record<string, unknown>): Record<string, unknown> {
    const includes = (body['Includes'] ?? {}) as { keyTypes?: readonly string[] };
    // The trap of this call: without the filter it shows RSA_1024 and RSA_2048 alone.
    const types = includes.keyTypes ?? ['RSA_1024', 'RSA_2048'];
    const all = [...stored.values()].filter(({ algorithm }) => types.includes(algorithm));
    const from = Number(body['NextToken'] ?? 0);
    const most = Number(body['MaxItems'] ?? 1000);
    const page = all.slice(from, from + most).map((one) => {
      const names = namesOf(one.leaf);
      return {
        CertificateArn: one.arn,
        DomainName: names[0],
        SubjectAlternativeNameSummaries: names.slice(0, 100),
        HasAdditionalSubjectAlternativeNames: names.length > 100,
        Status: 'ISSUED',
        Type: 'IMPORTED',
        KeyAlgorithm: one.algorithm,
        InUse: options.usedBy(one.arn).length > 0,
        NotAfter: new Date(one.leaf.validTo).getTime() / 1000,
      };
    });
    return { CertificateSummaryList: page, ...(from + most < all.length ? { NextToken: String(from + most) } : {}) };
  }

  return {
    call(action, body) {
      const known = fields[action];
      if (!known) return refuse('UnknownOperationException', action);
      const strange = Object.keys(body).find((name) => !known.includes(name));
      if (strange !== undefined) return refuse('SerializationException', `unknown field ${strange}`);
      if (action === 'ImportCertificate') return importCertificate(body);
      if (action === 'ListCertificates') return list(body);
      const one = find(body['CertificateArn']);
      if ('code' in one) return one;
      if (action === 'DescribeCertificate')
        return {
          Certificate: {
            CertificateArn: one.arn,
            DomainName: namesOf(one.leaf)[0],
            SubjectAlternativeNames: namesOf(one.leaf),
            Serial: one.leaf.serialNumber.toLowerCase().replace(/..(?!$)/g, '$&:'),
            KeyAlgorithm: one.algorithm,
            Status: 'ISSUED',
            Type: 'IMPORTED',
            InUseBy: options.usedBy(one.arn),
            NotAfter: new Date(one.leaf.validTo).getTime() / 1000,
          },
        };
      if (action === 'GetCertificate') return { Certificate: one.leaf.toString(), CertificateChain: one.chain };
      if (action === 'ListTagsForCertificate') return { Tags: [...one.tags].map(([Key, Value]) => ({ Key, Value })) };
      if (action === 'AddTagsToCertificate') {
        const tags = body['Tags'] as { Key: string; Value?: string }[];
        const wrong = tagsRefused(tags);
        if (wrong) return wrong;
        for (const { Key, Value = '' } of tags) one.tags.set(Key, Value);
        return {};
      }
      if (options.usedBy(one.arn).length > 0)
        return refuse('ResourceInUseException', `Certificate ${one.arn} in account ${options.account} is in use.`);
      stored.delete(one.arn);
      return {};
    },
    material: (arn) => stored.get(arn),
    get arns() {
      return [...stored.keys()];
    },
    tags: (arn) => Object.fromEntries(stored.get(arn)?.tags ?? []),
  };
}

/** `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`: what ELB and ACM take. */
export function tagsRefused(
  tags: readonly { readonly Key: string; readonly Value?: string }[],
): AwsRefusal | undefined {
  const form = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
  const bad = tags.find(
    ({ Key = '', Value = '' }) =>
      Key === '' ||
      Key.length > 128 ||
      Value.length > 256 ||
      Key.startsWith('aws:') ||
      !form.test(Key) ||
      !form.test(Value),
  );
  if (bad) return invalid(`Tag ${bad.Key}=${bad.Value ?? ''} is not valid.`);
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) return invalid('Tag keys must be unique.');
  return tags.length > 50 ? refuse('TooManyTagsException', 'Too many tags.') : undefined;
}

const certificatesIn = (text: string): (X509Certificate | undefined)[] =>
  [...text.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].map(([pem]) => {
    try {
      return new X509Certificate(pem);
    } catch {
      return undefined;
    }
  });

export const namesOf = (leaf: X509Certificate): string[] =>
  (leaf.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, ''));

function algorithmOf({ publicKey }: X509Certificate): string | undefined {
  const { modulusLength, namedCurve } = publicKey.asymmetricKeyDetails ?? {};
  if (publicKey.asymmetricKeyType === 'rsa')
    return [1024, 2048, 3072, 4096].includes(modulusLength ?? 0) ? `RSA_${modulusLength}` : undefined;
  const curves: Readonly<Record<string, string>> = {
    prime256v1: 'EC_prime256v1',
    secp384r1: 'EC_secp384r1',
    secp521r1: 'EC_secp521r1',
  };
  return publicKey.asymmetricKeyType === 'ec' ? curves[namedCurve ?? ''] : undefined;
}
