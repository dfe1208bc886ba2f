import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { addCertificate } from '../../test/support/alibaba-clb/certificates.ts';
import { keyFor } from '../clients/alibaba/clb-certificates.ts';
import { keys, region, type TestClb, testClb } from '../clients/alibaba/test-clb.ts';
import { Secret } from '../core/errors/secret.ts';
import { nameWithMark } from '../core/request-path/own-mark.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import { pki } from '../x509/pki.ts';
import { testCertificate, testParty } from '../x509/test-certificates.ts';
import definition from './alibaba-clb.ts';

const signal = new AbortController().signal;
const owner = 'aaaaaaaaaaaa';
const ca = testParty('CA');
let made = 0;

function version(names: readonly string[] = ['www.example.test'], lineage = 'www'): VersionBundle {
  const party = testParty('leaf');
  const identifiers = names.map((value) => ({ type: 'dns' as const, value }));
  made += 1;
  const pem = testCertificate({
    subject: 'leaf',
    issuer: ca,
    publicKey: createPublicKey(party.key),
    identifiers,
    serial: Uint8Array.of(made),
  });
  const { certificates, facts } = pki.readChain(pem);
  const keyPem = new Secret(party.key.export({ type: 'pkcs8', format: 'pem' }).toString());
  return { lineage, id: `v${made}`, facts, keyPem, certPem: certificates[0]!, chainPem: '', fullchainPem: pem };
}

/** The region has one certificate by hand, which is the default one. */
function bench({ names = ['www.example.test'] as readonly string[], options = {} } = {}) {
  const clb = testClb();
  const { fullchainPem: certificate, keyPem } = version(names);
  const given = { region, name: 'by-hand', certificate, privateKey: keyFor(keyPem).reveal() };
  const old = addCertificate(clb.cloud, given).id;
  clb.listener(443).certificateId = old;
  const balancer = { region, loadBalancer: 'lb-1', endpoint: 'http://127.0.0.1:1', ...keys };
  const connect = (): Deployer =>
    definition.connect({
      name: 'https',
      world: clb.world,
      options: definition.options.parse({ balancer: 'slb', ...options }),
      owner,
      balancer: { options: balancer },
    });
  return { clb, connect, deployer: connect(), old };
}

const notes: unknown[] = [];
const note = async (receipt: unknown) => void notes.push(receipt);
const deploy = async (deployer: Deployer, one: VersionBundle) => {
  const staged = await deployer.stage(one, note, signal);
  await deployer.activate(one, staged, note, signal);
  return staged;
};
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as { code: string; message: string; hint: string },
  );
const stateOf = async (deployer: Deployer, one: VersionBundle) => (await deployer.look(one, signal)).state;
const isAction = (action: string) => ({
  on: ({ headers }: { headers: Readonly<Record<string, string>> }) => headers['x-acs-action'] === action,
});
const served = (clb: TestClb) => [
  clb.listener(443).certificateId,
  ...[...clb.cloud.extensions.values()].map((one) => `${one.domain} ${one.certificateId}`),
];
/** Adds a domain extension with the default certificate. */
function extend({ cloud, balancer, listener: of }: TestClb, domain: string): void {
  const [id, listener] = [cloud.newId('de'), of(443)];
  cloud.extensions.set(id, { id, balancer, listener, domain, certificateId: listener.certificateId! });
}

