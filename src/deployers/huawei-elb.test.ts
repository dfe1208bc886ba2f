import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ListenerOptions } from '../../test/support/huawei-elb/options.ts';
import { createHuaweiElb, type HuaweiElbOptions } from '../../test/support/huawei-elb.ts';
import { Secret } from '../core/errors/secret.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import type { World } from '../ports/world.ts';
import { deployerContract } from '../testing/deployer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { pki } from '../x509/pki.ts';
import { testCertificate, testParty } from '../x509/test-certificates.ts';
import definition from './huawei-elb.ts';

const { signal } = new AbortController();
const owner = 'aaaaaaaaaaaa';
const ca = testParty('CA');
const leaf = testParty('leaf');
const keyPem = leaf.key.export({ type: 'pkcs8', format: 'pem' }).toString();
let made = 0;

function version(names: readonly string[] = ['www.example.com'], lineage = 'abc'): VersionBundle {
  made += 1;
  const pem = testCertificate({
    ...{ subject: 'leaf', issuer: ca, publicKey: createPublicKey(leaf.key) },
    identifiers: names.map((value) => ({ type: 'dns' as const, value })),
    serial: Uint8Array.of(1, made >> 8, made & 255),
  });
  const { certificates, facts } = pki.readChain(pem);
  const parts = { certPem: certificates[0]!, chainPem: '', fullchainPem: pem };
  return { lineage, id: `v${made}`, facts, keyPem: new Secret(keyPem), ...parts };
}

const pem = (name: string, names: readonly string[], more: object = {}) => ({
  ...{ name, certificate: version(names).fullchainPem, privateKey: keyPem, domain: names.join(',') },
  ...more,
});
const listener: ListenerOptions = { protocol: 'HTTPS', port: 443, certificate: 'standard' };
const standard = pem('standard', ['other.example.org']);

type BenchOptions = Partial<HuaweiElbOptions> & { readonly on?: Partial<ListenerOptions>; readonly options?: object };

function bench({ on = {}, options = {}, certificates = [], ...more }: BenchOptions = {}) {
  const clock = fakeClock(new Date('2026-11-24T12:00:00Z'), { auto: true });
  const cloud = createHuaweiElb({
    ...{ clock, keys: [{ accessKey: 'AKroot', secretKey: 'root-secret' }] },
    loadBalancers: [
      {
        name: 'web',
        listeners: [
          { ...listener, ...on },
          { protocol: 'HTTP', port: 80 },
        ],
      },
    ],
    certificates: [standard, ...certificates],
    ...more,
  });
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
  const log = { debug: note, info: note, warn: note };
  const world = { clock, random, log, http: () => cloud.api.http } as unknown as World;
  const settings = {
    ...{ region: 'cn-north-4', target: { loadBalancer: cloud.balancerId('web') } },
    ...{ accessKeyId: new Secret('AKroot'), secretAccessKey: new Secret('root-secret') },
  };
  const connect = (others: object = {}): Deployer =>
    definition.connect({
      ...{ name: 'elb', world, owner },
      options: definition.options.parse({ ...settings, ...options, ...others }),
    });
  const nameOf = (one: VersionBundle) =>
    cloud.certificates().find(({ sha256 }) => sha256.toLowerCase() === one.facts.fingerprint)?.name;
  const served = (name: string, port = 443) => {
    const found = cloud.served('web', port, name);
    return cloud.certificates().find((one) => one.name === found);
  };
  return {
    ...{ cloud, clock, connect, deployer: connect(), lines, nameOf },
    served: (name: string) => served(name)?.sha256.toLowerCase(),
    routes: () => cloud.records.map(({ route }) => route.replace('/v3/:project/elb/', '')),
    changes: () => cloud.records.filter(({ route, code }) => !route.startsWith('GET') && code === undefined).length,
  };
}

const quiet = async () => {};
const deploy = async (deployer: Deployer, one: VersionBundle) => {
  const staged = await deployer.stage(one, quiet, signal);
  await deployer.activate(one, staged, quiet, signal);
  return staged;
};
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as { code: string; message: string },
  );

