import { beforeAll, beforeEach, expect, test } from 'vitest';
import { acmeProblem } from '../support/acme-ca.ts';
import {
  type Abilities,
  acme,
  answerChallenge,
  authorizationUntilFinal,
  authorize,
  type Client,
  collect,
  dns,
  failure,
  freshName,
  newClient,
  obtain,
  orderUntil,
  type ProtocolBench,
  pebbleBench,
  pki,
  problemOf,
  type Scene,
  signal,
  simulatedBench,
} from '../support/protocol-bench.ts';
import { isLong, sampled } from '../support/seeded.ts';
import { describeWith, type Needed, stopAllAfterwards } from '../support/vitest.ts';
import { accountCases } from './protocol/accounts.ts';
import { brokenAnswerCases } from './protocol/broken-answers.ts';
import { certificateCases } from './protocol/certificates.ts';
import { refusalCases } from './protocol/refusals.ts';
import { renewalCases } from './protocol/renewal.ts';

/**
 * The protocol suite: the same cases with the simulated CA, Debian's Pebble and Pebble 2.10, each behind the fault proxy,
 * to make sure that the simulated CA behaves like the real ones.
 */
stopAllAfterwards();

const everything = { renewalAnswers: true, alreadyReplaced: true, profiles: true, challengeWithoutToken: true };
const nothing = { renewalAnswers: false, alreadyReplaced: false, profiles: false, challengeWithoutToken: false };
const shared = (name: string) => ({ name, where: 'shared' as const });
const system = (name: string) => ({ name, where: 'system' as const });
const profiles = {
  default: { description: 'ninety days', validityPeriod: 90 * 86_400 },
  shortlived: { description: '160 hours', validityPeriod: 160 * 3600 },
};

describeWith(['pebble-challtestsrv'], 'protocol: simulated CA', () => {
  suite(simulatedBench, everything);
});
describeWith([system('pebble'), 'pebble-challtestsrv'], 'protocol: Pebble of Debian', () => {
  suite(() => pebbleBench({ program: 'debian' }), nothing);
});
// What the other two have, on another version.
if (isLong)
  describeWith([shared('pebble'), 'pebble-challtestsrv'], 'protocol: Pebble 2.10', () => {
    suite(() => pebbleBench({ program: 'shared', profiles }), everything);
  });

function suite(start: () => Promise<ProtocolBench>, has: Abilities): void {
  // Set before the first case runs; all cases use it.
  const scene = { has } as { -readonly [K in keyof Scene]: Scene[K] };
  beforeAll(async () => {
    scene.bench = await start();
    scene.client = await newClient(scene.bench);
  });
  beforeEach(() => {
    scene.bench.proxy.clear();
    scene.bench.proxy.forget();
  });
  accountCases(scene);
  certificateCases(scene);
  refusalCases(scene);
  brokenAnswerCases(scene);
  renewalCases(scene);
}

// ── only the simulated CA can ──

