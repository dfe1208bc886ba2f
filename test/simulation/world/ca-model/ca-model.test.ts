import { describe, expect, it } from 'vitest';
import { isFailure } from '../../../../src/core/errors/errors.ts';
import type { Secret } from '../../../../src/core/errors/secret.ts';
import { identifierSet } from '../../../../src/core/names/identifier.ts';
import type { AccountIssuer, Order, OrderRequest } from '../../../../src/ports/issuer.ts';
import { chanceOf } from '../../../support/seeded.ts';
import { createFakePki } from '../pki.ts';
import { type CaSettings, createCaModel, type Identifier } from './ca-model.ts';
import type { Outage } from './settings.ts';

const { signal } = new AbortController();
const [secondMs, minuteMs, hourMs, dayMs] = [1000, 60_000, 3_600_000, 86_400_000];

const dns = (...names: readonly string[]): readonly Identifier[] => names.map((value) => ({ type: 'dns', value }));

/** A CA on a clock that the test moves, and one account. */
async function world(settings: Partial<CaSettings> = {}) {
  let nowMs = Date.parse('2026-12-01T00:00:00.000Z');
  const due: { readonly atMs: number; readonly run: () => void }[] = [];
  const bad = new Set<string>();
  const random = chanceOf(7);
  const pki = createFakePki(chanceOf(8));
  const ca = createCaModel({
    nowMs: () => nowMs,
    random,
    later: (ms, run) => due.push({ atMs: nowMs + ms, run }),
    settings: {
      validate: ({ value }) => (bad.has(value) ? { type: 'dns', detail: 'NXDOMAIN' } : undefined),
      ...settings,
    },
  });
  const issuer = ca.issuer('r1');
  const open = async (keyPem: Secret) => {
    const { url } = await issuer.openAccount({ keyPem, contacts: [], agreeToTerms: true }, signal);
    return issuer.as({ keyPem, url });
  };
  const accountKey = await pki.newAccountKey();
  return {
    ...{ ca, issuer, pki, bad, open, accountKey },
    account: await open(accountKey),
    nowMs: () => nowMs,
    /** Lets time pass, and runs what comes due. */
    pass(ms: number) {
      nowMs += ms;
      for (const one of due.splice(0))
        if (one.atMs <= nowMs) one.run();
        else due.push(one);
    },
  };
}

type World = Awaited<ReturnType<typeof world>>;

const newOrder = (account: AccountIssuer, names: readonly string[], more: Partial<OrderRequest> = {}) =>
  account.newOrder({ identifiers: dns(...names), ...more }, signal);

/** Accepts the DNS-01 challenge of each pending authorization. */
async function validate(account: AccountIssuer, order: Order): Promise<Order> {
  for (const url of order.authorizationUrls) {
    const { status, challenges } = await account.authorization(url, signal);
    if (status === 'pending') await account.accept(challenges.find(({ type }) => type === 'dns-01')!.url, signal);
  }
  return account.order(order.url, signal);
}

/** A certificate with everything that the tests look at. */
async function issue({ pki, account }: World, names: readonly string[], more: Partial<OrderRequest> = {}) {
  const key = await pki.newKey();
  const order = await validate(account, await newOrder(account, names, more));
  const done = await account.finalize(order, await pki.csr(key, order.identifiers), signal);
  const { chainPem } = await account.download(done, signal);
  return { key, order: done, chainPem, ...pki.readChain(chainPem) };
}

/** What a refused request says: its code, and the type and status of its problem. */
async function refused(request: Promise<unknown>) {
  const error = await request.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isFailure(error)) throw new Error(`not refused: ${error}`);
  const problem = (error.problem ?? {}) as {
    readonly type?: string;
    readonly status?: number;
    readonly limit?: string;
  };
  return {
    error,
    said: [error.code, problem.status, problem.type?.split(':').at(-1)].filter((part) => part !== undefined).join(' '),
  };
}

const said = async (request: Promise<unknown>): Promise<string> => (await refused(request)).said;

/** Limits that a few requests exhaust. */
const small: CaSettings['limits'] = {
  newOrdersPerAccount: { burst: 2, count: 2, periodMs: 2 * hourMs },
  certificatesPerDomain: { burst: 2, count: 2, periodMs: 2 * dayMs },
  certificatesPerSet: { burst: 1, count: 1, periodMs: dayMs },
  failedAuthorizations: { burst: 2, count: 2, periodMs: 2 * hourMs },
  pausingFailures: { burst: 4, count: 1, periodMs: dayMs },
};

