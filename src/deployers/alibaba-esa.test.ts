import { describe, expect, it } from 'vitest';
import type { SiteOptions } from '../../test/support/alibaba-esa/options.ts';
import { type AlibabaEsaOptions, createAlibabaEsa } from '../../test/support/alibaba-esa.ts';
import { cdnBench } from '../../test/support/cdn-bench.ts';
import { byHand, deploy, failure, look, version } from '../../test/support/cdn-suite.ts';
import { Secret } from '../core/errors/secret.ts';
import type { VersionBundle } from '../ports/deployer.ts';
import { deployerContract } from '../testing/deployer-contract.ts';
import definition from './alibaba-esa.ts';

const { signal } = new AbortController();
const key = { id: 'LTAIroot', secret: 'root-secret' };
const options = { zone: 'example.com', accessKeyId: new Secret(key.id), accessKeySecret: new Secret(key.secret) };
const theirs = { name: 'by_hand', pem: byHand };

function bench(site: Partial<SiteOptions> = {}, more: { readonly options?: object } & Partial<AlibabaEsaOptions> = {}) {
  const { options: own, ...fake } = more;
  const made = cdnBench(definition, { ...options, ...own }, (clock) =>
    createAlibabaEsa({
      ...{ clock, keys: [key], quotas: { customOfInstance: 3 } },
      sites: [{ name: 'example.com', records: ['www.example.com'], ...site }],
      ...fake,
    }),
  );
  const { cloud } = made;
  const mutating = /^(Set|Delete)/;
  return {
    ...made,
    served: () => cloud.servedFingerprint('www.example.com')?.toLowerCase(),
    calls: () => cloud.records.map(({ action }) => action),
    changes: () => cloud.records.filter(({ action, code }) => mutating.test(action) && code === undefined).length,
    loseAnswer: () =>
      cloud.api.fault({ kind: 'lost' }, { on: ({ headers }) => mutating.test(headers['x-acs-action'] ?? '') }),
  };
}

const ofLineage = (lineage: string): VersionBundle => ({ ...version(['*.example.com']), lineage });

