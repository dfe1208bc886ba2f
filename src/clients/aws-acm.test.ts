import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { Secret } from '../core/secret.ts';
import type { VersionBundle } from '../ports/deployer.ts';
import type { AwsJson } from './aws.ts';
import { createAcm, keyTypeOf, uncovered } from './aws-acm.ts';

const signal = new AbortController().signal;
const pemOf = (namedCurve: string): string =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describe('certificates in ACM', () => {
  it.each([
    [['a.test'], ['a.test'], []],
    [['a.test', 'b.test'], ['a.test'], ['b.test']],
    [['www.a.test'], ['*.a.test'], []],
    [['a.b.a.test', 'a.test'], ['*.a.test'], ['a.b.a.test', 'a.test']],
    [['*.a.test'], ['*.a.test'], []],
    [['*.a.test'], ['www.a.test', '*.test'], ['*.a.test']],
  ])('of %j, a certificate for %j lacks %j', (wanted, names, lacking) => {
    expect(uncovered(wanted, names)).toEqual(lacking);
  });

  it.each([
    ['EC_prime256v1', () => pemOf('P-256')],
    ['EC_secp384r1', () => pemOf('P-384')],
    ['RSA_2048', () => rsaKeyPem(2048)],
  ])('names the type of a key as ACM does: %s', (type, make) => {
    const keyPem = new Secret(make());
    expect(keyTypeOf({ keyPem } as VersionBundle)).toBe(type);
  });

  it('lists certificates with all types of keys, on all pages, and only imported ones', async () => {
    const asked: unknown[] = [];
    const page = (from: number, Type: string) => ({
      CertificateSummaryList: [
        { CertificateArn: `arn:${from}`, Type, KeyAlgorithm: 'EC_prime256v1', NotAfter: 1.5, InUse: true },
      ],
      ...(from === 1 ? { NextToken: 'more' } : {}),
    });
    const api: AwsJson = {
      call: async (_action, params) => {
        asked.push(params);
        return asked.length === 1 ? page(1, 'IMPORTED') : page(2, 'AMAZON_ISSUED');
      },
    };
    expect(await createAcm(api).imported(signal)).toEqual([
      { arn: 'arn:1', names: [], keyType: 'EC_prime256v1', notAfter: new Date(1500), inUse: true },
    ]);
    expect(asked).toMatchObject([
      { Includes: { keyTypes: expect.arrayContaining(['EC_prime256v1', 'RSA_4096']) }, NextToken: undefined },
      { NextToken: 'more' },
    ]);
  });
});