/** Only the limits that a test is about. */
const only = (...names: readonly (keyof typeof small)[]): Partial<CaSettings> => ({
  limits: Object.fromEntries(names.map((name) => [name, small[name]])),
});

describe('a certificate', () => {
  it('is what the fake Pki accepts, an hour back, with an ARI id that the CA knows', async () => {
    const all = await world();
    const { key, facts, certificates, order } = await issue(all, ['www.a.com', 'a.com']);
    const now = new Date(all.nowMs());
    expect(order.status).toBe('valid');
    expect(all.pki.mismatch(certificates[0]!, key, dns('a.com', 'www.a.com'), now)).toBeUndefined();
    expect(all.pki.mismatch(certificates[0]!, all.accountKey, dns('a.com', 'www.a.com'), now)).toBeDefined();
    expect(all.pki.brokenChain(certificates, '', now)).toBeUndefined();
    expect(all.pki.isFor(facts, key)).toBe(true);
    expect([facts.notBefore, facts.notAfter]).toEqual(['2026-11-30T23:00:00.000Z', '2027-02-28T22:59:59.000Z']);
    expect(identifierSet(facts.identifiers)).toBe('a.com www.a.com');
    expect(await all.issuer.renewalInfo(facts.ariId!, signal)).toMatchObject({ explanationUrl: undefined });
    expect([...all.ca.certificates()].map(({ serial }) => serial)).toEqual([facts.serial]);
  });

  it.each([
    ['classic', undefined, 90 * dayMs],
    ['classic', 64 * dayMs, 64 * dayMs],
    ['tlsserver', undefined, 45 * dayMs],
    ['shortlived', undefined, 160 * hourMs],
  ])('of profile %s, switched to %s ms, is valid for %d ms', async (profile, switched, expected) => {
    const all = await world();
    if (switched) all.ca.switches.validityMs.set(profile, switched);
    const { facts } = await issue(all, ['a.com'], { profile });
    expect(Date.parse(facts.notAfter) + secondMs - Date.parse(facts.notBefore)).toBe(expected);
  });
});

describe('accounts', () => {
  const key = (all: World) => ({ keyPem: all.accountKey, contacts: [], agreeToTerms: true });
  const cases: Readonly<Record<string, (all: World) => Promise<unknown>>> = {
    'acme/problem 400 accountDoesNotExist': async ({ issuer, pki }) =>
      issuer.openAccount(
        { keyPem: await pki.newAccountKey(), contacts: [], agreeToTerms: true, onlyExisting: true },
        signal,
      ),
    'acme/problem 400 malformed': async ({ issuer, pki }) =>
      issuer.openAccount({ keyPem: await pki.newAccountKey(), contacts: [], agreeToTerms: false }, signal),
    'acme/problem 403 unauthorized': async (all) => {
      await all.account.deactivate(signal);
      return all.issuer.openAccount(key(all), signal);
    },
    'acme/problem 403 unauthorized ': async ({ account }) => {
      await account.deactivate(signal);
      return newOrder(account, ['a.com']);
    },
    'acme/problem 400 accountDoesNotExist ': async ({ ca, account }) => {
      ca.forgetAccounts();
      return newOrder(account, ['a.com']);
    },
    'acme/problem 400 malformed ': async ({ account, pki }) => {
      await account.rollover(await pki.newAccountKey(), signal);
      return newOrder(account, ['a.com']);
    },
    'acme/problem 409 conflict': async ({ account, pki, open }) => {
      const other = await pki.newAccountKey();
      await open(other);
      return account.rollover(other, signal);
    },
    'acme/problem 400 malformed  ': async ({ account, accountKey }) => account.rollover(accountKey, signal),
  };
  it.each(Object.entries(cases))('%s', async (expected, act) => {
    expect(await said(act(await world()))).toBe(expected.trim());
  });

  it('are found by their key, also by a new one', async () => {
    const all = await world();
    const same = await all.issuer.openAccount({ ...key(all), onlyExisting: true }, signal);
    expect(same).toEqual({ url: all.account.accountUrl, status: 'valid', contacts: [] });
    const keyPem = await all.pki.newAccountKey('EdDSA');
    await all.account.rollover(keyPem, signal);
    expect((await all.open(keyPem)).accountUrl).toBe(same.url);
    expect(await said(all.issuer.openAccount({ ...key(all), onlyExisting: true }, signal))).toContain('DoesNotExist');
  });
});

