import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type AlibabaClbOptions, startAlibabaClb } from '../support/alibaba-clb.ts';
import { createOracle } from '../support/alibaba-oracle.ts';
import { startNodes } from '../support/alibaba-world.ts';
import { temporaryFolder } from '../support/service.ts';
import { createVersionMaker, shakeHands, shakeHandsUntilStopped } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// HTTPS on the fake: which certificates it takes, which it serves, and that it swaps them without a failed handshake.

const run = promisify(execFile);
const key = { id: 'LTAIroot', secret: 'root-secret' };
const lb = 'lb-bp1example';

stopAllAfterwards();

describe('HTTPS', () => {
  async function startHttps(changes: Partial<AlibabaClbOptions> = {}, keyHead = '') {
    const maker = await createVersionMaker();
    /** A certificate in the form that the API takes: the key converted from PKCS#8. */
    const make = async (...names: string[]) => {
      const { fullchainPem, keyPem, facts } = await maker.make('x', names);
      const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
      return { certificate: fullchainPem.trim(), privateKey, fingerprint: facts.fingerprint, pkcs8: keyPem.reveal() };
    };
    const first = await make('www.example.com');
    const nodes = await startNodes(1);
    const clb = await startAlibabaClb({
      keys: [key],
      servers: { 'i-a': nodes[0]!.address },
      certificates: [{ name: 'first', ...first, privateKey: keyHead + first.privateKey }],
      loadBalancers: [
        {
          id: lb,
          groups: [{ name: 'web', servers: [{ server: 'i-a', port: nodes[0]!.port }] }],
          listeners: [{ protocol: 'https', port: 443, group: 'web', certificate: 'first', check: { enabled: false } }],
        },
      ],
      ...changes,
    });
    const oracle = createOracle(clb.endpoint, key);
    const upload = async ({ certificate, privateKey }: { certificate: string; privateKey: string }, more = {}) =>
      oracle.call('UploadServerCertificate', { ServerCertificate: certificate, PrivateKey: privateKey, ...more });
    const served = async (name: string) => (await shakeHands(clb.port(443), name)).fingerprint;
    return { clb, oracle, make, first, upload, served };
  }
  const onHttps = { LoadBalancerId: lb, ListenerPort: 443 };

  it('serves the default certificate and the extensions by SNI, and swaps them without a failed handshake', async () => {
    const { clb, oracle, make, first, upload, served } = await startHttps({ changeMs: 10 });
    expect(await served('www.example.com')).toBe(first.fingerprint);
    const shaking = shakeHandsUntilStopped(clb.port(443), 'www.example.com', 2);
    const [one, wild, next] = [
      await make('one.example.com'),
      await make('*.example.com'),
      await make('www.example.com'),
    ];
    const ids = [];
    for (const version of [one, wild, next]) {
      const added = await upload(version, { ServerCertificateName: 'ours', 'Tag.1.Key': 'acme-owner' });
      expect(added.Fingerprint).toMatch(/^([0-9a-f]{2}:){19}[0-9a-f]{2}$/);
      ids.push(added.ServerCertificateId as string);
    }
    const extensions = [];
    for (const [index, Domain] of ['one.example.com', '*.example.com'].entries()) {
      const parameters = { ...onHttps, Domain, ServerCertificateId: ids[index]! };
      extensions.push((await oracle.call('CreateDomainExtension', parameters)).DomainExtensionId);
      await clb.settled();
    }
    expect(await served('one.example.com')).toBe(one.fingerprint);
    expect(await served('two.example.com')).toBe(wild.fingerprint);
    expect(await served('example.org')).toBe(first.fingerprint);
    clb.set({ changeMs: Number.POSITIVE_INFINITY });
    await oracle.call('SetLoadBalancerHTTPSListenerAttribute', { ...onHttps, ServerCertificateId: ids[2]! });
    expect(await served('example.org')).toBe(first.fingerprint); // not yet
    clb.endChanges();
    clb.set({ changeMs: 10 });
    expect(await served('example.org')).toBe(next.fingerprint);
    expect(await oracle.call('DescribeLoadBalancerHTTPSListenerAttribute', onHttps)).toMatchObject({
      ServerCertificateId: ids[2],
      DomainExtensions: { DomainExtension: [{ Domain: 'one.example.com' }, { Domain: '*.example.com' }] },
    });
    const set = { DomainExtensionId: extensions[1], ServerCertificateId: ids[0]! };
    await oracle.call('SetDomainExtensionAttribute', set);
    await clb.settled();
    expect(await served('two.example.com')).toBe(one.fingerprint);
    expect((await oracle.refused('DeleteServerCertificate', { ServerCertificateId: ids[0]! })).code).toBe(
      'CertificateAndPrivateKeyIsRefered',
    );
    for (const DomainExtensionId of extensions) {
      await oracle.call('DeleteDomainExtension', { DomainExtensionId });
      await clb.settled();
    }
    expect((await oracle.call('DescribeDomainExtensions', onHttps)).DomainExtensions.DomainExtension).toEqual([]);
    await oracle.call('SetServerCertificateName', { ServerCertificateId: ids[0]!, ServerCertificateName: 'old/*' });
    await oracle.call('DeleteServerCertificate', { ServerCertificateId: ids[0]! });
    const listed = await oracle.call('DescribeServerCertificates', { 'Tag.1.Key': 'acme-owner' });
    expect(listed.ServerCertificates.ServerCertificate).toHaveLength(2);
    expect(JSON.stringify(listed)).not.toContain('PRIVATE');
    expect((await shaking.stop()).filter(({ error }) => error !== undefined)).toEqual([]);
  });

  it('an extension may need a rule of its domain', async () => {
    const { clb, oracle, make, first, upload, served } = await startHttps({ behaviour: { extensionNeedsRule: true } });
    const one = await make('one.example.com');
    const { ServerCertificateId } = await upload(one);
    const Domain = 'one.example.com';
    const { DomainExtensionId } = await oracle.call('CreateDomainExtension', {
      ...onHttps,
      Domain,
      ServerCertificateId,
    });
    expect(await served(Domain)).toBe(first.fingerprint);
    const VServerGroupId = clb.snapshot().groups[0]!['id'];
    const RuleList = JSON.stringify([{ RuleName: 'one', Domain, VServerGroupId }]);
    await oracle.call('CreateRules', { ...onHttps, RuleList });
    expect(await served(Domain)).toBe(one.fingerprint);
    expect((await oracle.refused('DeleteDomainExtension', { DomainExtensionId })).code).toBe(
      'DomainExtensionRelatedRuleExist',
    );
  });

  it('refuses certificates and keys in other forms', async () => {
    const { clb, oracle, make, upload } = await startHttps({ quotas: { certificatesOfRegion: 3 } });
    const [good, other] = [await make('one.example.com'), await make('two.example.com')];
    const code = (changes: { certificate?: string; privateKey?: string }, more = {}) =>
      upload({ ...good, ...changes }, more).then(
        () => 'fine',
        (error: { code: string; data: { Message: string } }) => `${error.code}: ${error.data.Message}`,
      );
    const lines = good.certificate.split('\n');
    const certificateForm = 'InvalidParameter: The specified parameter ServerCertificate format is error.';
    const keyForm = 'InvalidParameter: The specified parameter key format is error.';
    const empty = 'InvalidParameter: The specified parameter ServerCertificate or Key is empty.';
    const joined = (at: number) =>
      [...lines.slice(0, at), lines[at]! + lines[at + 1]!, ...lines.slice(at + 2)].join('\n');
    for (const [changes, expected] of [
      [{ certificate: '' }, empty],
      [{ privateKey: '' }, empty],
      [{ certificate: joined(1) }, certificateForm],
      [{ certificate: good.certificate.replace('-----\n-----BEGIN', '-----\n\n-----BEGIN') }, certificateForm],
      [{ certificate: good.certificate.replaceAll('\n', '\r\n') }, certificateForm],
      [{ certificate: `text\n${good.certificate}` }, certificateForm],
      [{ certificate: good.privateKey.trim() }, certificateForm],
      [{ privateKey: good.pkcs8 }, keyForm],
      [
        { privateKey: good.pkcs8.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE') },
        'PrivateKeyEncryption: Key has Encrypted .',
      ],
      [{ privateKey: other.privateKey }, 'CertificateNotMatchPrivateKey: Certificate and key does not match.'],
    ] as const)
      expect(await code(changes)).toBe(expected);
    expect(await code({}, { ServerCertificateName: '1st' })).toMatch(/^InvalidParameter/);
    expect(await code({}, { ServerCertificateName: 'a/b' })).toMatch(/^InvalidParameter/);
    expect(clb.snapshot().certificates).toHaveLength(1);
    // The same certificate may be uploaded twice; the region's quota ends it.
    expect([await code({}), await code({}), await code({})]).toEqual([
      'fine',
      'fine',
      'OverQuota: The Total is over the quota.',
    ]);
    for (const [action, parameters, expected] of [
      ['DeleteServerCertificate', { ServerCertificateId: 'x' }, 'ServerCertificateId.NotFound'],
      ['SetLoadBalancerHTTPSListenerAttribute', { ...onHttps, ServerCertificateId: 'x' }, 'InvalidParameter'],
      ['CreateDomainExtension', { ...onHttps, Domain: 'a.example.com', ServerCertificateId: 'x' }, 'InvalidParameter'],
      ['CreateDomainExtension', { ...onHttps, Domain: 'a b', ServerCertificateId: 'x' }, 'InvalidParameter'],
      ['SetDomainExtensionAttribute', { DomainExtensionId: 'de-x' }, 'InvalidParameter.DomainExtensionId'],
    ] as const)
      expect((await oracle.refused(action, parameters)).code).toBe(expected);
    const [, second] = clb.snapshot().certificates;
    for (const [index, expected] of ['fine', 'fine', 'fine', 'OverQuota'].entries()) {
      const parameters = { ...onHttps, Domain: `d${index}.example.com`, ServerCertificateId: String(second!['id']) };
      const made = oracle.call('CreateDomainExtension', parameters);
      expect(
        await made.then(
          () => 'fine',
          (error: { code: string }) => error.code,
        ),
      ).toBe(expected);
    }
    expect(
      (
        await oracle.refused('CreateDomainExtension', {
          ...onHttps,
          Domain: 'd1.example.com',
          ServerCertificateId: String(second!['id']),
        })
      ).code,
    ).toBe('InvalidParameter');
  });

  it('takes RSA keys of 2048 and 4096 bits and the three curves, and EC keys as its switch says', async () => {
    const folder = await temporaryFolder('alibaba');
    const make = async (...kind: string[]) => {
      const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
      const names = ['-subj', '/CN=one.example.com', '-addext', 'subjectAltName=DNS:one.example.com', '-days', '2'];
      await run('openssl', [
        ...['req', '-x509', '-nodes', ...kind, ...names, '-keyout', keyFile, '-out', certificateFile],
      ]);
      const key = createPrivateKey(await readFile(keyFile));
      const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
      const privateKey = key.export({ type, format: 'pem' }).toString();
      return { certificate: await readFile(certificateFile, 'utf8'), privateKey };
    };
    const curve = (name: string) => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${name}`];
    const { upload } = await startHttps();
    const code = (version: { certificate: string; privateKey: string }, to = upload) =>
      to(version).then(
        () => 'fine',
        (error: { code: string }) => error.code,
      );
    for (const [kind, expected] of [
      [['-newkey', 'rsa:2048'], 'fine'],
      [['-newkey', 'rsa:4096'], 'fine'],
      [['-newkey', 'rsa:3072'], 'KeyFormatError'],
      [curve('P-384'), 'fine'],
      [curve('P-521'), 'fine'],
      [curve('secp256k1'), 'KeyFormatError'],
    ] as const)
      expect([kind, await code(await make(...kind))]).toEqual([kind, expected]);
    const plain = await make(...curve('P-256'));
    // The parameters of P-256 as `openssl ecparam` prints them.
    const head = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const withParameters = { ...plain, privateKey: head + plain.privateKey };
    const strict = await startHttps({ behaviour: { ecKeys: 'with-parameters' } }, head);
    expect([await code(plain), await code(withParameters)]).toEqual(['fine', 'fine']);
    expect(await code(plain, strict.upload)).toBe('InvalidParameter');
    expect(await code(withParameters, strict.upload)).toBe('fine');
  });
});
