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
import type { DomainOptions } from '../../test/support/qiniu-cdn/options.ts';
import { createQiniuCdn, type QiniuCdnOptions } from '../../test/support/qiniu-cdn.ts';
import { Secret } from '../core/errors/secret.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { present } from '../core/text/present.ts';
import definition from './qiniu-cdn.ts';

const { signal } = new AbortController();
const options = { domains: 'covered', accessKey: new Secret('QAKroot'), secretKey: new Secret('root-secret') };

type More = { readonly options?: object } & Partial<Omit<QiniuCdnOptions, 'domains'>>;

const keys = [{ accessKey: 'QAKroot', secretKey: 'root-secret' }];
const bench = (domains: readonly DomainOptions[], { options: others = {}, ...more }: More = {}) =>
  cdnBench(definition, { ...options, ...others }, (clock) => createQiniuCdn({ clock, keys, domains, ...more }));

const inForm = (name: string) => name.replace(/^\*/, '');
const withHttps = ({ name, isOn, isOffline }: DomainInSuite): DomainOptions => ({
  ...{ name: inForm(name), forceHttps: true, http2: true },
  ...present({ certificate: isOn ? byHand : undefined, state: isOffline ? ('offlined' as const) : undefined }),
});

function inSuite({ cloud, clock, connect, lines }: ReturnType<typeof bench>): CdnBench {
  const setConf = 'PUT /domain/:name/httpsconf';
  return {
    ...{ clock, connect, lines },
    served: (name) => cloud.served(name.replace('*', 'any'))?.sha256.toLowerCase(),
    settings: () => cloud.settings(),
    calls: () => cloud.records.map(({ route }) => route),
    changes: () => cloud.records.filter(({ route, code }) => !route.startsWith('GET') && code === undefined).length,
    uploads: () => cloud.certificates().length,
    refusals: () => cloud.records.filter(({ code }) => code !== undefined).length,
    loseAnswers: (when, times = 1) =>
      cloud.api.fault({ kind: 'lost' }, { times, on: ({ method }) => method !== 'GET' && when() }),
    setOffline: (name, isOffline) => cloud.setState(inForm(name), isOffline ? 'offlined' : 'success'),
    refuse(name) {
      let isBroken = true;
      const path = `/domain/${inForm(name)}/httpsconf`;
      const body = { code: 400030, error: 'the domain takes no change' };
      const on = ({ url }: { readonly url: URL }) => isBroken && url.pathname === path;
      cloud.api.fault({ kind: 'status', status: 400, body }, { times: Number.POSITIVE_INFINITY, on });
      return () => {
        isBroken = false;
      };
    },
    failRollOut(name) {
      cloud.failRollOut(inForm(name));
      return () => cloud.setState(inForm(name), 'success');
    },
    refuseAll() {
      cloud.deny(setConf);
      return () => cloud.deny();
    },
  };
}