describe('orders', () => {
  it('are the same one while pending or ready, for the same names and profile', async () => {
    const all = await world();
    const { account, open, pki } = all;
    const first = await newOrder(account, ['b.com', 'a.com']);
    expect((await newOrder(account, ['a.com', 'b.com'])).url).toBe(first.url);
    expect((await newOrder(account, ['a.com', 'b.com'], { profile: 'classic' })).url).not.toBe(first.url);
    expect((await newOrder(await open(await pki.newAccountKey()), ['a.com', 'b.com'])).url).not.toBe(first.url);
    expect((await validate(account, first)).status).toBe('ready');
    await issue(all, ['c.com']);
    const again = await newOrder(account, ['c.com']);
    expect(again.status).toBe('ready');
    expect([...all.ca.log].filter(({ isReused }) => isReused).length).toBe(1);
  });

  it('reuse valid authorizations of their profile, until these end', async () => {
    const all = await world();
    const { account, pass } = all;
    const { order } = await issue(all, ['a.com'], { profile: 'tlsserver' });
    const statusAfter = async (ms: number, profile: string) => {
      pass(ms);
      return (await newOrder(account, ['a.com', `${profile}${ms}.com`], { profile })).authorizationUrls[0];
    };
    const [authorization] = order.authorizationUrls;
    expect(await statusAfter(0, 'shortlived')).not.toBe(authorization);
    expect(await statusAfter(5 * hourMs, 'tlsserver')).toBe(authorization);
    // Two hours are left then, and one must be.
    expect(await statusAfter(hourMs, 'tlsserver')).not.toBe(authorization);
    await account.deactivateAuthorization((await issue(all, ['d.com'])).order.authorizationUrls[0]!, signal);
    expect((await newOrder(account, ['d.com'])).status).toBe('pending');
  });

  it('die with an authorization, with the reason there alone, and with their time', async () => {
    const { account, bad, pass } = await world();
    bad.add('b.com');
    const order = await validate(account, await newOrder(account, ['a.com', 'b.com']));
    expect([order.status, order.error]).toEqual(['invalid', undefined]);
    const { challenges } = await account.authorization(order.authorizationUrls[1]!, signal);
    expect(challenges.map(({ type, status, error }) => [type, status, error?.detail])).toEqual([
      ['dns-01', 'invalid', 'NXDOMAIN'],
    ]);
    const late = await newOrder(account, ['c.com']);
    pass(7 * dayMs + secondMs);
    expect((await account.order(late.url, signal)).status).toBe('invalid');
    expect(await said(account.authorization(late.authorizationUrls[0]!, signal))).toBe('acme/problem 404 malformed');
  });

  it('are validated on the clock of the world', async () => {
    const { account, pass } = await world({ validationMs: () => 5 * secondMs });
    const order = await validate(account, await newOrder(account, ['*.a.com']));
    expect(order.status).toBe('pending');
    pass(5 * secondMs);
    expect((await account.order(order.url, signal)).status).toBe('ready');
  });

  const long = Array.from({ length: 101 }, (_, n) => `n${n}.com`);
  const refusals: readonly (readonly [string, readonly string[], Partial<OrderRequest>])[] = [
    ['acme/problem 400 malformed', [], {}],
    ['acme/problem 400 malformed', ['a.com'], { notAfter: '2027-01-01T00:00:00Z' }],
    ['acme/problem 400 invalidProfile', ['a.com'], { profile: 'other' }],
    ['acme/problem 400 malformed', long, {}],
    ['acme/problem 400 malformed', ['*.a.com', 'b.a.com'], {}],
    ['acme/problem 400 rejectedIdentifier', ['forbidden.com'], {}],
    ['acme/problem 400 rejectedIdentifier', [], { identifiers: [{ type: 'ip', value: '192.0.2.1' }] }],
    ['acme/problem 404 malformed', ['a.com'], { replaces: 'aa.bb' }],
  ];
  it.each(refusals)('%s: %j %j, and cost nothing', async (expected, names, more) => {
    const { account } = await world({
      ...only('newOrdersPerAccount'),
      refuses: ({ value }) => value === 'forbidden.com',
    });
    for (let n = 0; n < 5; n++) expect(await said(newOrder(account, names, more))).toBe(expected);
    await newOrder(account, ['1.com']);
    await newOrder(account, ['2.com']);
    expect(await said(newOrder(account, ['3.com']))).toBe('acme/rate-limited 429 rateLimited');
  });
});

