import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, it, test } from 'vitest';
import { storeOf } from '../../test/support/cdn-suite.ts';
import { itDrawn } from '../../test/support/drawn.ts';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { keysOf, place, testClb } from '../clients/tencent/test-clb.ts';
import { Secret } from '../core/errors/secret.ts';
import type { HolderOf } from '../core/lineage/holder.ts';
import { present } from '../core/text/present.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import { deployerContract } from '../testing/deployer-contract.ts';
import type { FakeAnswer } from '../testing/fake-api.ts';
import { pki } from '../x509/pki.ts';
import { testCertificate, testParty } from '../x509/test-certificates.ts';
import definition from './tencent-clb.ts';

const signal = new AbortController().signal;
const owner = 'aaaaaaaaaaaa';
const { loadBalancer: lb } = place;
const ca = testParty('CA');
let made = 0;

function version(
  names: readonly string[] = ['www.example.test'],
  kind: 'ec' | 'rsa' = 'ec',
  lineage = 'www',
): VersionBundle {
  const key = kind === 'ec' ? testParty('leaf').key : createPrivateKey(rsaKeyPem(2048));
  made += 1;
  const pem = testCertificate({
    ...{ subject: 'leaf', issuer: ca, publicKey: createPublicKey(key), serial: Uint8Array.of(made) },
    identifiers: names.map((value) => ({ type: 'dns' as const, value })),
  });
  const { certificates, facts } = pki.readChain(pem);
  const keyPem = new Secret(key.export({ type: 'pkcs8', format: 'pem' }).toString());
  return { lineage, id: `v${made}`, facts, keyPem, certPem: certificates[0]!, chainPem: '', fullchainPem: pem };
}

const byHand = (alias: string, names: readonly string[], kind: 'ec' | 'rsa' = 'ec') => {
  const { fullchainPem, keyPem } = version(names, kind);
  return { alias, certificate: fullchainPem, privateKey: keyPem.reveal() };
};

type Listener = NonNullable<Parameters<typeof testClb>[0]>['loadBalancers'] extends readonly (infer One)[] | undefined
  ? One extends { readonly listeners: readonly (infer L)[] }
    ? L
    : never
  : never;

/** A listener with SNI; `www` and `shop` have certificates by hand. */
const sni: Listener = {
  ...{ protocol: 'HTTPS', port: 443, sni: true },
  rules: [
    { domain: 'www.example.test', certificates: ['www'], isDefault: true, http2: true },
    { domain: 'www.example.test', url: '/api/', certificates: ['www'] },
    { domain: 'shop.example.test', certificates: ['shop'] },
  ],
};
const single: Listener = {
  ...{ protocol: 'HTTPS', port: 443, certificates: ['www'] },
  rules: [{ domain: 'www.example.test', isDefault: true }],
};

function bench(
  listener: Listener = sni,
  options: Record<string, unknown> = {},
  changes: Parameters<typeof testClb>[0] = {},
) {
  const clb = testClb({
    certificates: [byHand('www', ['www.example.test']), byHand('shop', ['shop.example.test'])],
    loadBalancers: [{ id: lb, listeners: [listener] }],
    ...changes,
  });
  const connect = (keys = {}, by = owner, holderOf?: HolderOf): Deployer =>
    definition.connect({
      holderOf,
      name: 'https',
      world: clb.world(),
      options: definition.options.parse({ balancer: 'clb', ...options }),
      balancer: { options: { ...place, ...keys } },
      owner: by,
    });
  const served = (name: string, port = 443) => clb.fake.served(lb, port, name);
  return { ...clb, connect, deployer: connect(), served };
}

/** Hides rules of the listeners, as before someone added them. */
function withoutRules(answer: FakeAnswer, hidden: ReadonlySet<string>): FakeAnswer {
  const { Response } = answer.body as {
    readonly Response: { readonly Listeners?: readonly { Rules: { Domain: string }[] }[] };
  };
  for (const one of Response.Listeners ?? []) one.Rules = one.Rules.filter(({ Domain }) => !hidden.has(Domain));
  return answer;
}

const note = async () => {};
const deploy = async (deployer: Deployer, one: VersionBundle) => {
  const staged = await deployer.stage(one, note, signal);
  await deployer.activate(one, staged, note, signal);
  return staged;
};
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  );
const aliasOf = (one: VersionBundle) => expect.stringContaining(`-${one.facts.fingerprint.slice(0, 12)} www`);