describe('qiniu-cdn', () => {
  cdnSuite({
    bench: (domains, more) => inSuite(bench(domains.map(withHttps), more)),
    ...{ everyMs: 125, lagMs: 10_000 },
  });

  it('marks its upload with the owner, and never reads a private key', async () => {
    const { cloud, deployer } = bench([withHttps(on('www.example.com'))]);
    const one = version();
    const { certificate } = (await deploy(deployer, one)) as { certificate: string };
    const upload = cloud.certificates().find(({ id }) => id === certificate);
    expect([markIn(upload?.name ?? '')?.owner, upload?.sha256.toLowerCase()]).toEqual([
      ...['aaaaaaaaaaaa', one.facts.fingerprint],
    ]);
    expect(cloud.keysSent).toBe(0);
  });

  it.each([
    [{ forceHttps: true, http2: false }],
    [{ forceHttps: false, http2: true }],
    [{ forceHttps: false, http2: false }],
  ])('keeps %j', async (kept) => {
    const { cloud, deployer } = bench([{ name: 'www.example.com', certificate: byHand, ...kept }]);
    await deploy(deployer, version());
    expect(cloud.settings()).toMatchObject([kept]);
  });

  it('two deployers of one process that look before either uploads make one upload', async () => {
    const { cloud, connect } = bench([withHttps(on('www.example.com'))]);
    const one = version();
    const [first, second] = [connect(), connect()];
    await look(first, one);
    await look(second, one);
    const before = cloud.certificates().length;
    expect(await deploy(first, one)).toEqual(await deploy(second, one));
    expect(cloud.certificates()).toHaveLength(before + 1);
  });

  it('waits until CDN finds a certificate that was just uploaded', async () => {
    const { deployer, cloud } = bench([withHttps(on('www.example.com'))], { visibleAfterMs: 2_000 });
    const one = version();
    await deploy(deployer, one);
    expect(cloud.served('www.example.com')?.sha256.toLowerCase()).toBe(one.facts.fingerprint);
  });

  it.each([
    ['a full account', { quota: 1 }, [], 'no quota left for more SSL certificates'],
    ['a missing right', {}, ['POST /sslcert'], 'must belong to the account'],
  ])('says why at %s', async (_what, more, denied, reason) => {
    const { deployer, cloud } = bench([withHttps(on('www.example.com'))], more);
    cloud.deny(...denied);
    expect((await failure(deploy(deployer, version()))).message).toContain(reason);
  });

  it('finds the missing rights to read, names the others, and changes nothing', async () => {
    const { cloud, deployer } = bench([withHttps(on('www.example.com'))]);
    const rights = async (state: string) =>
      (await deployer.rights!(signal)).filter((one) => one.state === state).map(({ action }) => action);
    const reads = ['GET /domain', 'GET /domain/NAME', 'GET /sslcert'];
    expect(await rights('allowed')).toEqual(reads);
    expect(await rights('untried')).toEqual(['POST /sslcert', 'PUT /domain/NAME/httpsconf']);
    for (const action of reads) {
      cloud.deny(action.replace('NAME', ':name'));
      expect(await rights('denied')).toEqual([action]);
    }
    expect(cloud.records.filter(({ route }) => !route.startsWith('GET'))).toEqual([]);
  });

  it('says that the keys are wrong', async () => {
    const { deployer } = bench([withHttps(on('www.example.com'))], { options: { secretKey: new Secret('another') } });
    expect((await failure(look(deployer, version()))).message).toContain('Check `accessKey` and `secretKey`');
  });

  it('never shows a private key that the API echoes', async () => {
    const { deployer, cloud, lines } = bench([withHttps(on('www.example.com'))]);
    const one = version();
    const body = { code: 404906, error: `cannot decode: ${one.keyPem.reveal()}` };
    cloud.api.fault({ kind: 'status', status: 404, body }, { on: ({ method }) => method === 'POST' });
    const error = await failure(deploy(deployer, one));
    expect(error.message).toContain('cannot decode');
    for (const line of one.keyPem.reveal().split('\n').slice(1, -2))
      expect([error.message, ...lines].join('\n')).not.toContain(line);
  });

  it('lists its uploads, and removes only those that have expired and are not in use', async () => {
    const { cloud, clock, deployer, connect } = bench([withHttps(on('www.example.com'))]);
    const [one, two] = [version(), version()];
    await deploy(deployer, one);
    await deploy(deployer, two);
    const all = (await connect().owned?.(signal)) ?? [];
    expect(all).toHaveLength(2);
    for (const object of all) await connect().removeOwned?.(object, signal);
    expect(cloud.certificates()).toHaveLength(3);
    clock.set(new Date(Date.parse(two.facts.notAfter) + 86_400_000));
    for (const object of all) await connect().removeOwned?.(object, signal);
    expect(cloud.certificates()).toHaveLength(2);
    for (const object of all) await connect().removeOwned?.(object, signal);
    expect(cloud.certificates()).toHaveLength(2);
  });

  it.each([
    [{ domains: ['www.example.com'], except: ['old.example.com'] }, 'only with `domains: covered`'],
    [{ domains: ['192.0.2.1'] }, 'expected a domain'],
  ])('refuses the options %j', (more, problem) => {
    const { error } = definition.options.safeParse({ ...options, ...more });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });
});