describe('finalize', () => {
  it('happens once, and with the names of the order and another key than the account’s', async () => {
    const { account, accountKey, pki } = await world();
    const order = await validate(account, await newOrder(account, ['a.com']));
    const key = await pki.newKey();
    const send = async (keyPem: Secret, ...names: readonly string[]) =>
      account.finalize(order, await pki.csr(keyPem, dns(...names)), signal);
    expect(await said(send(key, 'b.com'))).toBe('acme/problem 403 unauthorized');
    expect(await said(send(accountKey, 'a.com'))).toBe('acme/problem 400 malformed');
    expect(await said(account.finalize(order, new Uint8Array(3), signal))).toBe('acme/problem 400 malformed');
    expect((await account.order(order.url, signal)).status).toBe('ready');
    expect((await send(key, 'a.com')).status).toBe('valid');
    expect(await said(send(key, 'a.com'))).toBe('acme/problem 403 orderNotReady');
    expect(await said(account.finalize(await newOrder(account, ['b.com']), new Uint8Array(), signal))).toContain(
      'NotReady',
    );
  });

  it('takes a while if the CA is slow', async () => {
    const all = await world();
    all.ca.switches.finalizeMs = 10 * minuteMs;
    const { account, pki, pass } = all;
    const order = await validate(account, await newOrder(account, ['a.com']));
    const csr = await pki.csr(await pki.newKey(), order.identifiers);
    expect(await account.finalize(order, csr, signal)).toMatchObject({ status: 'processing', retryAfterMs: 3000 });
    expect(await said(account.finalize(order, csr, signal))).toBe('acme/problem 403 orderNotReady');
    pass(10 * minuteMs);
    const done = await account.order(order.url, signal);
    expect(done.status).toBe('valid');
    expect(all.pki.readChain((await account.download(done, signal)).chainPem).facts.notBefore).toContain('T23:10:00');
  });

  it('may fail, which ends the order with the reason', async () => {
    const { ca, account, pki } = await world();
    const order = await validate(account, await newOrder(account, ['a.com']));
    ca.switches.failsToIssue = true;
    const done = await account.finalize(order, await pki.csr(await pki.newKey(), order.identifiers), signal);
    expect([done.status, done.error?.detail]).toEqual(['invalid', 'Error finalizing order']);
  });

  it('fails for a profile that was withdrawn', async () => {
    const all = await world();
    const order = await validate(all.account, await newOrder(all.account, ['a.com'], { profile: 'tlsserver' }));
    all.ca.switches.withdrawn.add('tlsserver');
    const csr = await all.pki.csr(await all.pki.newKey(), order.identifiers);
    expect(await said(all.account.finalize(order, csr, signal))).toBe('acme/problem 400 invalidProfile');
    expect(Object.keys((await all.ca.issuer('r2').directory(signal)).profiles)).toEqual(['classic', 'shortlived']);
  });
});

describe('renewal information', () => {
  it.each([
    ['classic', 60 - 1 / 24, 2 * 0.9 * 24],
    ['tlsserver', 30 - 1 / 24, 2 * 0.45 * 24],
    ['shortlived', 80 / 24 - 1 / 24, 3.2],
  ])('of %s is around day %d, and %d hours wide', async (profile, day, hours) => {
    const all = await world();
    const { facts } = await issue(all, ['a.com'], { profile });
    const { start, end, retryAfterMs } = (await all.issuer.renewalInfo(facts.ariId!, signal))!;
    const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
    // An hour back is not part of the validity here, as at Boulder.
    expect(Math.abs((startMs + endMs) / 2 - all.nowMs() - day * dayMs)).toBeLessThan(hourMs);
    expect(Math.abs(endMs - startMs - hours * hourMs)).toBeLessThan(3 * minuteMs);
    expect(retryAfterMs % secondMs).toBe(0);
    expect(Math.abs(retryAfterMs - 6 * hourMs)).toBeLessThanOrEqual(1.2 * hourMs);
  });

  it('is past for a revoked certificate, names the page, and can be chosen', async () => {
    const all = await world();
    const { facts } = await issue(all, ['a.com']);
    const chosen = { startMs: 5 * dayMs, endMs: 6 * dayMs };
    all.ca.revokeAll('https://ca.test/incident');
    all.pass(dayMs);
    expect(await all.issuer.renewalInfo(facts.ariId!, signal)).toMatchObject({
      start: '2026-12-01T23:00:00.000Z',
      end: '2026-12-01T23:30:00.000Z',
      explanationUrl: 'https://ca.test/incident',
    });
    all.ca.switches.window = () => chosen;
    expect(await all.issuer.renewalInfo(facts.ariId!, signal)).toMatchObject({ start: '1970-01-06T00:00:00.000Z' });
    expect(await said(all.issuer.renewalInfo('aa.bb', signal))).toBe('acme/problem 404 malformed');
  });
});

