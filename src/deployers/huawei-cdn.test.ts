import { describe, expect, it } from 'vitest';
import { cdnBench } from '../../test/support/cdn-bench.ts';
import {
  byHand,
  type CdnBench,
  cdnSuite,
  type DomainInSuite,
  deploy,
  failure,
  look,
  on,
  version,
} from '../../test/support/cdn-suite.ts';
import type { Behaviour, DomainOptions } from '../../test/support/huawei-cdn/options.ts';
import { createHuaweiCdn } from '../../test/support/huawei-cdn.ts';
import type { HuaweiKey } from '../../test/support/huawei-gateway/gateway.ts';
import { Secret } from '../core/errors/secret.ts';
import { present } from '../core/text/present.ts';
import definition from './huawei-cdn.ts';

const { signal } = new AbortController();
const root: HuaweiKey = { accessKey: 'AKROOT', secretKey: 'root-secret' };
const options = { domains: 'covered', accessKeyId: new Secret('AKROOT'), secretAccessKey: new Secret('root-secret') };

interface More {
  readonly options?: object;
  readonly rollOutMs?: number;
  readonly keys?: readonly HuaweiKey[];
  readonly behaviour?: Partial<Behaviour>;
}

function bench(domains: readonly DomainOptions[], more: More = {}) {
  const { keys = [root], rollOutMs = 0, behaviour = {} } = more;
  return cdnBench(definition, { ...options, ...more.options }, (clock) =>
    createHuaweiCdn({ clock, keys, domains, rollOutMs, behaviour }),
  );
}

const withHttps = ({ name, isOn, isOffline }: DomainInSuite): DomainOptions => ({
  ...{ name, http2: true, ocspStapling: true, tlsVersion: 'TLSv1.2', originProtocol: 'https' },
  ...present({ certificate: isOn ? byHand : undefined, status: isOffline ? ('offline' as const) : undefined }),
});

function inSuite({ cloud, clock, connect, lines }: ReturnType<typeof bench>): CdnBench {
  const isChange = ({ method }: { readonly method: string }) => method === 'PUT';
  const online = (name: string) => () => cloud.setStatus(name, 'online');
  return {
    ...{ clock, connect, lines },
    served: (name) => cloud.served(name)?.sha256.toLowerCase(),
    settings: () => cloud.settings(),
    calls: () => cloud.records.map(({ route }) => route),
    changes: () => cloud.records.filter(({ route, code }) => route.startsWith('PUT') && code === undefined).length,
    refusals: () => cloud.records.filter(({ code }) => code !== undefined).length,
    loseAnswers: (when, times = 1) =>
      cloud.api.fault({ kind: 'lost' }, { times, on: (request) => isChange(request) && when() }),
    setOffline: (name, isOffline) => cloud.setStatus(name, isOffline ? 'offline' : 'online'),
    refuse(name) {
      cloud.setLocked(name, true);
      return () => cloud.setLocked(name, false);
    },
    failRollOut(name) {
      cloud.failRollOut(name);
      return online(name);
    },
    refuseAll() {
      cloud.deny('cdn:configuration:modifyHttpsConf');
      return () => cloud.deny();
    },
  };
}