describe('alibaba-esa', () => {
  deployerContract(it, async () => {
    const { cloud, connect, lines, served, changes, loseAnswer } = bench();
    return {
      ...{ connect, version: async () => version(), logged: () => lines, stop: async () => {} },
      inUse: async () => served(),
      async breakActivation() {
        cloud.deny('esa:SetCertificate');
        return async () => cloud.deny();
      },
      cloud: {
        ...{ changes, loseAnswer },
        addForeign() {
          const before = JSON.stringify(cloud.settings());
          return () => expect(JSON.stringify(cloud.settings())).toBe(before);
        },
      },
    };
  });

  it('adds a certificate, replaces it in place at each renewal, and leaves those of others alone', async () => {
    const { cloud, connect, deployer, served, calls } = bench({ certificates: [theirs] });
    const settings = cloud.settings();
    const [own] = cloud.placed('example.com');
    const ids = new Set<string>();
    for (const one of [version(), version(), version()]) {
      expect((await look(connect(), one)).state).not.toBe('current');
      await deploy(connect(), one);
      expect(await look(connect(), one)).toMatchObject({ state: 'current' });
      const [first, second, ...rest] = cloud.placed('example.com');
      expect([first, rest]).toEqual([own, []]);
      ids.add(second?.id ?? '');
    }
    expect(ids.size).toBe(1);
    expect(cloud.settings()).toEqual(settings);
    expect(served()).toBeDefined();
    const before = calls().length;
    const one = version();
    await look(deployer, one);
    await deploy(deployer, one);
    await look(deployer, one);
    expect(calls().length - before).toBeLessThanOrEqual(6);
  });

  it('keeps a certificate for each lineage, although the names are the same', async () => {
    const { cloud, connect } = bench();
    const all = ['ec', 'rsa', 'ec', 'rsa'].map(ofLineage);
    for (const one of all) await deploy(connect(), one);
    expect(cloud.placed('example.com')).toHaveLength(2);
    for (const one of all.slice(2)) expect((await look(connect(), one)).state).toBe('current');
  });

  it('finds before an order that the plan allows no other certificate', async () => {
    const full = { certificates: [theirs], instance: 'esa-site-a' };
    const { connect, changes } = bench(full, { quotas: { customOfInstance: 1 } });
    const check = (lineage: string) => connect().check!({ lineage, names: ['*.example.com'] }, signal);
    const refused = await failure(check('abc'));
    expect(refused).toMatchObject({ code: 'balancer/no-room' });
    expect(refused.message).toContain('the site example.com uses 1 of 1 certificates of its plan');
    expect(changes()).toBe(0);
    const roomy = bench(full, { quotas: { customOfInstance: 2 } });
    const again = () => roomy.connect().check!({ lineage: 'abc', names: ['*.example.com'] }, signal);
    expect(await again()).toContain('uses 1 of 2 certificates');
    await deploy(roomy.connect(), version());
    expect(await again()).toContain('an older version, which is replaced');
  });

  it.each([
    [
      'no such site',
      { options: { zone: 'example.net' } },
      'the site example.net does not exist: the account has none of this name: check `zone`',
      'balancer/not-found',
    ],
    ['a plan that is full', { quotas: { customOfInstance: 0 } }, 'Quota', 'balancer/no-room'],
  ])('says what is wrong, before the order too: %s', async (_what, more, problem, code) => {
    const { deployer } = bench({}, more);
    const error = await failure(deploy(deployer, version()));
    const before = await failure(deployer.check!({ lineage: 'abc', names: ['*.example.com'] }, signal));
    expect([before, before.cause]).toContainEqual(expect.objectContaining({ code }));
    expect(error).toMatchObject({ code: 'deploy/target-failed', message: expect.stringContaining(problem) });
  });

  it('has a receipt with the name of each version, so that `sweep --lost` knows it', async () => {
    const { connect } = bench();
    for (const one of [version(), version()]) {
      const receipt = await connect().stage(one, async () => {}, signal);
      await deploy(connect(), one);
      expect((await connect().owned?.(signal))?.map(({ name }) => ({ name }))).toEqual([receipt]);
    }
  });

  it('lists its certificates, and removes only those that have expired', async () => {
    const { cloud, clock, connect } = bench({ certificates: [theirs] });
    const one = version();
    await deploy(connect(), one);
    expect(await connect().keeps?.('abc', signal)).toMatchObject([
      /^the certificate .* of the site example\.com in ESA/,
    ]);
    const sweep = async () => {
      for (const object of (await connect().owned?.(signal)) ?? []) await connect().removeOwned?.(object, signal);
    };
    await sweep();
    expect(cloud.placed('example.com')).toHaveLength(2);
    clock.set(new Date(Date.parse(one.facts.notAfter) + 86_400_000));
    await sweep();
    expect(cloud.placed('example.com').map(({ name }) => name)).toEqual(['by_hand']);
  });
});

describe('needs exactly the policy that the reference shows', () => {
  const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
  const [statement] = (JSON.parse(json) as { readonly Statement: readonly { readonly Action: string[] }[] }).Statement;
  const policy = [{ Effect: 'Allow' as const, Action: statement!.Action, Resource: '*' }];
  const run = async ({ deployer }: ReturnType<typeof bench>) => {
    const one = version();
    await deployer.check?.({ lineage: 'abc', names: ['*.example.com'] }, signal);
    await deploy(deployer, one);
    expect((await look(deployer, one)).state).toBe('current');
  };
  it('which is enough', () => run(bench({}, { keys: [{ ...key, policy }] })));
  it.each(statement!.Action)('without %s, the error and doctor say what is missing', async (missing) => {
    const all = bench();
    all.cloud.deny(missing);
    expect((await failure(run(all))).message).toContain(missing);
    expect(await all.deployer.rights!(signal)).toContainEqual(
      expect.objectContaining({ action: missing, state: 'denied' }),
    );
  });
});