describe('replaces', () => {
  /** A certificate for a.com, its set's limit used up, at a point of its window. */
  async function renewing(at: 'before' | 'start' | 'end') {
    const all = await world(only('certificatesPerSet'));
    const { facts } = await issue(all, ['a.com', 'b.com']);
    const { start, end } = (await all.issuer.renewalInfo(facts.ariId!, signal))!;
    all.pass(Date.parse(at === 'end' ? end : start) - all.nowMs() - (at === 'before' ? 1 : 0));
    all.ca.issuedToOthers(dns('a.com', 'b.com'), 1);
    const order = (names: readonly string[] = ['a.com', 'b.com'], account = all.account) =>
      newOrder(account, names, { replaces: facts.ariId! });
    return { ...all, order, replaces: facts.ariId! };
  }

  it.each([
    ['before', 'acme/rate-limited 429 rateLimited'],
    ['start', 'pending'],
    ['end', 'acme/rate-limited 429 rateLimited'],
  ] as const)('exempts from limits only inside the window: %s', async (at, expected) => {
    const { order, ca } = await renewing(at);
    expect(
      await order().then(
        ({ status }) => status,
        async (error) => said(Promise.reject(error)),
      ),
    ).toBe(expected);
    expect(ca.log.at(-1)).toMatchObject({ kind: 'newOrder', isExempt: at === 'start', isRenewal: true });
  });

  it('is refused while such an order is open or was used, and free again when it died', async () => {
    const all = await renewing('start');
    const first = await all.order();
    expect(await said(all.order())).toBe('acme/problem 409 alreadyReplaced');
    expect((await newOrder(all.account, ['c.com'])).url).not.toBe(first.url);
    await all.account.deactivateAuthorization(first.authorizationUrls[0]!, signal);
    const second = await validate(all.account, await all.order());
    await all.account.finalize(second, await all.pki.csr(await all.pki.newKey(), second.identifiers), signal);
    all.pass(30 * dayMs);
    expect(await said(all.order())).toBe('acme/problem 409 alreadyReplaced');
  });

  it('is refused without a name in common, and for another account’s certificate', async () => {
    const { order, open, pki } = await renewing('start');
    expect(await said(order(['x.com']))).toBe('acme/problem 400 malformed');
    expect(await said(order(['a.com'], await open(await pki.newAccountKey())))).toBe('acme/problem 403 unauthorized');
    expect((await order(['a.com', 'x.com'])).status).toBe('pending');
  });

  it('spends the exact set, not the domain', async () => {
    const all = await world(only('certificatesPerSet', 'certificatesPerDomain'));
    const { facts } = await issue(all, ['a.com']);
    const { start } = (await all.issuer.renewalInfo(facts.ariId!, signal))!;
    all.pass(Date.parse(start) - all.nowMs());
    await issue(all, ['a.com'], { replaces: facts.ariId! });
    const { error } = await refused(newOrder(all.account, ['a.com']));
    expect(error.problem).toMatchObject({ limit: 'certificatesPerSet' });
    all.ca.issuedToOthers(dns('w.a.com'), 1);
    await newOrder(all.account, ['v.a.com']);
  });
});