describe('huawei-cdn', () => {
  cdnSuite({
    bench: (domains, more) => inSuite(bench(domains.map(withHttps), more)),
    ...{ everyMs: 300, lagMs: 10_000 },
  });

  it('keeps a second certificate that SCM holds', async () => {
    const { fullchainPem: certificate } = version();
    const second = { ...byHand, certificate, name: 'second', id: 'scs1234567890123' };
    const { cloud, deployer } = bench([{ ...withHttps(on('www.example.com')), second }]);
    const before = cloud.settings();
    const one = version();
    await deploy(deployer, one);
    expect(cloud.served('www.example.com')?.sha256.toLowerCase()).toBe(one.facts.fingerprint);
    expect(cloud.settings()).toEqual(before);
  });

  it.each([
    ['a second certificate', { certificates: [{ certificate_value: 'x', certificate_source: 0 }] }],
    ['an SM2 certificate', { certificate_type: 'server_sm' }],
  ])('changes no domain with %s that it cannot keep', async (what, more) => {
    const { cloud, deployer } = bench([withHttps(on('www.example.com'))]);
    cloud.api.fault(
      {
        kind: 'changed',
        change: (answer) => {
          const { configs, ...rest } = answer.body as { configs: { https: object } };
          return { ...answer, body: { ...rest, configs: { ...configs, https: { ...configs.https, ...more } } } };
        },
      },
      { times: 9, on: ({ method, url }) => method === 'GET' && url.pathname.endsWith('/configs') },
    );
    expect((await failure(deploy(deployer, version()))).message).toContain(`it has ${what}, which this change`);
    expect(cloud.records.filter(({ route }) => route.startsWith('PUT'))).toEqual([]);
  });

  it('finds the missing rights to read, names the others, and changes nothing', async () => {
    const { cloud, deployer } = bench([withHttps(on('www.example.com'))], { behaviour: { refusalStatus: 400 } });
    const rights = async (state: string) =>
      (await deployer.rights!(signal)).filter((one) => one.state === state).map(({ action }) => action);
    const reads = ['cdn:configuration:queryDomains', 'cdn:configuration:queryHttpsConf'];
    expect(await rights('allowed')).toEqual(reads);
    const policy = [...(definition.notes ?? '').matchAll(/"(cdn:\w+:\w+)"/g)].map(([, action]) => action);
    expect([...reads, ...(await rights('untried'))].toSorted()).toEqual(policy.toSorted());
    for (const action of reads) {
      cloud.deny(action);
      expect(await rights('denied')).toEqual([action]);
    }
    expect(cloud.records.filter(({ route }) => !route.startsWith('GET'))).toEqual([]);
  });

  it('does not switch HTTPS on that was switched off since the list was read', async () => {
    const { cloud, deployer } = bench([withHttps(on('www.example.com'))]);
    const one = version();
    const staged = await deployer.stage(one, async () => {}, signal);
    cloud.api.fault(
      { kind: 'status', status: 200, body: { configs: { https: { https_status: 'off' } } } },
      { on: ({ method, url }) => method === 'GET' && url.pathname.endsWith('/configs') },
    );
    const error = await failure(deployer.activate(one, staged, async () => {}, signal));
    expect(error.message).toContain('HTTPS is off');
    expect(cloud.records.filter(({ route }) => route.startsWith('PUT'))).toEqual([]);
  });

  it.each([
    ['locked', { isLocked: true }, 'Acceleration domain names are locked'],
    ['banned', { isBanned: true }, 'its status is banned'],
    ['whose configuration failed', { status: 'configure_failed' }, 'not supported by the domain name in the current'],
  ] as const)('says why a domain gets no certificate that is %s', async (_what, more, reason) => {
    const listed = { options: { domains: ['www.example.com'] } };
    for (const refusalStatus of [200, 400] as const) {
      const domains = [{ ...withHttps(on('www.example.com')), ...more }];
      const { deployer } = bench(domains, { ...listed, behaviour: { refusalStatus } });
      expect((await failure(deploy(deployer, version()))).message).toContain(reason);
    }
  });

  it('sees the domains of one enterprise project only, if it is given one', async () => {
    const project = '11111111-2222-3333-4444-555555555555';
    const domains = [withHttps(on('a.example.com')), { ...withHttps(on('b.example.com')), project }];
    const { deployer, cloud } = bench(domains, { options: { enterpriseProjectId: project } });
    const one = version();
    await deploy(deployer, one);
    expect(['a', 'b'].map((at) => cloud.served(`${at}.example.com`)?.sha256.toLowerCase())).toEqual([
      ...[expect.not.stringContaining(one.facts.fingerprint), one.facts.fingerprint],
    ]);
  });

  it('never shows a private key that the API echoes', async () => {
    const { deployer, cloud, lines } = bench([withHttps(on('www.example.com'))]);
    const one = version();
    const sent = byHand.privateKey; // all versions have this key
    const body = { error: { error_code: 'CDN.0410', error_msg: `Invalid key: ${sent}${one.keyPem.reveal()}` } };
    cloud.api.fault({ kind: 'status', status: 400, body }, { on: ({ method }) => method === 'PUT' });
    const error = await failure(deploy(deployer, one));
    expect(error.message).toContain('Invalid key');
    for (const line of `${sent}${one.keyPem.reveal()}`.split('\n').filter((text) => /^[^-]/.test(text)))
      expect([error.message, ...lines].join('\n')).not.toContain(line);
  });

  it.each([
    [{ domains: ['www.example.com'], except: ['old.example.com'] }, 'only with `domains: covered`'],
    [{ domains: ['192.0.2.1'] }, 'expected a domain'],
    [{ domains: 'all' }, 'expected `covered`, or a list of domains'],
    [{ enterpriseProjectId: 'mine' }, 'expected `all`, `0`, or the ID'],
  ])('refuses the options %j', (more, problem) => {
    const { error } = definition.options.safeParse({ ...options, ...more });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });
});

describe('needs exactly the policy that the reference shows', () => {
  const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
  const [statement] = (JSON.parse(json) as { readonly Statement: readonly { readonly Action: string[] }[] }).Statement;
  const actions = statement!.Action;
  const start = () => bench([withHttps(on('www.example.com'))], { keys: [{ ...root, actions }] });
  const run = async ({ deployer, clock }: ReturnType<typeof start>) => {
    const one = version();
    await deploy(deployer, one);
    await clock.advance(10_000);
    expect((await look(deployer, one)).state).toBe('current');
  };
  it('which is enough', () => run(start()));
  it.each(actions)('without %s, the error says what is missing', async (missing) => {
    const all = start();
    all.cloud.deny(missing);
    expect((await failure(run(all))).message).toContain(missing);
  });
});