describeWith(['pebble-challtestsrv'], 'protocol: what only the simulated CA does', () => {
  let bench: ProtocolBench;
  let client: Client;
  beforeAll(async () => {
    bench = await simulatedBench();
    client = await newClient(bench);
  });

  test('a key that another account has is refused, as Boulder does', async () => {
    const [one, two] = [await newClient(bench), await newClient(bench)];
    expect(problemOf(await failure(one.account.rollover(two.keyPem, signal()))).status).toBe(409);
  });

  test('a pending order is returned again, even without `replaces` after alreadyReplaced', async () => {
    const identifiers = dns(freshName());
    const { facts } = await obtain(bench, client.account, { identifiers });
    const replacing = await client.account.newOrder({ identifiers, replaces: facts.ariId! }, signal());
    const again = await failure(client.account.newOrder({ identifiers, replaces: facts.ariId! }, signal()));
    expect(problemOf(again).type).toBe(acme('alreadyReplaced'));
    expect((await client.account.newOrder({ identifiers }, signal())).url).toBe(replacing.url);
    // After a failed order, the predecessor can be replaced again.
    bench.simulated!.invalidate(replacing.url);
    const free = await client.account.newOrder({ identifiers, replaces: facts.ariId! }, signal());
    expect(free.url).not.toBe(replacing.url);
    expect(free.status).toBe('pending');
  });

  test('replaces of an unknown certificate, of another account, without a common name', async () => {
    const identifiers = dns(freshName());
    const { facts } = await obtain(bench, client.account, { identifiers });
    const replaces = facts.ariId!;
    const stranger = await newClient(bench);
    const status = async (promise: Promise<unknown>) => problemOf(await failure(promise)).status;
    expect(await status(client.account.newOrder({ identifiers, replaces: 'AAAA.AAAA' }, signal()))).toBe(404);
    expect(await status(stranger.account.newOrder({ identifiers, replaces }, signal()))).toBe(403);
    expect(await status(client.account.newOrder({ identifiers: dns(freshName()), replaces }, signal()))).toBe(400);
  });

  test('asynchronous finalize, with a Retry-After', async () => {
    const { settings } = bench.simulated!;
    settings.processingPolls = 3;
    settings.retryAfter.order = { seconds: 3, form: 'date' };
    try {
      const identifiers = dns(freshName());
      const order = await authorize(bench, client.account, await client.account.newOrder({ identifiers }, signal()));
      const csr = await pki.csr(await pki.newKey(), identifiers);
      const finalized = await client.account.finalize(order, csr, signal());
      expect(finalized.status).toBe('processing');
      const looks: string[] = [];
      for (let n = 0; n < 4; n++) {
        const look = await client.account.order(order.url, signal());
        looks.push(look.status);
        if (look.status === 'processing') expect(look.retryAfterMs).toBeGreaterThan(1000);
      }
      expect(looks).toEqual(['processing', 'processing', 'processing', 'valid']);
      const again = await failure(client.account.finalize(order, csr, signal()));
      expect(problemOf(again).type).toBe(acme('orderNotReady'));
    } finally {
      settings.processingPolls = 0;
      settings.retryAfter = {};
    }
  });

  test('each blocked name is a subproblem', async () => {
    bench.simulated!.settings.blocked = ['x.example', 'y.example'];
    const identifiers = dns('x.example', freshName(), 'y.example');
    const { subproblems } = problemOf(await failure(client.account.newOrder({ identifiers }, signal())));
    expect(subproblems.map((s) => s.identifier?.value)).toEqual(['x.example', 'y.example']);
  });

  test('a CA without renewalInfo and profiles', async () => {
    const { settings } = bench.simulated!;
    const kept = { ...settings };
    Object.assign(settings, { renewalInfo: false, profiles: { only: kept.profiles.shortlived } });
    try {
      const bare = await newClient(bench);
      expect(await bare.issuer.directory(signal())).toMatchObject({ hasRenewalInfo: false, profiles: {} });
      const { facts } = await obtain(bench, bare.account, { identifiers: dns(freshName()) });
      expect(await bare.issuer.renewalInfo(facts.ariId!, signal())).toBeUndefined();
    } finally {
      Object.assign(settings, kept);
    }
  });

  test('a validation that takes longer than a second, and one that is impossible', async () => {
    const { settings } = bench.simulated!;
    let decide: (problem: undefined) => void = () => {};
    settings.validate = () => new Promise((resolve) => (decide = resolve));
    try {
      const order = await client.account.newOrder({ identifiers: dns(freshName()) }, signal());
      const url = order.authorizationUrls[0]!;
      await answerChallenge(bench, client.account, await client.account.authorization(url, signal()), 'http-01');
      const waiting = await client.account.authorization(url, signal());
      expect(waiting.status).toBe('pending');
      expect(waiting.challenges.find((c) => c.type === 'http-01')?.status).toBe('processing');
      decide(undefined);
      expect((await authorizationUntilFinal(client.account, url)).status).toBe('valid');

      settings.validate = async () => acmeProblem('serverInternal', 'remote perspectives are away');
      const second = await client.account.newOrder({ identifiers: dns(freshName()) }, signal());
      await expect(authorize(bench, client.account, second)).rejects.toThrow('remote perspectives are away');
    } finally {
      settings.validate = undefined;
    }
  });
});

// ── storms ──

const storms: readonly { readonly ca: string; readonly needed: readonly Needed[]; start(): Promise<ProtocolBench> }[] =
  [
    {
      ca: 'simulated CA',
      needed: [],
      async start() {
        const bench = await simulatedBench();
        Object.assign(bench.simulated!.settings, { badNoncePercent: 50, reuseAuthorizations: true });
        return bench;
      },
    },
    ...(['debian', 'shared'] as const).map((program) => ({
      ca: `Pebble (${program})`,
      needed: [program === 'debian' ? system('pebble') : shared('pebble')],
      start: () => pebbleBench({ program, env: { PEBBLE_WFE_NONCEREJECT: '50', PEBBLE_AUTHZREUSE: '100' } }),
    })),
  ];
for (const { ca, needed, start } of sampled(storms, 1, 'storms'))
  describeWith([...needed, 'pebble-challtestsrv'], `protocol: bad nonces and reused authorizations, ${ca}`, () => {
    test('ten orders', async () => storm(await start()));
  });

/** Half of all nonces are refused, and valid authorizations are reused. */
async function storm(bench: ProtocolBench): Promise<void> {
  const client = await newClient(bench);
  const names = Array.from({ length: 10 }, () => dns(freshName()));
  await Promise.all(names.map((identifiers) => obtain(bench, client.account, { identifiers })));
  expect(bench.proxy.accepted('newOrder')).toBe(10);
  expect(bench.proxy.accepted('finalize')).toBe(10);
  expect(bench.proxy.requests.filter((r) => r.problem === 'badNonce').length).toBeGreaterThan(10);

  bench.proxy.forget();
  const order = await client.account.newOrder({ identifiers: names[0]! }, signal());
  const authorization = await client.account.authorization(order.authorizationUrls[0]!, signal());
  expect(authorization.status).toBe('valid');
  const ready = await orderUntil(client.account, order.url, (o) => o.status !== 'pending');
  const got = await collect(client.account, ready);
  expect(pki.mismatch(got.certificates[0]!, got.keyPem, names[0]!, new Date())).toBeUndefined();
  expect(bench.proxy.seen('challenge')).toBe(0);
}