describe('on a listener', () => {
  it('takes few calls, and changes nothing else', async () => {
    const { deployer, served, routes, cloud, nameOf, lines } = bench();
    const before = JSON.stringify(cloud.snapshot());
    const one = version();
    expect((await deployer.look(one, signal)).state).toBe('absent');
    await deploy(deployer, one);
    expect(served('www.example.com')).toBe(one.facts.fingerprint);
    expect(cloud.served('web', 443, 'other.example.org')).toBe('standard');
    expect((await deployer.look(one, signal)).state).toBe('current');
    const look = ['GET listeners', 'GET certificates'];
    const project = 'GET /v3/projects';
    const change = ['GET certificates', 'POST certificates', ...look, 'PUT listeners/:id'];
    expect(routes()).toEqual([project, ...look, ...change, ...look]);
    expect(markIn(nameOf(one) ?? '')?.owner).toBe(owner);
    const id = cloud.certificateId(nameOf(one) ?? '');
    expect(JSON.stringify(cloud.snapshot()).replace(`"sni":["${id}"]`, '"sni":[]')).toBe(before);
    expect(lines.join('\n')).not.toContain(keyPem.split('\n')[1]);
  });

  it('finds a full account before an order, with its own quota if it may read that', async () => {
    const wanted = { lineage: 'abc', names: ['www.example.com'] };
    const { connect, cloud, changes } = bench({ quotas: { certificate: 1 } });
    expect(await failure(connect().check!(wanted, signal))).toMatchObject({
      code: 'balancer/no-room',
      message: expect.stringContaining('the account holds 1 of 1 certificates in cn-north-4, and needs 1 more'),
    });
    cloud.deny('elb:quotas:list');
    expect(await connect().check!(wanted, signal)).toContain('1 of 120');
    expect(changes()).toBe(0);
  });

  it.each([
    [{ listenerPort: 444 }, 'a listener on port 444'],
    [{ certificate: 'none' }, 'something that the call needs'],
  ])('finds before an order that there is no %j', async (at, what) => {
    const { connect, cloud, changes } = bench();
    const target = 'certificate' in at ? at : { loadBalancer: cloud.balancerId('web'), ...at };
    expect(
      await failure(connect({ target }).check!({ lineage: 'abc', names: ['www.example.com'] }, signal)),
    ).toMatchObject({
      code: 'balancer/not-found',
      message: expect.stringContaining(what),
    });
    expect(changes()).toBe(0);
  });

  it.each([
    [{}, ['elb:listeners:list', 'elb:certificates:list']],
    [{ target: { certificate: 'standard' } }, ['elb:certificates:get']],
  ])('with %j, finds each right to read that is missing', async (more, reads) => {
    const { connect, cloud, changes } = bench();
    const options = 'target' in more ? { target: { certificate: cloud.certificateId('standard') } } : more;
    const of = async () => (await connect(options).rights?.(signal)) ?? [];
    const states = async (state: string) =>
      (await of()).filter((one) => one.state === state).map(({ action }) => action);
    expect(await states('allowed')).toEqual(reads);
    for (const action of reads) {
      cloud.deny(action);
      expect([await states('denied'), (await states('allowed')).includes(action)]).toEqual([[action], false]);
    }
    const policy = [...(definition.notes ?? '').matchAll(/elb:certificates:put|"(elb:\w+:\w+)"/g)].map(
      ([whole, action]) => action ?? whole,
    );
    expect(policy).toEqual(expect.arrayContaining([...(await states('untried'))]));
    expect(changes()).toBe(0);
  });

  it.each<[string, BenchOptions, readonly string[], Record<string, string>]>([
    [
      'covers all of the default one: it takes its place',
      { certificates: [pem('mine', ['www.example.com'])], on: { certificate: 'mine' } },
      ['*.example.com', 'example.com'],
      { 'www.example.com': 'new', 'example.com': 'new', 'a.example.com': 'new' },
    ],
    [
      'covers all of one for SNI: it takes its place, and others stay',
      {
        certificates: [pem('mine', ['www.example.com']), pem('theirs', ['shop.example.net'])],
        on: { sni: ['mine', 'theirs'] },
      },
      ['www.example.com', 'example.com'],
      { 'www.example.com': 'new', 'example.com': 'new', 'shop.example.net': 'theirs', 'x.test': 'standard' },
    ],
    [
      'is the default one, but a wildcard of others would be before it: it is for SNI, too',
      {
        certificates: [pem('mine', ['www.example.com']), pem('theirs', ['*.example.com', 'example.net'])],
        on: { certificate: 'mine', sni: ['theirs'] },
      },
      ['www.example.com'],
      { 'www.example.com': 'new', 'a.example.com': 'theirs', 'x.test': 'new' },
    ],
  ])('%s', async (_what, options, names, expected) => {
    const { deployer, cloud, nameOf } = bench(options);
    const before = cloud.certificates().map(({ name }) => name);
    const one = version(names);
    await deploy(deployer, one);
    for (const [name, by] of Object.entries(expected))
      expect(cloud.served('web', 443, name), name).toBe(by === 'new' ? nameOf(one) : by);
    expect((await deployer.look(one, signal)).state).toBe('current');
    expect(cloud.certificates().map(({ name }) => name)).toEqual([...before, nameOf(one)]);
  });

  it('refuses to take a name from a certificate that has others', async () => {
    const theirs = pem('theirs', ['www.example.com', 'shop.example.net']);
    const { deployer, cloud } = bench({ certificates: [theirs], on: { sni: ['theirs'] } });
    const before = cloud.snapshot();
    const error = await failure(deploy(deployer, version()));
    expect(error).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringMatching(/theirs .* for www\.example\.com.*shop\.example\.net/),
    });
    expect(cloud.snapshot()).toEqual(before);
  });

  it('certificates of two lineages do not take each other’s place', async () => {
    const { deployer, cloud, nameOf } = bench();
    const [one, two] = [version(['www.example.com'], 'one'), version(['www.example.com', 'example.com'], 'two')];
    await deploy(deployer, one);
    expect((await failure(deploy(deployer, two))).message).toContain('another certificate of certfleet');
    expect(cloud.served('web', 443, 'www.example.com')).toBe(nameOf(one));
  });

  it('says which listeners there are', async () => {
    const target = { loadBalancer: 'none', listenerPort: 443 };
    expect((await failure(bench({ options: { target } }).deployer.look(version(), signal))).message).toMatch(
      /no listener of this load balancer/,
    );
    const { deployer } = bench({ on: { port: 8443 } });
    expect((await failure(deployer.look(version(), signal))).message).toContain('8443 (HTTPS), 80 (HTTP)');
  });

  it('deletes what is superseded, and never what a listener uses', async () => {
    const { deployer, cloud, nameOf } = bench();
    const [one, two] = [version(), version()];
    const receipt = await deploy(deployer, one);
    expect((await failure(deployer.retire!(one, receipt, signal))).message).toContain('is using it');
    await deploy(deployer, two);
    await deployer.retire!(one, receipt, signal);
    await deployer.retire!(one, receipt, signal);
    expect(cloud.certificates().map(({ name }) => name)).toEqual(['standard', nameOf(two)]);
    expect(await deployer.keeps!('abc', signal)).toEqual([expect.stringContaining('serves')]);
  });

  it('at lost answers, nothing is uploaded twice', async () => {
    for (let at = 1; at <= 3; at += 1) {
      const { connect, cloud, served } = bench();
      let count = 0;
      const on = ({ method }: { readonly method: string }) => method !== 'GET' && ++count % at === 0;
      cloud.api.fault({ kind: 'lost' }, { times: 3, on });
      for (const one of [version(), version(), version()]) {
        await deploy(connect(), one);
        expect(served('www.example.com')).toBe(one.facts.fingerprint);
      }
      expect(cloud.certificates(), `each ${at}th answer`).toHaveLength(4);
    }
  });

  it('waits while the load balancer makes another change', async () => {
    const { deployer, served } = bench({ changeMs: 3_000 });
    for (const one of [version(), version()]) {
      await deploy(deployer, one);
      expect(served('www.example.com')).toBe(one.facts.fingerprint);
    }
  });
});