describe('alibaba-clb', () => {
  it('uploads once, replaces the default certificate of the same names, and says what is served', async () => {
    const { clb, deployer, connect, old } = bench();
    const one = version();
    expect(await stateOf(deployer, one)).toBe('absent');
    const staged = await deployer.stage(one, note, signal);
    expect(notes.at(-1)).toEqual(staged);
    const [, uploaded] = clb.cloud.certificates.values();
    expect(uploaded!.name).toBe(
      nameWithMark({ owner, expires: new Date(one.facts.notAfter), id: one.facts.fingerprint.slice(0, 12) }),
    );
    expect(uploaded!.tags.get('certfleet-lineage')).toBe('www');
    expect([await stateOf(deployer, one), ...served(clb)]).toEqual(['absent', old]);
    expect(await connect().stage(one, note, signal)).toEqual(staged);
    clb.actions();
    await deployer.activate(one, staged, note, signal);
    expect(clb.actions()).toEqual([
      'DescribeLoadBalancerHTTPSListenerAttribute',
      'DescribeDomainExtensions',
      'DescribeServerCertificates',
      'SetLoadBalancerHTTPSListenerAttribute',
      'DescribeLoadBalancerHTTPSListenerAttribute',
      'DescribeDomainExtensions',
    ]);
    const two = version();
    expect([await stateOf(deployer, one), await stateOf(deployer, two)]).toEqual(['current', 'stale']);
    await deploy(deployer, two);
    expect([await stateOf(deployer, one), await stateOf(deployer, two)]).toEqual(['stale', 'current']);
  });

  it('gives a domain extension to each name where the default certificate would lose one', async () => {
    const { clb, deployer, old } = bench({ names: ['shop.example.test'] });
    const one = version(['a.example.test', 'b.example.test']);
    const { certificate } = (await deploy(deployer, one)) as { certificate: string };
    expect(served(clb)).toEqual([old, `a.example.test ${certificate}`, `b.example.test ${certificate}`]);
    expect(await stateOf(deployer, one)).toBe('current');
    const two = version(['a.example.test', 'b.example.test']);
    const next = (await deploy(deployer, two)) as { certificate: string };
    expect(served(clb).slice(1)).toEqual([`a.example.test ${next.certificate}`, `b.example.test ${next.certificate}`]);
  });

  it('serves only the names in its options, which the certificate must cover', async () => {
    const { clb, deployer } = bench({ names: ['shop.test'], options: { names: ['a.example.test'] } });
    await deploy(deployer, version(['*.example.test', 'example.test']));
    expect([...clb.cloud.extensions.values()].map(({ domain }) => domain)).toEqual(['a.example.test']);
    expect((await failure(deployer.stage(version(['b.test']), note, signal))).message).toContain(
      'does not cover a.example.test',
    );
  });

  it.each([
    ['the default certificate only', { mode: 'default' }, /also for shop\.example\.test/],
    ['no room for an extension', {}, /OverQuota.*REQUEST/],
  ])('refuses and leaves all as before: %s', async (_name, options, text) => {
    const { clb, deployer } = bench({ names: ['shop.example.test'], options });
    for (const domain of ['x.test', 'y.test']) extend(clb, domain);
    const shown = served(clb);
    const error = await failure(deploy(deployer, version(['a.example.test', 'b.example.test'])));
    const message = new RegExp(text.source.replace('REQUEST', clb.refusedId()));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringMatching(message) });
    expect(served(clb)).toEqual(shown);
  });

  it.each<[string, object, RegExp | string]>([
    ['room', {}, '1 of 3 domain extensions'],
    ['the default certificate takes it', { names: ['www.example.test'] }, 'it needs 0 and 1 more'],
    ['a quota that was raised', { extensions: 3, options: { extensionQuota: 10 } }, '3 of 10 domain extensions'],
    [
      'no room for an extension',
      { extensions: 3 },
      /uses 3 of 3 domain extensions, and needs 1 more for new\.test.*these names.*: shop\.test, new\.test\./,
    ],
    ['no room for a certificate', { options: { certificateQuota: 1 } }, /cn-test holds 1 of 1 certificates/],
  ])('counts before an order: %s', async (_what, given, words) => {
    const {
      names = ['shop.test'],
      extensions = 1,
      options = {},
    } = given as {
      readonly names?: readonly string[];
      readonly extensions?: number;
      readonly options?: object;
    };
    const { clb, deployer } = bench({ names, options });
    for (let at = 0; at < extensions; at++) extend(clb, `x${at}.test`);
    const shown = served(clb);
    const wanted = { lineage: 'new', names: names[0] === 'shop.test' ? ['new.test'] : names };
    const checked = deployer.check!(wanted, signal);
    if (typeof words === 'string') expect(await checked).toContain(words);
    else {
      const { code, message, hint } = await failure(checked);
      expect(code).toBe('balancer/no-room');
      expect(`${message} ${hint}`).toMatch(words);
    }
    expect(served(clb)).toEqual(shown);
  });

  it('says what stays of a lineage, and how to remove it', async () => {
    const { clb, deployer } = bench({ names: ['shop.test'] });
    const { certificate } = (await deploy(deployer, version(['a.test'], 'a'))) as { certificate: string };
    await deploy(deployer, version(['b.test'], 'b'));
    const [extension] = clb.cloud.extensions.values();
    expect(await deployer.keeps!('a', signal)).toEqual([
      `the certificate ${certificate} in cn-test, which lb-1:443 serves. Delete the domain extension ${extension!.id} of a.test (\`aliyun slb DeleteDomainExtension --RegionId cn-test --DomainExtensionId ${extension!.id}\`). Then \`certfleet sweep --lost --owner ${owner}\` deletes the certificate.`,
    ]);
    clb.cloud.extensions.delete(extension!.id);
    expect(await deployer.keeps!('a', signal)).toEqual([
      `the certificate ${certificate} in cn-test. \`certfleet sweep --lost --owner ${owner}\` deletes it.`,
    ]);
    clb.listener(443).certificateId = certificate;
    expect((await deployer.keeps!('a', signal))[0]).toContain('Choose another default certificate for lb-1:443');
    expect(await deployer.keeps!('none', signal)).toEqual([]);
  });

  it('finds out what the key may do, and changes nothing', async () => {
    const { clb, deployer } = bench();
    const shown = served(clb);
    const all = await deployer.rights!(signal);
    expect(all.filter(({ state }) => state !== 'allowed').map(({ action }) => action)).toEqual([
      'slb:SetLoadBalancerHTTPSListenerAttribute',
      'slb:TagResources',
    ]);
    clb.refuse('UploadServerCertificate', 'Forbidden.RAM');
    expect((await deployer.rights!(signal))[0]).toEqual({
      ...{ action: 'slb:UploadServerCertificate', state: 'denied', reason: 'Forbidden.RAM' },
    });
    expect([served(clb), clb.cloud.certificates.size]).toEqual([shown, 1]);
  });

  it('counts what other orders of the process will need, until they are delivered', async () => {
    const { clb, deployer } = bench({ names: ['shop.test'] });
    for (const domain of ['x.test', 'y.test']) extend(clb, domain);
    const first = version(['a.test'], 'a');
    const asks = (name: string) => deployer.check!({ lineage: name, names: [`${name}.test`] }, signal);
    await asks('a');
    await asks('a');
    expect((await failure(asks('b'))).message).toContain('uses 3 of 3');
    await deploy(deployer, first);
    const { message, hint } = await failure(asks('b'));
    expect([message, hint].join(' ')).toMatch(/uses 3 of 3 .*: shop\.test, a\.test, b\.test\./);
  });

  it('puts back what it changed before a failure', async () => {
    const { clb, deployer, old } = bench();
    extend(clb, 'www.example.test');
    const one = version(['www.example.test', 'b.example.test']);
    clb.refuse('SetLoadBalancerHTTPSListenerAttribute', 'Forbidden.RAM');
    const error = await failure(deploy(deployer, one));
    expect(error.message).toMatch(
      RegExp(`Forbidden.RAM.*${clb.refusedId()}.*slb:SetLoadBalancerHTTPSListenerAttribute`),
    );
    expect(served(clb)).toEqual([old, `www.example.test ${old}`]);
  });

  it.each([
    'UploadServerCertificate',
    'SetLoadBalancerHTTPSListenerAttribute',
    'CreateDomainExtension',
    'SetDomainExtensionAttribute',
  ])('looks before it repeats %s after a lost answer', async (action) => {
    const { clb, deployer } = bench();
    for (const domain of ['*.b.test', 'a.test']) extend(clb, domain);
    clb.api.fault({ kind: 'lost' }, isAction(action));
    const one = version(['www.example.test', 'a.test', 'x.b.test']);
    await deploy(deployer, one);
    expect(await stateOf(deployer, one)).toBe('current');
    expect(clb.cloud.certificates.size).toBe(2);
  });

  it('makes room in the region from uploads that are superseded', async () => {
    const { clb, deployer } = bench();
    const [one, two] = [version(), version()];
    await deploy(deployer, one);
    await clb.world.clock.sleep(1000, signal);
    await deploy(deployer, two);
    await clb.world.clock.sleep(2 * 3_600_000, signal);
    clb.cloud.quotas.certificatesOfRegion = 3;
    for (const left of [3, 3]) {
      await deploy(deployer, version());
      expect(clb.cloud.certificates.size).toBe(left);
    }
    // What is left is in use, or was uploaded just now.
    expect((await failure(deploy(deployer, version()))).message).toContain('no quota left');
  });

  it('retires what the receipt names, unless something refers to it', async () => {
    const { clb, deployer } = bench();
    const first = await deploy(deployer, version());
    const second = await deploy(deployer, version());
    const old = { lineage: 'www', id: 'v1' };
    await deployer.retire!(old, undefined, signal);
    expect(clb.cloud.certificates.size).toBe(3);
    await deployer.retire!(old, first, signal);
    await deployer.retire!(old, first, signal);
    expect(clb.cloud.certificates.size).toBe(2);
    expect((await failure(deployer.retire!(old, second, signal))).message).toContain('still refers');
    const owned = await deployer.owned!(signal);
    expect(owned.map(({ kind, id }) => [kind, id])).toEqual([['certificate', ...served(clb)]]);
    await deployer.removeOwned!(owned[0]!, signal);
    expect(clb.cloud.certificates.size).toBe(2);
  });

  it('names a missing listener, and shows no key', async () => {
    const { clb, deployer } = bench({ options: { listenerPort: 444 } });
    const before = await failure(deployer.check!({ lineage: 'abc', names: ['shop.test'] }, signal));
    expect(before).toMatchObject({ code: 'balancer/not-found' });
    const error = await failure(deployer.look(version(), signal));
    expect(error.message).toContain(before.message.replace(/ \(request .*/, ''));
    expect(error).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringMatching(
        new RegExp(
          `an HTTPS listener on port 444 of lb-1 in cn-test does not exist: its listeners are 80 \\(http\\), 443 \\(https\\).*${clb.refusedId()}`,
        ),
      ),
    });
    const echo = bench();
    echo.clb.api.fault({ kind: 'echo' }, isAction('UploadServerCertificate'));
    const one = version();
    const echoed = await failure(echo.deployer.stage(one, note, signal));
    const key = one.keyPem.reveal().split('\n')[1]!;
    expect(echoed.message).not.toContain(key.slice(30, 60));
  });
});