describe('the deployer tencent-clb', () => {
  it.each([
    ['with SNI', sni, 'shop.example.test'],
    ['without SNI', single, 'www.example.test'],
  ])('leaves a place to the certificate of the store that has it, %s', async (_name, listener, last) => {
    const { connect, served } = bench(listener);
    const stored = storeOf('tencent-clb', (names, lineage) => version(names, 'ec', lineage));
    async function pass(one: VersionBundle) {
      const deployer = connect({}, owner, stored.holderOf);
      if ((await deployer.look(one, signal)).state !== 'current') await deploy(deployer, one);
      const now = await connect({}, owner, stored.holderOf).look(one, signal);
      expect(now.state).toBe('current');
      return now.detail;
    }
    const serve = (...expected: readonly VersionBundle[]) =>
      expect(['www.example.test', last].map((one) => served(one)).map(String)).toEqual(
        expected.map((one) => expect.stringContaining(one.facts.fingerprint.slice(0, 12))),
      );
    const www = () => stored.renew('www', ['www.example.test']);
    const [first, second] = [www(), stored.renew('wild', ['*.example.test'])];
    const other = listener === sni ? second : first;
    for (let turn = 0; turn < 5; turn += 1) {
      await pass(first);
      expect(await pass(second)).toContain('left to the certificate www');
      serve(first, other);
    }
    const third = www();
    await pass(third);
    serve(third, listener === sni ? second : third);
    stored.delete('www');
    await pass(second);
    serve(second, second);
    expect(await pass(www())).toContain('left to the certificate wild');
    serve(second, second);
  });

  for (const [name, listener] of Object.entries({ 'with SNI': sni, 'without SNI': single }))
    deployerContract(
      (title, run) => (name === 'with SNI' ? test : itDrawn)(`${name}: ${title}`, run),
      async () => {
        const places = ['p1.place.test', 'p2.place.test'];
        const hidden = new Set(places);
        const more = places.map((domain) => ({ domain, certificates: ['shop'] }));
        const rules = [...(listener.rules ?? []), ...(listener.sni ? more : [])];
        const { fake, connect, lines, served } = bench({ ...listener, rules });
        const all = new Map<string, string>();
        const inUse = (name: string) => all.get(served(name)[0]?.split(/[- ]/)[3] ?? '');
        const isChange = (action = '') => /^(Modify|Upload|Delete)/.test(action);
        const refusal = { status: 200, body: { Response: { Error: { Code: 'FailedOperation.X' }, RequestId: 'R' } } };
        fake.api.fault(
          { kind: 'changed', change: (answer) => withoutRules(answer, hidden) },
          { times: 1e6, on: ({ headers }) => headers['x-tc-action'] === 'DescribeListeners' },
        );
        return {
          connect,
          async version() {
            const one = version(['www.example.test', '*.place.test']);
            all.set(one.facts.fingerprint.slice(0, 12), one.facts.fingerprint);
            return one;
          },
          inUse: async () => inUse('www.example.test'),
          async breakActivation() {
            fake.deny('clb:ModifyListener', 'clb:ModifyDomainAttributes');
            return async () => fake.deny();
          },
          cloud: {
            // An upload of what is there changes nothing.
            changes: () =>
              fake.certificates().length +
              fake.records.filter(({ action, code }) => code === undefined && /^(Modify|Delete)/.test(action)).length,
            uploads: () => fake.certificates().length,
            loseAnswer: () =>
              fake.api.fault({ kind: 'lost' }, { on: ({ headers }) => isChange(headers['x-tc-action']) }),
            addForeign: () => () => {
              if (listener.sni) expect(served('shop.example.test')).toEqual(['shop']);
              expect(fake.certificates().map(({ alias }) => alias)).toEqual(expect.arrayContaining(['www', 'shop']));
            },
            ...present({
              places: listener.sni
                ? {
                    add() {
                      const [place = ''] = hidden;
                      hidden.delete(place);
                      return place;
                    },
                    refuse(place: string) {
                      let refuses = true;
                      const on = (request: { readonly text: string }) => refuses && request.text.includes(`"${place}"`);
                      fake.api.fault({ kind: 'status', ...refusal }, { times: 1e6, on });
                      return () => {
                        refuses = false;
                      };
                    },
                    inUse,
                  }
                : undefined,
            }),
          },
          logged: () => lines,
          stop: async () => {},
        };
      },
    );

  it('with SNI, each domain that it covers gets it, and nothing else changes', async () => {
    const { fake, deployer, served } = bench();
    const before = fake.snapshot();
    const one = version(['www.example.test', '*.new.test']);
    await deploy(deployer, one);
    expect(served('www.example.test')).toEqual([aliasOf(one)]);
    expect(served('shop.example.test')).toEqual(['shop']);
    const id = (await deployer.stage(one, note, signal)) as { readonly certificate: string };
    const old = fake.certificateId('www');
    expect(JSON.parse(JSON.stringify(fake.snapshot()).replaceAll(id.certificate, old))).toEqual(
      JSON.parse(JSON.stringify(before)),
    );
    expect(await deployer.look(one, signal)).toMatchObject({ state: 'current', places: { total: 1, lacking: [] } });
  });

  it('a domain that refuses it stays pending alone', async () => {
    const { fake, deployer, served } = bench();
    const one = version(['www.example.test', 'shop.example.test']);
    const staged = await deployer.stage(one, note, signal);
    fake.failTask('ModifyDomainAttributes', 'no such luck', 8);
    await deployer.activate(one, staged, note, signal);
    expect(served('www.example.test')).toEqual(['www']);
    expect(served('shop.example.test')).toEqual([aliasOf(one)]);
    expect(await deployer.look(one, signal)).toMatchObject({
      state: 'stale',
      places: { total: 2, lacking: [{ place: 'www.example.test', reason: expect.stringContaining('no such luck') }] },
    });
    await deployer.activate(one, staged, note, signal);
    expect(await deployer.look(one, signal)).toMatchObject({ state: 'current' });
  });

  it('without SNI, it replaces the certificate only if no name is lost', async () => {
    const { deployer, served } = bench(
      { ...single, certificates: ['both'] },
      {},
      {
        certificates: [byHand('both', ['www.example.test', 'shop.example.test'])],
      },
    );
    const error = await failure(deploy(deployer, version()));
    expect(error).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringMatching(/also for shop\.example/),
    });
    expect(served('www.example.test')).toEqual(['both']);
    const both = version(['www.example.test', 'shop.example.test']);
    await deploy(deployer, both);
    // An older version of its own may cover more.
    const less = version();
    await deploy(deployer, less);
    expect(served('www.example.test')).toEqual([aliasOf(less)]);
  });

  it('keeps the check of clients and a second kind of key', async () => {
    const { fake, deployer, served } = bench(
      { ...single, certificates: ['rsa', 'ecc'], mutual: { ca: 'ca-1', verify: 'OPTIONAL' } },
      {},
      { certificates: [byHand('rsa', ['www.example.test'], 'rsa'), byHand('ecc', ['www.example.test'])] },
    );
    const one = version();
    await deploy(deployer, one);
    expect(served('www.example.test').toSorted()).toEqual([aliasOf(one), 'rsa']);
    expect(JSON.stringify(fake.snapshot())).toMatch(
      /"SSLMode":"MUTUAL","SSLVerifyClient":"OPTIONAL".*"CertCaId":"ca-1"/,
    );
  });

  it('uploads a version once, also after lost answers and from two places', async () => {
    const { fake, connect } = bench();
    const one = version();
    fake.api.fault({ kind: 'lost' }, { on: ({ headers }) => headers['x-tc-action'] === 'UploadCertificate' });
    fake.api.fault({ kind: 'lost' }, { on: ({ headers }) => headers['x-tc-action'] === 'ModifyDomainAttributes' });
    await deploy(connect(), one);
    await deploy(connect(), one);
    expect(fake.certificates()).toHaveLength(3);
    expect(await connect().look(one, signal)).toMatchObject({ state: 'current' });
  });

  it('idle looks change nothing, and a delivery needs few calls', async () => {
    const { connect, deployer, actions } = bench();
    const one = version();
    await deployer.look(one, signal);
    await deploy(deployer, one);
    await deployer.look(one, signal);
    expect(actions()).toEqual([
      ...['DescribeListeners', 'DescribeCertificates', 'UploadCertificate', 'DescribeListeners'],
      ...['ModifyDomainAttributes', 'DescribeTaskStatus', 'DescribeTaskStatus'],
      'DescribeListeners',
    ]);
    const later = connect();
    for (let pass = 0; pass < 10; pass++) expect((await later.look(one, signal)).state).toBe('current');
    expect(actions().toSorted()).toEqual(['DescribeCertificates', ...Array(10).fill('DescribeListeners')]);
  });

  it.each<[string, Listener, number]>([
    ...[1, 2, 10].map((count): [string, Listener, number] => [
      `${count} domains`,
      {
        ...sni,
        rules: Array.from({ length: count }, (_, at) => ({ domain: `d${at}.example.test`, certificates: ['www'] })),
      },
      count,
    ]),
    ['a listener without SNI', single, 1],
  ])(
    'delivers to %s in four calls and two for each place, after the check before an order',
    async (_name, listener, count) => {
      const { connect, actions } = bench(listener, {}, { taskMs: 500 });
      const names = ['*.example.test'];
      const deliver = async (deployer: Deployer) => {
        const one = version(names);
        actions();
        await deployer.look(one, signal);
        await deploy(deployer, one);
        expect((await deployer.look(one, signal)).state).toBe('current');
        return actions().length;
      };
      const [first, next, other] = [connect(), connect(), connect()];
      await first.check!({ lineage: 'www', names }, signal);
      expect(await deliver(first)).toBe(4 + 2 * count);
      // The same process at the next renewal knows what it uploaded itself.
      expect(await deliver(first)).toBe(4 + 2 * count);
      await next.check!({ lineage: 'www', names }, signal);
      expect(await deliver(next)).toBe(4 + 2 * count);
      // A process that delivers what another one ordered first reads whose certificates are there.
      expect(await deliver(other)).toBe(5 + 2 * count);
    },
  );

  it('refuses an endpoint with a path, which the calls would lose', () => {
    expect(() => bench(single, { sslEndpoint: 'https://ssl.tencentcloudapi.com/v1' })).toThrow('without a path');
  });

  it.each<[string, 'www' | 'shop', string | RegExp]>([
    ['the same certificate, as that of a killed process', 'www', 'done'],
    ['another one', 'shop', /got another certificate meanwhile/],
  ])('sends no change again while the listener gets %s', async (_name, what, expected) => {
    const { fake, deployer, connect, served } = bench(single, {}, { taskMs: 5_000 });
    const one = version();
    const other = what === 'www' ? one : version(['www.example.test'], 'ec', 'shop');
    const [staged, before] = [await deployer.stage(one, note, signal), await deployer.stage(other, note, signal)];
    const killed = new AbortController();
    const change = (answer: FakeAnswer) => {
      killed.abort();
      return answer;
    };
    fake.api.fault({ kind: 'changed', change }, { on: ({ headers }) => headers['x-tc-action'] === 'ModifyListener' });
    await failure(connect().activate(other, before, note, killed.signal));
    expect(served('www.example.test')).toEqual(['www']);
    const ended = await failure(deployer.activate(one, staged, note, signal));
    if (typeof expected === 'string') expect(ended).toBe(expected);
    else expect(ended).toMatchObject({ message: expect.stringMatching(expected) });
    expect(fake.records.filter(({ action, code }) => action === 'ModifyListener' && code === undefined)).toHaveLength(
      1,
    );
    expect(served('www.example.test')).toEqual([expect.stringContaining(` ${what}`)]);
  });

  it.each<[string, Listener, readonly string[], string | RegExp]>([
    ['all that it covers', sni, ['www.example.test', 'shop.example.test'], '2 of 2 places of lb-unit1:443 can get it'],
    ['a domain that is not there', sni, ['new.example.test'], /no domain that the certificate covers/],
    ['names that would be lost', single, ['shop.example.test'], /no room for www: .* is also for www\.example\.test/],
  ])('says before an order what can get it: %s', async (_what, listener, names, words) => {
    const { fake, deployer } = bench(listener);
    const before = fake.snapshot();
    const checked = await deployer.check!({ lineage: 'www', names }, signal).catch((error: Error) => error);
    if (typeof words === 'string') expect(checked).toBe(words);
    else expect(checked).toMatchObject({ message: expect.stringMatching(words) });
    expect(fake.snapshot()).toEqual(before);
  });

  it('an old version goes only if it is its own and nothing uses it', async () => {
    const { fake, deployer } = bench();
    const [old, young] = [version(), version()];
    const [first, second] = [await deploy(deployer, old), await deploy(deployer, young)];
    const inUse = await failure(deployer.retire!(young, second, signal));
    expect(inUse).toMatchObject({ message: expect.stringContaining('something still uses it') });
    await deployer.retire!(old, first, signal);
    await deployer.retire!(old, first, signal);
    expect(fake.certificates().map(({ alias }) => alias)).toEqual(['www', 'shop', aliasOf(young)]);
    // Someone had uploaded the same by hand.
    await deployer.retire!(old, { certificate: fake.certificateId('shop') }, signal);
    expect(fake.certificates()).toHaveLength(3);
    expect(await deployer.owned!(signal)).toMatchObject([{ kind: 'certificate', id: fake.certificates()[2]!.id }]);
  });

  it('without the service role, an old version stays, and the reason says what to do', async () => {
    const { fake, deployer } = bench(sni, {}, { ssl: { hasRole: false } });
    const first = await deploy(deployer, version());
    await deploy(deployer, version());
    const error = await failure(deployer.retire!(version(), first, signal));
    expect(error).toMatchObject({ message: expect.stringContaining('SSL_QCSLinkedRoleInReplaceLoadCertificate') });
    expect(fake.certificates()).toHaveLength(4);
  });

  it('shows no private key, even if the API repeats the request', async () => {
    const { fake, deployer, lines } = bench();
    const one = version();
    fake.api.fault(
      {
        ...{ kind: 'echo', part: 'body' },
        answer: (said) => ({
          status: 200,
          body: { Response: { Error: { Code: 'InvalidParam', Message: said }, RequestId: 'r' } },
        }),
      },
      { on: ({ headers }) => headers['x-tc-action'] === 'UploadCertificate' },
    );
    const error = await failure(deployer.stage(one, note, signal));
    expect(error).toMatchObject({ code: 'deploy/target-failed' });
    const line = one.keyPem.reveal().split('\n')[1]!;
    for (const text of [String(error), String((error as Error).cause), ...lines])
      expect(text).not.toContain(line.slice(0, 30));
  });

  it.each<[string, Listener, Record<string, unknown>, RegExp]>([
    [
      'no domain that it covers',
      { ...sni, rules: [{ domain: 'shop.example.test', certificates: ['shop'] }] },
      {},
      /no domain that the/,
    ],
    ['no such listener', single, { listenerPort: 8443 }, /port 8443/],
    ['a name that it does not cover', sni, { names: ['shop.example.test'] }, /does not cover shop/],
  ])('%s', async (_what, listener, options, message) => {
    const { deployer } = bench(listener, options);
    expect(await failure(deployer.look(version(), signal))).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringMatching(message),
    });
  });

  describe('needs exactly the policy that the reference shows', () => {
    const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
    const { statement } = JSON.parse(json) as {
      readonly statement: readonly { effect: 'allow'; action: readonly string[]; resource: readonly string[] }[];
    };
    const reads = {
      effect: 'allow',
      action: ['clb:DescribeListeners', 'clb:DescribeTaskStatus'],
      resource: ['*'],
    } as const;
    const policy = [
      reads,
      ...statement.map((one) => ({ ...one, resource: one.resource.map((name) => name.replace('lb-1a2b3c4d', lb)) })),
    ];
    const limited = { secretId: 'AKIDlimited', secretKey: 'limited-secret', policy };
    const run = async (deployer: Deployer) => {
      const [old, young] = [version(), version()];
      await deployer.look(old, signal);
      const first = await deploy(deployer, old);
      await deploy(deployer, young);
      await deployer.retire!(old, first, signal);
    };
    const both = [sni, { ...single, port: 8443 }];
    const start = () => bench(sni, {}, { keys: [limited], loadBalancers: [{ id: lb, listeners: both }] });
    const rightsOf = async (deployer: Deployer, state: string) =>
      (await deployer.rights!(signal)).filter((right) => right.state === state).map(({ action }) => action);
    const all = policy.flatMap(({ action }) => action);

    it('which is enough', async () => {
      const { fake, connect } = start();
      const deployer = connect(keysOf(limited));
      const before = [fake.snapshot(), fake.certificates()];
      expect((await rightsOf(deployer, 'allowed')).toSorted()).toEqual(all.toSorted());
      expect([fake.snapshot(), fake.certificates()]).toEqual(before);
      await run(deployer);
    });

    it.each(all)('without %s, doctor knows it', async (missing) => {
      const { fake, connect } = start();
      fake.deny(missing);
      const state = missing === 'ssl:DeleteCertificate' ? 'doubtful' : 'denied';
      expect(await rightsOf(connect(keysOf(limited)), state)).toEqual([missing]);
    });

    it.each(all.filter((action) => action !== 'clb:ModifyListener'))(
      'without %s, the error says what is missing',
      async (missing) => {
        const { fake, connect } = start();
        fake.deny(missing);
        expect(await failure(run(connect(keysOf(limited))))).toMatchObject({
          message: expect.stringContaining(`lacks ${missing}`),
        });
      },
    );
  });
});