describe('limits', () => {
  const now = Date.parse('2026-12-01T00:00:00.000Z');

  it('refuse with Retry-After in whole seconds, in Boulder’s words, and name the bucket', async () => {
    const all = await world(only('newOrdersPerAccount'));
    // Another clock: the time of the error is that of the client.
    const issuer = all.ca.issuer('r2', () => all.nowMs() + dayMs);
    const account = issuer.as({ keyPem: all.accountKey, url: all.account.accountUrl });
    await newOrder(account, ['1.com']);
    await newOrder(account, ['1.com']);
    const { error } = await refused(newOrder(account, ['1.com']));
    const waitMs = error.retryAt!.getTime() - now - dayMs;
    expect(waitMs % secondMs).toBe(0);
    expect(waitMs).toBeGreaterThanOrEqual(hourMs);
    expect(waitMs).toBeLessThanOrEqual(1.03 * hourMs + secondMs);
    expect(error.message).toMatch(
      /^sim refused the new order because of a rate limit: too many new orders \(2\) from this account in the last 2h0m0s, retry after 2026-12-01 01:0\d:\d\d UTC: see https:\/\/letsencrypt.org\/docs\/rate-limits\/#new-orders-per-account \(rateLimited\)$/,
    );
    expect(error.problem).toMatchObject({ limit: 'newOrdersPerAccount', status: 429 });
    expect(all.ca.log.at(-1)).toMatchObject({ replica: 'r2', exhausted: { waitMs: hourMs } });
    all.pass(hourMs);
    await newOrder(account, ['2.com']);
  });

  it('of a domain are asked at newOrder and spent at finalize; a renewal asks only for its set', async () => {
    const all = await world(only('certificatesPerDomain', 'newOrdersPerAccount'));
    all.ca.issuedToOthers(dns('1.a.com'), 1);
    const [one, two] = [await newOrder(all.account, ['x.a.com']), await newOrder(all.account, ['y.a.com'])];
    all.pass(4 * hourMs);
    for (const order of [one, two]) {
      const ready = await validate(all.account, order);
      await all.account.finalize(ready, await all.pki.csr(await all.pki.newKey(), ready.identifiers), signal);
    }
    const { error } = await refused(newOrder(all.account, ['z.a.com', 'other.org']));
    expect(error.problem).toMatchObject({ limit: 'certificatesPerDomain', limitOf: 'a.com' });
    // Costs no token of the account either.
    for (let n = 0; n < 3; n++) await newOrder(all.account, ['x.a.com']);
    await newOrder(all.account, ['z.b.com']);
  });

  it('of a domain do not count a renewal of a certificate that another account got', async () => {
    const all = await world(only('certificatesPerDomain'));
    all.ca.issuedToOthers(dns('1.a.com'), 2);
    expect(await said(newOrder(all.account, ['x.a.com']))).toContain('rateLimited');
    all.ca.signForOther({ identifiers: dns('x.a.com'), publicKey: 'other', agoMs: 60 * dayMs });
    await newOrder(all.account, ['x.a.com']);
    expect(await said(newOrder(all.account, ['y.a.com']))).toContain('rateLimited');
  });

  it('of failures count for each account and name, also a name in an order of many', async () => {
    const all = await world(only('failedAuthorizations'));
    all.bad.add('b.com');
    for (let n = 0; n < 2; n++) await validate(all.account, await newOrder(all.account, ['b.com']));
    const { error } = await refused(newOrder(all.account, ['a.com', 'b.com']));
    expect(error.problem).toMatchObject({ limit: 'failedAuthorizations', limitOf: 'b.com' });
    expect(error.message).toContain('too many failed authorizations (2) for "b.com" in the last 2h0m0s');
    await newOrder(all.account, ['*.b.com']);
    await newOrder(await all.open(await all.pki.newAccountKey()), ['b.com']);
    all.pass(hourMs);
    await newOrder(all.account, ['a.com', 'b.com']);
  });

  it('pause a name after failures without a success, until its owner unpauses the account', async () => {
    const all = await world(only('pausingFailures'));
    const fail = async (times: number) => {
      all.bad.add('b.com');
      for (let n = 0; n < times; n++) await validate(all.account, await newOrder(all.account, ['b.com']));
      all.bad.delete('b.com');
    };
    await fail(4);
    await validate(all.account, await newOrder(all.account, ['b.com']));
    await all.account.deactivateAuthorization((await newOrder(all.account, ['b.com'])).authorizationUrls[0]!, signal);
    await fail(5);
    const { error, said: words } = await refused(newOrder(all.account, ['a.com', 'b.com']));
    expect([words, error.retryAt]).toEqual(['acme/paused 429 rateLimited', undefined]);
    expect(error.message).toContain('for b.com and possibly others. Please visit: https://');
    expect(error.problem).toMatchObject({ limit: 'pausingFailures', limitOf: 'b.com' });
    expect(all.ca.log.at(-1)!.verdict).toBe('paused');
    await newOrder(all.account, ['a.com']);
    all.pass(30 * dayMs);
    expect(await said(newOrder(all.account, ['b.com']))).toContain('acme/paused');
    all.ca.unpause(all.account.accountUrl);
    await newOrder(all.account, ['b.com']);
  });

  it('have no Retry-After where the token is less than half a second away', async () => {
    const all = await world({ limits: { newOrdersPerAccount: { burst: 1, count: 1, periodMs: 400 } } });
    await newOrder(all.account, ['1.com']);
    expect(await said(newOrder(all.account, ['1.com']))).toBe('acme/rate-limited 429 rateLimited');
    all.pass(400);
    await newOrder(all.account, ['1.com']);
  });
});