describe('in place', () => {
  const start = (more: BenchOptions = {}) => {
    const all = bench({ certificates: [pem('mine', ['www.example.com'])], on: { sni: ['mine'] }, ...more });
    const target = { certificate: all.cloud.certificateId('mine') };
    return { ...all, deployer: all.connect({ target }) };
  };

  it('replaces the certificate under its id, once', async () => {
    const { deployer, cloud, served, changes } = start();
    const before = cloud.snapshot();
    const [one, two] = [version(), version(['www.example.com', 'example.com'])];
    for (const next of [one, two]) {
      const known = { ...next, stored: [one.facts.fingerprint, two.facts.fingerprint] };
      expect((await deployer.look(known, signal)).state).toBe(next === one ? 'absent' : 'stale');
      await deploy(deployer, known);
      await deploy(deployer, known);
      expect((await deployer.look(known, signal)).state).toBe('current');
      expect(served('www.example.com')).toBe(next.facts.fingerprint);
    }
    expect(served('example.com')).toBe(two.facts.fingerprint);
    expect([cloud.snapshot(), cloud.certificates().length, changes()]).toEqual([before, 2, 2]);
  });

  it('takes no name from its users, and nothing from Cloud Certificate Manager', async () => {
    const { deployer, served } = start();
    expect((await failure(deploy(deployer, version(['example.com'])))).message).toContain('also for www.example.com');
    expect(served('www.example.com')).not.toBe(undefined);
    const copy = start({ certificates: [pem('mine', ['www.example.com'], { source: 'scm' })] });
    expect((await failure(deploy(copy.deployer, version()))).message).toContain('Cloud Certificate Manager');
  });

  it('a lost answer leads to one look and no second change', async () => {
    const { deployer, cloud, changes, served } = start();
    cloud.api.fault({ kind: 'lost' }, { on: ({ method }) => method === 'PUT' });
    const one = version();
    await deploy(deployer, one);
    expect([served('www.example.com'), changes()]).toEqual([one.facts.fingerprint, 1]);
  });

  it('never shows a private key that the API echoes', async () => {
    const { deployer, cloud, lines } = start();
    const body = { error_code: 'ELB.1011', error_msg: `Invalid key content: ${keyPem}` };
    cloud.api.fault({ kind: 'status', status: 400, body }, { on: ({ method }) => method === 'PUT' });
    const error = await failure(deploy(deployer, version()));
    expect(error.message).toContain('Invalid key content');
    for (const line of keyPem.split('\n').slice(1, -2))
      expect([error.message, ...lines].join('\n')).not.toContain(line);
  });
});

