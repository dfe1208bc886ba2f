import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import alb from '../../src/balancers/aws-alb.ts';
import { markIn } from '../../src/core/request-path/own-mark.ts';
import acm from '../../src/deployers/aws-acm.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { type AwsCallRecord, type AwsCloud, startAwsCloud } from '../support/aws-cloud.ts';
import { policyIn } from '../support/aws-policy.ts';
import { cloudOptions, createAwsWorld } from '../support/aws-world.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { makeLocalHttps } from '../support/https.ts';
import { hasMoto } from '../support/moto.ts';
import { stopAll } from '../support/service.ts';
import { createVersionMaker, shakeHands, shakeHandsUntilStopped, type VersionMaker } from '../support/versions.ts';
import { noteSkipped } from '../support/vitest.ts';

const signal = new AbortController().signal;
const owner = '0123456789ab';
const note = async () => {};

if (!hasMoto()) noteSkipped('not tested: the aws-acm deployer (missing: python3-moto)');

describe.skipIf(!hasMoto())('the aws-acm deployer', () => {
  let versions: VersionMaker;
  let cloud: AwsCloud;
  let lines: readonly string[] = [];
  let last = 0;
  beforeAll(async () => {
    versions = await createVersionMaker();
    const { certFile, keyFile } = await makeLocalHttps();
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    cloud = await startAwsCloud({ https: { cert, key }, certificateQuota: 12 });
  });
  beforeEach(reset);
  afterAll(stopAll);

  /** Unbinds and deletes everything but the first default certificate. */
  async function reset() {
    cloud.interfere = () => undefined;
    cloud.policy = undefined;
    const [first, ...rest] = cloud.certificates.arns;
    cloud.rebind(443, [first!]);
    for (const arn of rest) cloud.certificates.call('DeleteCertificate', { CertificateArn: arn });
    lines = [];
  }
  const connect = (more: Record<string, unknown> = {}, as = owner): Deployer => {
    const made = createAwsWorld();
    lines = made.lines;
    return acm.connect({
      options: acm.options.parse({ balancer: 'alb', endpoint: cloud.endpoint, ...more }),
      name: 'https',
      world: made.world,
      owner: as,
      balancer: { options: alb.options.parse({ ...cloudOptions(cloud), loadBalancer: 'web' }) },
    });
  };
  const make = (lineage = 'www', names = [`${lineage}.example.test`], key?: 'ec' | 'rsa') =>
    versions.make(lineage, names, key);
  const deploy = async (deployer: Deployer, version: VersionBundle) => {
    const receipt = await deployer.stage(version, note, signal);
    await deployer.activate(version, receipt, note, signal);
    return (receipt as { arn: string }).arn;
  };
  const served = async (name = 'www') =>
    (await shakeHands(cloud.plane.portOf(443), `${name}.example.test`)).fingerprint;
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('no error'),
      (error: unknown) => error,
    );

  deployerContract(drawnExcept(/is absent, staged|a new version is used/), async () => {
    const lineage = `l${++last}`;
    const fallback = await served('nobody');
    return {
      connect: () => connect(),
      version: () => make(lineage),
      async inUse(expected) {
        const now = await served(lineage);
        return now === fallback && expected === undefined ? undefined : now;
      },
      async breakActivation() {
        const isLast = ({ action, body }: AwsCallRecord) =>
          ['AddListenerCertificates', 'ModifyListener'].includes(action) ||
          (action === 'ImportCertificate' && body['CertificateArn'] !== undefined);
        cloud.interfere = (call) => (isLast(call) ? 'break' : undefined);
        return async () => {
          cloud.interfere = () => undefined;
        };
      },
      logged: () => lines,
      stop: reset,
    };
  });

  test('a renewal is imported in place, so the ARN stays; tags say whose it is and until when', async () => {
    const [old, young] = [
      await make('www~staging', ['www.example.test']),
      await make('www~staging', ['www.example.test', 'w.example.test']),
    ];
    const deployer = connect();
    expect(deployer.resource).toBe(`aws-alb ${cloud.region} web`);
    const arn = await deploy(deployer, old);
    expect(await served()).toBe(old.facts.fingerprint);
    const from = cloud.calls.length;
    expect(await deploy(connect(), young)).toBe(arn);
    expect(await served()).toBe(young.facts.fingerprint);
    expect(
      cloud.calls
        .slice(from)
        .filter(({ action }) => !/^(Describe|List|Get)/.test(action))
        .map(({ action }) => action),
    ).toEqual(['ImportCertificate', 'AddTagsToCertificate']);
    expect(cloud.certificates.arns).toHaveLength(2);
    const tags = cloud.certificates.tags(arn);
    expect(tags).toMatchObject({ 'certfleet:owner': owner, 'certfleet:lineage': 'www@staging' });
    expect(markIn(tags['certfleet:name'] ?? '')).toMatchObject({ owner, id: young.facts.fingerprint.slice(0, 12) });
    expect(await connect().look(young, signal)).toEqual({ state: 'current', detail: arn });
    await deployer.retire?.({ lineage: 'www~staging', id: old.id }, { arn }, signal);
    expect(cloud.certificates.arns).toContain(arn);
  });

  test.each([
    ['another type of key', {}, 'rsa' as const],
    ['the option swap', { renewal: 'swap' }, 'ec' as const],
  ])('%s: a new ARN, the old one stays until it is retired, and going back uses it', async (_name, more, key) => {
    const [old, young, third] = [await make(), await make('www', undefined, key), await make('www', undefined, key)];
    const deployer = connect(more);
    const first = await deploy(deployer, old);
    const second = await deploy(deployer, young);
    expect(second).not.toBe(first);
    expect(cloud.bound(443).slice(1)).toEqual([second]);
    expect(cloud.certificates.arns).toContain(first);
    await deployer.retire?.({ lineage: 'www', id: old.id }, undefined, signal);
    expect(await deploy(connect(more), old)).toBe(first);
    expect(await served()).toBe(old.facts.fingerprint);
    expect(await deploy(deployer, young)).toBe(second);
    await deployer.retire?.({ lineage: 'www', id: old.id }, { arn: first }, signal);
    await deployer.retire?.({ lineage: 'www', id: old.id }, { arn: first }, signal);
    expect(cloud.certificates.arns).not.toContain(first);
    await deploy(deployer, third);
    expect(await served()).toBe(third.facts.fingerprint);
  });

  itDrawn('no handshake fails while certificates come and go', async () => {
    const all = [await make(), await make(), await make('www', undefined, 'rsa'), await make()];
    await deploy(connect(), all[0]!);
    const hands = shakeHandsUntilStopped(cloud.plane.portOf(443), 'www.example.test', 2);
    for (const version of all) await deploy(connect({ renewal: version === all[3] ? 'swap' : 'in-place' }), version);
    const answers = await hands.stop();
    const known = all.map(({ facts }) => facts.fingerprint);
    expect(answers.length).toBeGreaterThan(20);
    expect(answers.filter(({ fingerprint = '' }) => !known.includes(fingerprint))).toEqual([]);
  });

  itDrawn('it becomes the default certificate only if it covers all names of the one before', async () => {
    const narrow = await make();
    const from = cloud.calls.length;
    expect(await failure(deploy(connect({ attach: 'default' }), narrow))).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringContaining('also covers localhost'),
    });
    expect(cloud.calls.slice(from).filter(({ action }) => !/^(Describe|List|Get)/.test(action))).toEqual([]);
    cloud.rebind(443, [await deploy(connect(), await make('other', ['a.example.test', 'b.sub.example.test']))]);
    const wide = await make('www', ['*.example.test', '*.sub.example.test']);
    const arn = await deploy(connect({ attach: 'default' }), wide);
    expect(cloud.bound(443)[0]).toBe(arn);
    expect((await connect({ attach: 'default' }).look(wide, signal)).state).toBe('current');
    expect(await failure(deploy(connect(), narrow))).toMatchObject({
      message: expect.stringContaining('*.sub.example.test'),
    });
    expect(cloud.bound(443)[0]).toBe(arn);
    const next = await make('www', ['*.example.test', '*.sub.example.test'], 'rsa');
    const swapped = await deploy(connect(), next);
    expect(cloud.bound(443)).toEqual([swapped]);
  });

  itDrawn('answers lost after success and throttling: imported once, bound once', async () => {
    let drawn = 0;
    cloud.interfere = () => (++drawn % 4 === 0 ? 'lose' : drawn % 9 === 0 ? 'throttle' : undefined);
    const [old, young] = [await make(), await make('www', undefined, 'rsa')];
    await deploy(connect(), old);
    expect([cloud.certificates.arns.length, cloud.bound(443).length]).toEqual([2, 2]);
    await deploy(connect(), young);
    expect([cloud.certificates.arns.length, cloud.bound(443).length]).toEqual([3, 2]);
    expect(await served()).toBe(young.facts.fingerprint);
  });

  test('the receipt is noted before the certificate is bound, and an import without a receipt is found again', async () => {
    const version = await make();
    const noted: unknown[] = [];
    const receipt = await connect().stage(
      version,
      async (one) => void noted.push(one, cloud.bound(443).length),
      signal,
    );
    expect(noted).toEqual([receipt, 1]);
    expect(await connect().stage(version, note, signal)).toEqual(receipt);
    expect(cloud.certificates.arns).toHaveLength(2);
  });

  itDrawn('a full account: an older version of the lineage that nothing uses makes room', async () => {
    const deployer = connect({ renewal: 'swap' });
    const first = await deploy(deployer, await make());
    await deploy(deployer, await make());
    while (cloud.certificates.arns.length < 12)
      await connect({ renewal: 'swap' }, 'fedcba987654').stage(await make('theirs'), note, signal);
    const third = await make();
    await deploy(deployer, third);
    expect(await served()).toBe(third.facts.fingerprint);
    expect(cloud.certificates.arns).not.toContain(first);
    expect(await failure(deploy(connect(), await make('other')))).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringContaining('more than 12 certificates'),
    });
  });

  itDrawn(
    'another installation’s certificates stay; left-overs are found and removed unless something uses them',
    async () => {
      const theirs = await deploy(connect({}, 'fedcba987654'), await make());
      const ours = await deploy(connect(), await make());
      expect(cloud.bound(443).slice(1)).toEqual([theirs, ours]);
      const lost = (await connect({}, 'fedcba987654').stage(await make('lost'), note, signal)) as { arn: string };
      const owned = await (connect().owned?.(signal) ?? []);
      expect(owned.map(({ kind, id }) => [kind, id])).toEqual([['certificate', lost.arn]]);
      await connect().removeOwned?.(owned[0]!, signal);
      await connect().removeOwned?.({ ...owned[0]!, id: theirs }, signal);
      expect(cloud.certificates.arns.slice(1)).toEqual([theirs, ours]);
    },
  );

  test.each([
    ['acm:ImportCertificate', 'acm:ImportCertificate'],
    ['elasticloadbalancing:AddListenerCertificates', 'elasticloadbalancing:AddListenerCertificates'],
  ])('a missing permission for %s is named', async (missing, words) => {
    const without = (action: string | readonly string[]) => [action].flat().filter((one) => one !== missing);
    cloud.policy = policyIn(acm.notes).map((one) => ({ ...one, Action: without(one.Action) }));
    expect(await failure(deploy(connect(), await make()))).toMatchObject({
      code: 'deploy/target-failed',
      message: expect.stringContaining(words),
    });
    cloud.policy = undefined;
  });

  itDrawn('the documented policy is enough', async () => {
    cloud.policy = policyIn(acm.notes);
    const [first, second] = [await make(), await make('www', undefined, 'rsa')];
    const arn = await deploy(connect(), first);
    await deploy(connect(), await make());
    await deploy(connect(), second);
    await connect().retire?.({ lineage: 'www', id: first.id }, { arn }, signal);
    expect(cloud.certificates.arns).toHaveLength(2);
    const wide = await make('wide', ['localhost', '*.example.test']);
    cloud.rebind(443, [await deploy(connect(), wide)]);
    await deploy(connect({ attach: 'default' }), await make('wide', ['localhost', '*.example.test'], 'rsa'));
    expect((await connect().owned?.(signal))?.length).toBeGreaterThan(0);
  });

  test('a listener without HTTPS is named', async () => {
    expect(await failure(connect({ listenerPort: 80 }).look(await make(), signal))).toMatchObject({
      message: expect.stringContaining('has the protocol HTTP: it needs HTTPS'),
    });
    expect(await failure(connect({ listenerPort: 8443 }).look(await make(), signal))).toMatchObject({
      message: expect.stringContaining('listeners on the ports 80 (HTTP), 443 (HTTPS)'),
    });
  });
});
