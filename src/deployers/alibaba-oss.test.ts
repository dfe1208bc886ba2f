import { describe, expect, it } from 'vitest';
import type { CnameOptions } from '../../test/support/alibaba-oss/options.ts';
import { type AlibabaOssOptions, createAlibabaOss } from '../../test/support/alibaba-oss.ts';
import { cdnBench } from '../../test/support/cdn-bench.ts';
import {
  byHand,
  type CdnBench,
  cdnSuite,
  type DomainInSuite,
  deploy,
  failure,
  look,
  version,
} from '../../test/support/cdn-suite.ts';
import { isFailure } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { present } from '../core/text/present.ts';
import definition from './alibaba-oss.ts';

const { signal } = new AbortController();
const note = async () => {};
const key = { id: 'LTAIroot', secret: 'root-secret' };
const options = {
  ...{ bucket: 'site-a', region: 'cn-hangzhou', domains: 'covered' },
  ...{ accessKeyId: new Secret(key.id), accessKeySecret: new Secret(key.secret) },
};

function bench(cnames: readonly CnameOptions[], more: { readonly options?: object } & Partial<AlibabaOssOptions> = {}) {
  const { options: own, ...fake } = more;
  const made = cdnBench(definition, { ...options, ...own }, (clock) =>
    createAlibabaOss({
      ...{ clock, keys: [key], buckets: [{ name: 'site-a', cnames }], certificates: [byHand] },
      ...{ absentBuckets: ['absent-bucket'], ...fake },
    }),
  );
  const { cloud } = made;
  const served = (name: string) => {
    const of = cloud.served(name);
    return cloud
      .certificates()
      .find((one) => one.name === of)
      ?.sha256.toLowerCase();
  };
  const calls = () => cloud.records.map(({ action }) => action);
  const changes = () =>
    cloud.records.filter(({ action, code }) => /Put|Upload|Delete/.test(action) && code === undefined).length;
  return { ...made, served, calls, changes };
}

const cname = ({ name, isOn, isOffline }: DomainInSuite): CnameOptions => ({
  domain: name.replace(/^\*\./, ''),
  ...present({
    certificate: isOn ? byHand.name : undefined,
    isDisabled: isOffline || undefined,
    isWildcard: name.startsWith('*.') ? true : undefined,
  }),
});

function inSuite({ cloud, clock, connect, lines, served, calls, changes }: ReturnType<typeof bench>): CdnBench {
  const isPut = ({ method, url }: { readonly method: string; readonly url: URL }) =>
    method === 'POST' && url.searchParams.get('comp') === 'add';
  const refusing = (
    on: (request: { readonly method: string; readonly url: URL; readonly text: string }) => boolean,
  ) => {
    let isOver = false;
    const body = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>';
    cloud.api.fault(
      { kind: 'status', status: 403, body },
      { times: Number.POSITIVE_INFINITY, on: (r) => !isOver && on(r) },
    );
    return () => {
      isOver = true;
    };
  };
  return {
    ...{ clock, connect, lines, calls, changes },
    served: (name) => served(name.replace(/^\*\./, 'any.')),
    settings: () => cloud.settings(),
    uploads: () => cloud.certificates().length,
    refusals: () => cloud.records.filter(({ code }) => code !== undefined).length,
    loseAnswers: (when, times = 1) =>
      cloud.api.fault(
        { kind: 'lost' },
        {
          times,
          on: (request) => (isPut(request) || /^Upload/.test(request.headers['x-acs-action'] ?? '')) && when(),
        },
      ),
    setOffline: (name, isOffline) => cloud.setDisabled(name, isOffline),
    refuse: (name) => refusing((request) => isPut(request) && request.text.includes(`<Domain>${name}</Domain>`)),
    refuseAll: () => refusing(isPut),
  };
}

