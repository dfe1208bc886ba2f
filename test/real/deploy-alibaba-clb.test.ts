import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import balancerDefinition from '../../src/balancers/alibaba-clb.ts';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { markIn } from '../../src/core/request-path/own-mark.ts';
import type { Json } from '../../src/core/text/json.ts';
import definition from '../../src/deployers/alibaba-clb.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { root } from '../support/alibaba-account.ts';
import { type AlibabaClb, type AlibabaClbOptions, startAlibabaClb } from '../support/alibaba-clb.ts';
import { keysOf, policyIn, quickWorld } from '../support/alibaba-edge.ts';
import { startNodes } from '../support/alibaba-world.ts';
import { drawnExcept } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { until } from '../support/service.ts';
import { createVersionMaker, shakeHands, shakeHandsUntilStopped, type VersionMaker } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Against the fake that was written from Alibaba's documents by someone who had not seen the adapter.

const signal = new AbortController().signal;
const note = async () => {};
const lb = 'lb-bp1example';
const owner = 'aaaaaaaaaaaa';

stopAllAfterwards();

describeWith(['openssl'], 'the deployer alibaba-clb', () => {
  let versions: VersionMaker;
  beforeAll(async () => {
    versions = await createVersionMaker();
  });
  const make = (...names: string[]) => versions.make('www', names.length > 0 ? names : ['www.example.test']);

  interface Edge {
    readonly clb: AlibabaClb;
    readonly lines: string[];
    /** The certificate that was there before, by hand. */
    readonly first: VersionBundle;
    connect(options?: Record<string, unknown>, more?: { readonly factor?: number; readonly keys?: object }): Deployer;
    served(name?: string): Promise<string | undefined>;
  }

  /** An HTTPS listener whose default certificate is for these names. */
  async function start(names: readonly string[] = [], changes: Partial<AlibabaClbOptions> = {}): Promise<Edge> {
    const first = await make(...names);
    const sec1 = createPrivateKey(first.keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    // P-256, as the documents show it.
    const privateKey = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${sec1}`;
    const [node] = await startNodes(1);
    const clb = await startAlibabaClb({
      keys: [root],
      servers: { 'i-a': node!.address },
      certificates: [{ name: 'by-hand', certificate: first.fullchainPem.trim(), privateKey }],
      loadBalancers: [
        {
          id: lb,
          groups: [{ name: 'web', servers: [{ server: 'i-a', port: node!.port }] }],
          listeners: [
            { protocol: 'http', port: 80, group: 'web', check: { enabled: false } },
            { protocol: 'https', port: 443, group: 'web', certificate: 'by-hand', check: { enabled: false } },
          ],
        },
      ],
      ...changes,
    });
    const lines: string[] = [];
    return {
      clb,
      lines,
      first,
      connect(options = {}, { factor, keys = keysOf(root) } = {}) {
        const { world } = quickWorld(undefined, factor);
        world.log.debug = (line) => void lines.push(line);
        const settings = { region: 'cn-hangzhou', loadBalancer: lb, endpoint: clb.endpoint, ...keys };
        return definition.connect({
          name: 'slb-https',
          world,
          options: definition.options.parse({ balancer: 'slb', ...options }),
          owner,
          balancer: { options: balancerDefinition.options.parse(settings) },
        });
      },
      served: async (name = 'www.example.test') => (await shakeHands(clb.port(443), name)).fingerprint,
    };
  }

  const deploy = async (deployer: Deployer, version: VersionBundle): Promise<Json> => {
    const staged = await deployer.stage(version, note, signal);
    await deployer.activate(version, staged, note, signal);
    return staged;
  };
  const failure = async (promise: Promise<unknown>): Promise<CertfleetError> =>
    promise.then(
      () => expect.fail('it should have failed'),
      (error: CertfleetError) => error,
    );
  const uploads = ({ clb }: Edge) => clb.snapshot().certificates.filter(({ name }) => markIn(String(name)));

  for (const [name, changes] of Object.entries({
    'at once': {},
    'busy after each change': { changeMs: 5, behaviour: { emptyFields: 'empty', ecKeys: 'with-parameters' } },
  } satisfies Record<string, Partial<AlibabaClbOptions>>))
    deployerContract(
      (title, run) => drawnExcept(/^at once|is absent, staged|a new version is used/)(`${name}: ${title}`, run),
      async () => {
        const edge = await start([], changes);
        const made: string[] = [];
        return {
          connect: () => edge.connect(),
          async version() {
            const version = await make();
            made.push(version.facts.fingerprint);
            return version;
          },
          async inUse() {
            await edge.clb.settled();
            const fingerprint = await edge.served();
            return fingerprint !== undefined && made.includes(fingerprint) ? fingerprint : undefined;
          },
          // The key is at the cloud, whose API never shows it.
          keyFiles: async () => [{ path: 'at the cloud', mode: 0o600 }],
          async breakActivation() {
            const message = 'User not authorized to operate on the specified resource.';
            const action = 'SetLoadBalancerHTTPSListenerAttribute';
            edge.clb.inject({ action, code: 'Forbidden.RAM', status: 403, message, times: 1_000 });
            return async () => edge.clb.clearFaults();
          },
          logged: () => edge.lines,
          stop: () => edge.clb.stop(),
        };
      },
    );

  it('replaces the default certificate without a failed handshake, and goes back', async () => {
    const edge = await start([], { changeMs: 10 });
    const shaking = shakeHandsUntilStopped(edge.clb.port(443), 'www.example.test', 2);
    const deployer = edge.connect();
    const [one, two] = [await make(), await make()];
    for (const version of [one, two, one]) {
      await deploy(deployer, version);
      await edge.clb.settled();
      expect(await edge.served()).toBe(version.facts.fingerprint);
    }
    expect((await shaking.stop()).filter(({ error }) => error !== undefined)).toEqual([]);
    expect(uploads(edge)).toHaveLength(2);
    expect(uploads(edge)[0]).toMatchObject({ tags: { 'certfleet-owner': owner, 'certfleet-lineage': 'www' } });
    expect(edge.clb.calls()['UploadServerCertificate']).toBe(2);
  });

  it('gives names that the default certificate does not share a domain extension', async () => {
    const edge = await start(['shop.example.test', 'www.example.test']);
    const deployer = edge.connect();
    for (const version of [
      await make('a.example.test', '*.b.example.test'),
      await make('a.example.test', '*.b.example.test'),
    ]) {
      await deploy(deployer, version);
      expect((await deployer.look(version, signal)).state).toBe('current');
      for (const name of ['a.example.test', 'x.b.example.test'])
        expect(await edge.served(name)).toBe(version.facts.fingerprint);
      expect(await edge.served('shop.example.test')).toBe(edge.first.facts.fingerprint);
    }
    expect(edge.clb.snapshot().extensions).toHaveLength(2);
  });

  it.each([
    ['mode: default', { mode: 'default' }, /also for shop\.example\.test, which this one does not cover/],
    ['no room for a fourth extension', {}, /has no quota left.*OverQuota.*\(request [0-9A-F-]{36}\)/],
  ])('refuses, and leaves everything as it was: %s', async (_name, options, text) => {
    const edge = await start(['shop.example.test']);
    const deployer = edge.connect(options);
    const before = edge.clb.snapshot();
    const version = await make('a.example.test', 'b.example.test', 'c.example.test', 'd.example.test');
    const error = await failure(deploy(deployer, version));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringMatching(text) });
    expect({ ...edge.clb.snapshot(), certificates: [] }).toEqual({ ...before, certificates: [] });
  });

  it.each(sampled([1, 2, 3, 4], 1, 'seeds'))(
    'with seed %i loses a fifth of the answers and is busy: one upload, and the right certificate',
    async (seed) => {
      const edge = await start(['shop.example.test', 'www.example.test'], { seed, loseAnswers: 0.2, changeMs: 4 });
      for (let round = 1; round <= 4; round++) {
        const version = await make('www.example.test', 'shop.example.test');
        const extended = { ...(await make('a.example.test', 'b.example.test')), lineage: 'other' };
        for (const one of [version, extended]) await deploy(edge.connect(), one);
        await edge.clb.settled();
        expect(await edge.served()).toBe(version.facts.fingerprint);
        expect(await edge.served('b.example.test')).toBe(extended.facts.fingerprint);
        expect(uploads(edge)).toHaveLength(2 * round);
      }
      expect(edge.clb.snapshot().extensions).toHaveLength(2);
    },
  );

  it('removes an old upload once nothing refers to it, and makes room in the region', async () => {
    const edge = await start([], { quotas: { certificatesOfRegion: 3 } });
    const deployer = edge.connect();
    const first = await deploy(deployer, await make());
    const second = await deploy(deployer, await make());
    const full = await failure(deploy(deployer, await make()));
    expect(full.message).toMatch(/has no quota left.*OverQuota/);
    await deployer.retire!({ lineage: 'www', id: 'v1' }, undefined, signal);
    expect(uploads(edge)).toHaveLength(2);
    await deployer.retire!({ lineage: 'www', id: 'v1' }, first, signal);
    await deployer.retire!({ lineage: 'www', id: 'v1' }, first, signal);
    expect((await failure(deployer.retire!({ lineage: 'www', id: 'v2' }, second, signal))).message).toContain(
      'refers to',
    );
    await deploy(deployer, await make());
    const owned = await deployer.owned!(signal);
    expect(owned).toHaveLength(2);
    // What is in use stays.
    for (const object of owned) await deployer.removeOwned!(object, signal);
    expect(uploads(edge)).toHaveLength(1);
  });

  it('converts keys, and says which it cannot', async () => {
    const edge = await start();
    const version = await make();
    const crlf = { ...version, fullchainPem: `subject=x\r\n${version.fullchainPem.replaceAll('\n', '\r\n')}\r\n\r\n` };
    await deploy(edge.connect(), crlf);
    expect(await edge.served()).toBe(version.facts.fingerprint);
    const { privateKey } = generateKeyPairSync('ed25519');
    const strange = {
      ...(await make()),
      keyPem: new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    };
    expect((await failure(deploy(edge.connect(), strange))).message).toContain('takes no ed25519 keys');
  });

  describe('says in one sentence what is wrong', () => {
    const limited = { id: 'LTAIlimited', secret: 'limited-secret' };
    const policy = policyIn(definition.notes);
    const actions = policy.flatMap(({ Action }) => Action);

    it('needs exactly the policy that the reference shows', async () => {
      const edge = await start(['shop.example.test'], { keys: [root, { ...limited, policy }] });
      const deployer = edge.connect({}, { keys: keysOf(limited) });
      const receipts: Json[] = [];
      for (const names of [['shop.example.test'], ['a.example.test', 'b.example.test'], ['a.example.test']])
        receipts.push(await deploy(deployer, await make(...names)));
      await failure(deploy(deployer, await make('c.example.test', 'd.example.test', 'e.example.test')));
      await deployer.retire!({ lineage: 'www', id: 'v0' }, receipts[1], signal).catch(() => {});
      const used = new Set(edge.clb.records.map(({ action }) => `slb:${action}`));
      // For the tags of an upload.
      expect([...used, 'slb:TagResources'].sort()).toEqual([...actions].sort());
    });

    it.each([
      'slb:UploadServerCertificate',
      'slb:SetLoadBalancerHTTPSListenerAttribute',
      'slb:DescribeDomainExtensions',
    ])('without %s', async (missing) => {
      const without = policy.map((one) => ({ ...one, Action: actions.filter((action) => action !== missing) }));
      const edge = await start([], { keys: [root, { ...limited, policy: without }] });
      const error = await failure(deploy(edge.connect({}, { keys: keysOf(limited) }), await make()));
      expect(error.code).toBe('deploy/target-failed');
      expect(error.message).toMatch(/Forbidden\.RAM.*\(request [0-9A-F-]{36}\)/);
      expect(error.message).toContain(`lacks ${missing}. Add to its policy: {"Effect":"Allow","Action":"${missing}"`);
      expect(await edge.served()).toBe(edge.first.facts.fingerprint);
    });

    it.each([
      ['wrong secret', {}, keysOf({ id: root.id, secret: 'wrong-secret' }), /SignatureDoesNotMatch.*AccessKey secret/],
      ['unknown load balancer', {}, { loadBalancer: 'lb-none' }, /lb-none in cn-hangzhou does not exist.*request/],
      ['wrong region', {}, { region: 'cn-shanghai' }, /lb-bp1example in cn-shanghai does not exist.*request/],
      [
        'no such listener',
        { listenerPort: 8443 },
        {},
        /an HTTPS listener on port 8443 of lb-bp1example in cn-hangzhou does not exist: its listeners are 80 \(http\), 443 \(https\)/,
      ],
      [
        'not an HTTPS listener',
        { listenerPort: 80 },
        {},
        /an HTTPS listener on port 80 of lb-bp1example in cn-hangzhou does not exist/,
      ],
      ['a name that it does not cover', { names: ['x.test'] }, {}, /does not cover x\.test/],
    ] as const)('%s', async (_name, options, changed, text) => {
      const edge = await start();
      const deployer = edge.connect(options, { keys: { ...keysOf(root), ...changed } });
      const error = await failure(deployer.look(await make(), signal));
      expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringMatching(text) });
    });
  });

  it('finishes what an aborted delivery began', async () => {
    const edge = await start(['a.example.test'], { changeMs: 20 });
    const version = await make('a.example.test', 'b.example.test');
    for (let calls = 1; ; calls++) {
      const controller = new AbortController();
      const aborted = new Error('stop');
      const made = edge.clb.records.length;
      void until(() => edge.clb.records.length >= made + calls, { what: `call ${calls}` }).then(
        () => controller.abort(aborted),
        () => {},
      );
      const deployer = edge.connect();
      const ended = await (async () => {
        const staged = await deployer.stage(version, note, controller.signal);
        await deployer.activate(version, staged, note, controller.signal);
      })().then(
        () => 'done',
        (error: unknown) => error,
      );
      if (ended === 'done') break;
      expect(ended).toBe(aborted);
      expect(calls).toBeLessThan(40);
    }
    await deploy(edge.connect(), version);
    await edge.clb.settled();
    expect(await edge.served('b.example.test')).toBe(version.facts.fingerprint);
    expect(uploads(edge)).toHaveLength(1);
  });
});
