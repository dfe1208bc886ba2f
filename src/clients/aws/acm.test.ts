import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { rsaKeyPem } from '../../../test/support/rsa-keys.ts';
import { Secret } from '../../core/errors/secret.ts';
import { present } from '../../core/text/present.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { createFakeApi } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { fixedKeys } from '../http/access-keys.ts';
import { balancerError } from '../http/balancer-errors.ts';
import { type Acm, createAcm, keyTypeOf, uncovered } from './acm.ts';
import { type AwsJson, createAwsJson } from './aws.ts';

const signal = new AbortController().signal;
const pemOf = (namedCurve: string): string =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const version = { certPem: 'c', chainPem: '', keyPem: new Secret('k') } as VersionBundle;

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
      ...present({ NextToken: from === 1 ? 'more' : undefined }),
    });
    const api: AwsJson = {
      call: async (_action, params, read) => {
        asked.push(params);
        return read(asked.length === 1 ? page(1, 'IMPORTED') : page(2, 'AMAZON_ISSUED'));
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

  type Run = (acm: Acm) => Promise<unknown>;
  it.each<[string, object, Run]>([
    ['ListCertificates', { CertificateSummaryList: [{ Type: 'IMPORTED' }] }, (acm) => acm.imported(signal)],
    ['ListCertificates', {}, (acm) => acm.imported(signal)],
    ['ListTagsForCertificate', {}, (acm) => acm.tags('arn', signal)],
    ['ListTagsForCertificate', { Tags: [{ Value: 'a' }] }, (acm) => acm.tags('arn', signal)],
    ['GetCertificate', {}, (acm) => acm.fingerprint('arn', signal)],
    ['GetCertificate', { Certificate: 'no PEM' }, (acm) => acm.fingerprint('arn', signal)],
    ['DescribeCertificate', {}, (acm) => acm.names('arn', signal)],
    ['ImportCertificate', {}, (acm) => acm.upload(version, { tags: {} }, signal)],
  ])('%s: %j is the service’s fault, never a bug', async (_action, body, run) => {
    const clock = fakeClock(undefined, { auto: true });
    const origin = 'https://acm.eu-west-1.amazonaws.com';
    const { http } = createFakeApi({ clock, origin, routes: { 'POST /': () => ({ status: 200, body }) } });
    const acm = createAcm(
      createAwsJson({
        ...{ http, clock, random: { bytes: (length) => new Uint8Array(length), number: () => 0 }, name: 'acm' },
        log: { debug() {}, info() {}, warn() {} },
        ...{ region: 'eu-west-1', service: 'acm', target: 'CertificateManager' },
        credentials: fixedKeys({ id: new Secret('id'), secret: new Secret('secret') }),
        error: (trouble) => balancerError('AWS', trouble),
      }),
    );
    await expect(run(acm)).rejects.toMatchObject({ code: 'balancer/failed' });
  });
});