describe('alibaba-oss', () => {
  cdnSuite({
    bench: (domains, more) => inSuite(bench(domains.map(cname), present({ options: more?.options }))),
    ...{ everyMs: 0, lagMs: 0 },
  });

  const www: CnameOptions = { domain: 'www.example.com', certificate: byHand.name };

  it('is refused if another certificate was set since it looked, and looks again', async () => {
    const { cloud, deployer, served } = bench([www], { certificates: [byHand, { ...byHand, name: 'by_other' }] });
    const one = version();
    const staged = await deployer.stage(one, note, signal);
    cloud.place('www.example.com', 'by_other');
    const error = await failure(deployer.activate(one, staged, note, signal));
    expect(error.message).toContain('Another certificate was set there meanwhile');
    expect(cloud.placed('www.example.com')).toBe('by_other');
    await deploy(deployer, one);
    expect(served('www.example.com')).toBe(one.facts.fingerprint);
  });

  it('takes a wildcard entry for the names below, not for its own', async () => {
    const { cloud, deployer } = bench([{ domain: 'example.com', isWildcard: true, certificate: byHand.name }]);
    const all = version(['example.com']);
    expect((await failure(deploy(deployer, all))).message).toContain(
      'a domain that the certificate covers does not exist',
    );
    await deploy(deployer, version(['*.example.com']));
    expect(cloud.placed('example.com')).toMatch(/^cf_/);
  });

  it.each([
    ['another region', { region: 'cn-shanghai' }, 'Check `region`'],
    ['no such bucket', { bucket: 'absent-bucket' }, 'the bucket absent-bucket'],
    ['a wrong key', { accessKeySecret: new Secret('wrong') }, 'Check the AccessKey secret'],
  ])('says what is wrong: %s', async (_what, own, problem) => {
    const { deployer } = bench([www], { options: own });
    expect((await failure(look(deployer, version()))).message).toContain(problem);
    const before = await failure(deployer.check!({ lineage: 'abc', names: ['www.example.com'] }, signal));
    expect(before.message).toContain(problem);
    const isMissing = isFailure(before.cause, 'balancer/not-found');
    expect(isMissing).toBe(problem.startsWith('the bucket'));
  });

  it.each([
    [{ region: 'oss-cn-hangzhou' }, 'expected a region without `oss-`'],
    [{ bucket: 'My_Bucket' }, 'expected the name of a bucket'],
    [{ domains: ['www.example.com'], except: ['old.example.com'] }, 'only with `domains: covered`'],
  ])('refuses the options %j', (own, problem) => {
    const { error } = definition.options.safeParse({ ...options, ...own });
    expect(error?.issues.map(({ message }) => message).join()).toContain(problem);
  });
});

describe('needs exactly the policy that the reference shows', () => {
  const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
  const { Statement } = JSON.parse(json) as {
    readonly Statement: readonly { readonly Effect: 'Allow'; readonly Action: string[]; readonly Resource: string }[];
  };
  const policy = Statement.map((one) => ({ ...one, Resource: one.Resource.replace('my-bucket', 'site-a') }));
  const run = async ({ deployer }: ReturnType<typeof bench>) => {
    const one = version();
    await deploy(deployer, one);
    expect((await look(deployer, one)).state).toBe('current');
  };
  const start = (keys: AlibabaOssOptions['keys']) =>
    bench([{ domain: 'www.example.com', certificate: byHand.name }], { keys });

  it('which is enough', () => run(start([{ ...key, policy }])));
  it.each(policy.flatMap(({ Action }) => Action))('without %s, the error says what to add', async (missing) => {
    const all = start([key]);
    all.cloud.deny(missing);
    const { message } = await failure(run(all));
    // OSS does not say which right of CAS is missing.
    expect(message).toContain(/Describe|Create/.test(missing) ? 'the three actions of `yundun-cert`' : missing);
    const states = new Map((await all.deployer.rights!(signal)).map(({ action, state }) => [action, state]));
    const isUntried = /PutCname|DescribeSSL|CreateSSL/.test(missing);
    expect(states.get(missing)).toBe(isUntried ? 'untried' : 'denied');
  });
});
