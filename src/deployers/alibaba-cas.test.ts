import { describe, expect, it } from 'vitest';
import { createAlibabaCdn } from '../../test/support/alibaba-cdn.ts';
import { cdnBench, owner } from '../../test/support/cdn-bench.ts';
import { deploy, version } from '../../test/support/cdn-suite.ts';
import { Secret } from '../core/errors/secret.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import definition from './alibaba-cas.ts';

// A target that keeps every version and uses none: what the contract says of use does not apply to it.

const { signal } = new AbortController();
const root = { id: 'LTAIroot', secret: 'root-secret' };
const keys = { accessKeyId: new Secret(root.id), accessKeySecret: new Secret(root.secret) };
const bench = () => cdnBench(definition, keys, (clock) => createAlibabaCdn({ clock, keys: [root], domains: [] }));

describe('the deployer alibaba-cas', () => {
  it('uploads each version once, no matter which deployer delivers it, and how often', async () => {
    const { cloud, connect } = bench();
    const [one, two] = [version(), version()];
    expect((await connect().look(one, signal)).state).toBe('absent');
    const first = await deploy(connect(), one);
    expect(await deploy(connect(), one)).toEqual(first);
    await deploy(connect(), two);
    expect(cloud.certificates()).toHaveLength(2);
    for (const each of [one, two]) expect((await connect().look(each, signal)).state).toBe('current');
    expect(markIn((first as { readonly name: string }).name)).toMatchObject({ owner });
  });

  it('after a lost answer, finds what has arrived', async () => {
    const { cloud, connect } = bench();
    cloud.api.fault({ kind: 'lost' }, { on: ({ headers }) => headers['x-acs-action'] === 'UploadUserCertificate' });
    await deploy(connect(), version());
    expect(cloud.certificates()).toHaveLength(1);
  });

  it('shares the lock of uploads with the other deployers of the account and site', () => {
    const { connect } = bench();
    expect(connect().uploads).toMatch(/^alibaba-cas [0-9a-f]{12} china$/);
    expect(connect({ options: { site: 'international' } }).uploads).not.toBe(connect().uploads);
  });

  it('lists its uploads, and removes only those that have expired', async () => {
    const { cloud, clock, connect } = bench();
    const one = version();
    await deploy(connect(), one);
    const sweep = async () => {
      for (const object of (await connect().owned?.(signal)) ?? []) await connect().removeOwned?.(object, signal);
    };
    await sweep();
    expect(cloud.certificates()).toHaveLength(1);
    clock.set(new Date(Date.parse(one.facts.notAfter) + 86_400_000));
    await sweep();
    expect(cloud.certificates()).toHaveLength(0);
  });

  it.each(['UploadUserCertificate', 'ListUserCertificateOrder'])(
    'without yundun-cert:%s, the error says what is missing, and no key',
    async (missing) => {
      const { cloud, connect } = bench();
      cloud.deny(`yundun-cert:${missing}`);
      const error: unknown = await deploy(connect(), version()).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'deploy/target-failed',
        message: expect.stringContaining(`lacks yundun-cert:${missing}`),
      });
      expect(String(error)).not.toContain('PRIVATE KEY');
    },
  );
});