describe('revocation', () => {
  it.each([
    [
      'by its account',
      (all: World, { chainPem }: { chainPem: string }) =>
        all.account.revoke({ certificatePem: chainPem, reason: 4 }, signal),
    ],
    [
      'by its key',
      (all: World, { chainPem, key }: { chainPem: string; key: Secret }) =>
        all.issuer.revokeWithKey(key, { certificatePem: chainPem }, signal),
    ],
  ])('%s happens once', async (_name, revoke) => {
    const all = await world();
    const certificate = await issue(all, ['a.com']);
    expect(await revoke(all, certificate)).toBe('now');
    expect(await revoke(all, certificate)).toBe('before');
  });

  it('is refused to others, for other reasons, and for what is gone', async () => {
    const all = await world();
    const { chainPem: certificatePem } = await issue(all, ['a.com']);
    const other = await all.open(await all.pki.newAccountKey());
    expect(await said(other.revoke({ certificatePem }, signal))).toBe('acme/problem 403 unauthorized');
    await validate(other, await newOrder(other, ['a.com']));
    expect(await said(all.account.revoke({ certificatePem, reason: 2 }, signal))).toContain('badRevocationReason');
    expect(await said(all.issuer.revokeWithKey(await all.pki.newKey(), { certificatePem }, signal))).toContain('403');
    expect(await other.revoke({ certificatePem }, signal)).toBe('now');
    all.pass(91 * dayMs);
    expect(await said(all.account.revoke({ certificatePem }, signal))).toBe('acme/problem 403 unauthorized');
  });
});

describe('incidents', () => {
  it('a CA that is down does nothing; the directory of yesterday is still known', async () => {
    const { ca, account, issuer } = await world();
    await issuer.directory(signal);
    ca.switches.isDown = true;
    expect(await said(newOrder(account, ['a.com']))).toBe('acme/unreachable');
    expect(await said(ca.issuer('r2').directory(signal))).toBe('acme/directory-unreachable');
    expect((await issuer.directory(signal)).clockSkewMs).toBe(0);
    expect(ca.log.at(-1)!.verdict).toBe('no answer');
  });

  it('answers with 5xx before it does anything', async () => {
    const { ca, account, nowMs } = await world(only('newOrdersPerAccount'));
    const answered = async (outage: Outage) => {
      ca.switches.answers = (kind) => (kind === 'newOrder' ? outage : undefined);
      const { error, said: words } = await refused(newOrder(account, ['a.com']));
      return [words, error.retryAt && error.retryAt.getTime() - nowMs()];
    };
    expect(await answered({ status: 503, retryAfterSeconds: 90 })).toEqual(['acme/busy', 90_000]);
    expect(await answered({ status: 502 })).toEqual(['acme/busy', undefined]);
    expect(await answered({ status: 500, retryAfterSeconds: 60, detail: 'Error creating new order' })).toEqual([
      'acme/busy 500 serverInternal',
      60_000,
    ]);
    ca.switches.answers = () => undefined;
    await newOrder(account, ['1.com']);
    await newOrder(account, ['2.com']);
    expect([...ca.counts].filter(([key]) => key.startsWith('newOrder'))).toEqual([
      ['newOrder HTTP 503', 1],
      ['newOrder HTTP 502', 1],
      ['newOrder serverInternal', 1],
      ['newOrder ok', 2],
    ]);
  });
});

it('the same seed gives the same serials, tokens and answers', async () => {
  const run = async () => {
    const all = await world();
    const certificates = [await issue(all, ['a.com']), await issue(all, ['b.com'], { profile: 'tlsserver' })];
    return JSON.stringify([certificates.map(({ chainPem, order }) => [chainPem, order]), all.ca.log]);
  };
  expect(await run()).toBe(await run());
});