describe('needs exactly the policy that the reference shows', () => {
  const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
  const [statement] = (JSON.parse(json) as { readonly Statement: readonly { readonly Action: string[] }[] }).Statement;
  const actions = statement!.Action;
  const keys = [{ accessKey: 'AKroot', secretKey: 'root-secret', actions: [...actions, 'iam:projects:listProjects'] }];
  const run = async ({ deployer }: { readonly deployer: Deployer }) => {
    const [one, two] = [version(), version()];
    const receipt = await deploy(deployer, one);
    await deploy(deployer, two);
    await deployer.retire?.(one, receipt, signal);
    expect((await deployer.look(two, signal)).state).toBe('current');
  };
  it('which is enough', () => run(bench({ keys })));
  it.each([...actions, 'iam:projects:listProjects'])('without %s, the error says what is missing', async (missing) => {
    const all = bench({ keys });
    all.cloud.deny(missing);
    expect((await failure(run(all))).message).toContain(`lacks ${missing}`);
  });
});

deployerContract(it, async () => {
  const theirs = pem('theirs', ['shop.example.net']);
  const { cloud, connect, served, changes, lines } = bench({ certificates: [theirs], on: { sni: ['theirs'] } });
  const first = served('www.example.com');
  return {
    connect,
    version: async () => version(),
    async inUse() {
      const now = served('www.example.com');
      return now === first ? undefined : now;
    },
    async breakActivation() {
      cloud.deny('elb:listeners:put');
      return async () => cloud.deny();
    },
    logged: () => lines,
    stop: async () => {},
    cloud: {
      changes,
      uploads: () => cloud.certificates().length,
      loseAnswer: () => cloud.api.fault({ kind: 'lost' }, { on: ({ method }) => method !== 'GET' }),
      fill() {
        cloud.deny('elb:certificates:create');
        return () => cloud.deny();
      },
      addForeign() {
        const all = () =>
          JSON.stringify([
            cloud.certificates().filter(({ name }) => markIn(name) === undefined),
            cloud.served('web', 443, 'shop.example.net'),
            cloud.served('web', 443, 'other.example.org'),
          ]);
        const before = all();
        return () => expect(all()).toBe(before);
      },
    },
  };
});
