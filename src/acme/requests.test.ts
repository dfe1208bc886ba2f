import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { problemType } from '../core/ca/problem-advice.ts';
import type { CertfleetError } from '../core/errors/errors.ts';
import { fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { base, directoryBody, type Handler, orderBody, problem, readSigned, testCa } from './test-ca.ts';

const keyPem = new Secret(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
);
const signal = new AbortController().signal;
const accountUrl = `${base}/account/1`;
const account = (handlers: Readonly<Record<string, Handler>>) => {
  const ca = testCa(handlers);
  return { ...ca, account: ca.issuer.as({ keyPem, url: accountUrl }) };
};
const request = { identifiers: [{ type: 'dns', value: 'example.test' }] } as const;
const created = { status: 201, body: orderBody, headers: { location: `${base}/order/1` } };
const failure = (promise: Promise<unknown>): Promise<CertfleetError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: CertfleetError) => error,
  );

describe('signed requests', () => {
  test('say who asks, for what, and carry the nonce of the answer before', async () => {
    const ca = account({ '/new-order': () => created, '/order/1': () => ({ body: orderBody }) });
    await ca.account.newOrder({ ...request, replaces: 'a.b', profile: 'short' }, signal);
    await ca.account.order(`${base}/order/1`, signal);
    const [newOrder, order] = ca.requests.filter((r) => r.method === 'POST').map((r) => readSigned(r)!);
    expect(newOrder!.header).toEqual({ alg: 'ES256', nonce: 'n1', url: `${base}/new-order`, kid: accountUrl });
    expect(JSON.parse(newOrder!.payload)).toEqual({ ...request, replaces: 'a.b', profile: 'short' });
    expect(order!.header.nonce).toBe('n2');
    expect(order!.payload).toBe('');
    expect(ca.count('/nonce', 'HEAD')).toBe(1);
    for (const { headers } of ca.requests)
      expect(headers).toMatchObject({ 'user-agent': 'certfleet/0 (test)', 'accept-language': 'en' });
    expect(ca.requests.at(-1)!.headers?.['content-type']).toBe('application/jose+json');
  });

  test('a refused nonce is retried with the nonce of the error, up to 25 times', async () => {
    let refusals = 25;
    const seen: string[] = [];
    const ca = account({
      '/new-order': (_request, signed) => {
        seen.push(signed!.header.nonce);
        return refusals-- > 0 ? { status: 400, body: problem('badNonce', 400) } : created;
      },
    });
    await ca.account.newOrder(request, signal);
    expect(seen).toEqual(Array.from({ length: 26 }, (_, i) => `n${i + 1}`));
    expect(ca.count('/nonce')).toBe(1);
  });

  test('and not for ever', async () => {
    const ca = account({ '/new-order': () => ({ status: 400, body: problem('badNonce', 400) }) });
    const error = await failure(ca.account.newOrder(request, signal));
    expect([error.code, problemType(error)]).toEqual(['acme/problem', 'badNonce']);
    expect(ca.count('/new-order')).toBe(26);
  });

  test('take their turns, each repetition and each nonce its own', async () => {
    let refusals = 2;
    const paced: string[] = [];
    const handlers = {
      '/new-order': () => (refusals-- > 0 ? { status: 400, body: problem('badNonce', 400) } : created),
      '/order/1': () => 'lost' as const,
    };
    const ca = testCa(handlers, { pace: (url) => void paced.push(url) });
    const caller = ca.issuer.as({ keyPem, url: accountUrl });
    await caller.newOrder(request, signal);
    await failure(caller.order(`${base}/order/1`, signal));
    expect(ca.count('/order/1')).toBe(3);
    expect(paced).toEqual(ca.requests.map(({ url }) => url));
  });

  test('nonces of error answers are used again', async () => {
    const ca = account({ '/new-order': () => ({ status: 403, body: problem('unauthorized', 403) }) });
    for (let i = 0; i < 3; i++) await failure(ca.account.newOrder(request, signal));
    expect(ca.count('/nonce')).toBe(1);
  });
});

describe('what is sent again', () => {
  const flaky = (times: number, how: 'lost' | { status: number }, then: object): Handler => {
    let left = times;
    return () => (left-- > 0 ? how : then);
  };

  test.each(['lost', { status: 500 }] as const)('a reading request, twice: %o', async (how) => {
    const ca = account({ '/order/1': flaky(2, how, { body: orderBody }) });
    expect((await ca.account.order(`${base}/order/1`, signal)).status).toBe('pending');
    expect(ca.clock.sleeps).toEqual([250, 1000]);
    const worse = account({ '/order/1': flaky(3, how, { body: orderBody }) });
    const error = await failure(worse.account.order(`${base}/order/1`, signal));
    expect(error.code).toBe(how === 'lost' ? 'acme/unreachable' : 'acme/busy');
    expect(worse.count('/order/1')).toBe(3);
  });

  test.each(['lost', { status: 500 }] as const)('a changing request never: %o', async (how) => {
    const ca = account({
      '/new-order': flaky(1, how, created),
      '/chall/1': flaky(1, how, {}),
      '/finalize/1': flaky(1, how, { body: orderBody }),
      '/new-account': flaky(1, how, {}),
    });
    const order = { ...orderBody, finalizeUrl: `${base}/finalize/1` } as never;
    const code = how === 'lost' ? 'acme/unreachable' : 'acme/busy';
    expect((await failure(ca.account.newOrder(request, signal))).code).toBe(code);
    expect((await failure(ca.account.accept(`${base}/chall/1`, signal))).code).toBe(code);
    expect((await failure(ca.account.finalize(order, new Uint8Array(3), signal))).code).toBe(code);
    const opening = ca.issuer.openAccount({ keyPem, contacts: [], agreeToTerms: true }, signal);
    expect((await failure(opening)).code).toBe(code);
    for (const path of ['/new-order', '/chall/1', '/finalize/1', '/new-account']) expect(ca.count(path)).toBe(1);
  });

  test('not a 5xx that says when to come again', async () => {
    const ca = account({ '/order/1': () => ({ status: 503, body: '<html>', headers: { 'retry-after': '30' } }) });
    const error = await failure(ca.account.order(`${base}/order/1`, signal));
    expect(ca.count('/order/1')).toBe(1);
    expect(error.retryAt).toEqual(new Date(ca.clock.now().getTime() + 30_000));
  });

  test('an abort ends it with its reason', async () => {
    const controller = new AbortController();
    const ca = account({
      '/order/1': () => {
        controller.abort(new Error('enough'));
        return 'lost';
      },
    });
    await expect(ca.account.order(`${base}/order/1`, controller.signal)).rejects.toThrow('enough');
    expect(ca.count('/order/1')).toBe(1);
  });
});

describe('refusals', () => {
  const refused = (reply: object) => failure(account({ '/new-order': () => reply }).account.newOrder(request, signal));

  test.each([
    ['seconds', '90', '2026-11-24T12:01:30.000Z'],
    ['a date', 'Tue, 24 Nov 2026 13:00:00 GMT', '2026-11-24T13:00:00.000Z'],
  ])('a limit holds until its time: %s', async (_form, header, at) => {
    const body = problem('rateLimited', 429, { detail: 'too many, see https://ca.test/docs' });
    const error = await refused({ status: 429, body, headers: { 'retry-after': header } });
    expect([error.code, error.retry, error.retryAt?.toISOString()]).toEqual(['acme/rate-limited', 'at', at]);
  });

  test.each([
    ['ten minutes fast', 'Tue, 24 Nov 2026 11:50:00 GMT', {}, 'Tue, 24 Nov 2026 11:51:30 GMT'],
    ['an hour slow', 'Tue, 24 Nov 2026 13:00:00 GMT', {}, 'Tue, 24 Nov 2026 13:01:30 GMT'],
    ['right, behind a cache', 'Tue, 24 Nov 2026 11:59:00 GMT', { age: '60' }, 'Tue, 24 Nov 2026 12:01:30 GMT'],
  ])('a date is a time of the CA’s clock, though this one is %s', async (_how, date, more, header) => {
    const headers = { date, 'retry-after': header, ...more };
    const error = await refused({ status: 429, body: problem('rateLimited', 429), headers });
    expect(error.retryAt?.toISOString()).toBe('2026-11-24T12:01:30.000Z');
  });

  test('a limit by a balancer, without a document', async () => {
    const error = await refused({ status: 429, body: 'slow down', headers: { 'retry-after': '5' } });
    expect([error.code, error.problem]).toEqual(['acme/rate-limited', undefined]);
  });

  const tooMany = 'too many certificates (50) already issued for "example.com" in the last 168h0m0s';
  const anchor = 'see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain';
  const named = { limit: 'certificatesPerDomain', limitOf: 'example.com' };
  test.each([
    ['in less than half a second', '2026-11-24 12:00:00', {}, '12:00:01.000'],
    ['in a second', '2026-11-24 12:00:01', {}, '12:00:01.000'],
    ['in an hour', '2026-11-24 13:00:00', {}, '13:00:00.000'],
    [
      'by a clock that is an hour ahead',
      '2026-11-24 13:00:40',
      { date: 'Tue, 24 Nov 2026 13:00:00 GMT' },
      '12:00:40.000',
    ],
    ['by the header, if it has one', '2026-11-24 13:00:00', { 'retry-after': '90' }, '12:01:30.000'],
  ])('a limit with a link is no pause, and says which one it is: it ends %s', async (_when, time, headers, at) => {
    const detail = `${tooMany}, retry after ${time} UTC: ${anchor}`;
    const error = await refused({ status: 429, body: problem('rateLimited', 429, { detail }), headers });
    expect([error.code, error.retryAt?.toISOString()]).toEqual(['acme/rate-limited', `2026-11-24T${at}Z`]);
    expect(error.problem).toMatchObject({ detail, ...named });
  });

  test('a limit with a link and without any time ends in a second', async () => {
    const error = await refused({
      status: 429,
      body: problem('rateLimited', 429, { detail: `${tooMany}: ${anchor}` }),
    });
    expect([error.code, error.retryAt?.toISOString()]).toEqual(['acme/rate-limited', '2026-11-24T12:00:01.000Z']);
  });

  test('a pause: no Retry-After, but a page for a person', async () => {
    const detail =
      'Your account is temporarily prevented from requesting certificates for a.test and possibly others. Please visit: https://ca.test/sfe/v1/unpause?jwt=x';
    const error = await refused({ status: 429, body: problem('rateLimited', 429, { detail }) });
    expect([error.code, error.retry]).toEqual(['acme/paused', 'never']);
    expect(error.message).toContain('https://ca.test/sfe/v1/unpause?jwt=x');
    expect(error.problem).toMatchObject({ limit: 'pausingFailures', limitOf: 'a.test' });
  });

  test('a limit without a time and a page: tried again after a minute', async () => {
    const error = await refused({ status: 429, body: problem('rateLimited', 429) });
    expect([error.code, error.retryAt?.toISOString()]).toEqual(['acme/rate-limited', '2026-11-24T12:01:00.000Z']);
  });

  test.each([
    ['an HTML page', { status: 503, body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['no problem document', { status: 403, body: 'no' }],
    ['a problem of its own', { status: 500, body: problem('serverInternal', 500), headers: { 'retry-after': '60' } }],
  ])('busy: %s', async (_what, reply) => {
    const error = await refused(reply);
    expect(error.code).toBe('acme/busy');
    expect(error.retryAt !== undefined).toBe('headers' in reply && 'retry-after' in reply.headers);
  });

  test('a problem is kept whole and said in one line with advice', async () => {
    const subproblems = [
      { ...problem('caa', 403), identifier: { type: 'dns', value: 'A.example.test' } },
      { ...problem('dns', 400, { detail: 'bad\u001b[31m\nname' }), identifier: { type: 'odd' } },
    ];
    const body = problem('compound', 403, { subproblems, instance: 'https://ca.test/i' });
    const error = await refused({ status: 403, body });
    expect(error.code).toBe('acme/problem');
    expect(problemType(error)).toBe('compound');
    expect(error.problem).toEqual({
      type: 'urn:ietf:params:acme:error:compound',
      detail: 'about compound',
      status: 403,
      instance: 'https://ca.test/i',
      subproblems: [
        { ...subproblems[0], identifier: { type: 'dns', value: 'a.example.test' }, subproblems: [] },
        { type: subproblems[1]!.type, detail: 'bad [31m name', status: 400, subproblems: [] },
      ],
    });
    expect(error.message).toBe(
      'Test CA refused the new order: about compound (compound) [a.example.test: about caa; bad [31m name]',
    );
    expect(error.hint).toBe('The CA’s message gives the reason for each identifier.');
  });

  test.each([
    [
      'both pages',
      'https://ca.test/agree',
      'see https://ca.test/agree and https://ca.test/tos-2 (the terms of service)',
    ],
    ['the one that may be opened', 'javascript:alert(1)', 'see https://ca.test/tos-2 (the terms of service)'],
  ])('names the pages that a person must read: %s', async (_what, instance, pages) => {
    const body = problem('userActionRequired', 403, { instance });
    const headers = { link: '<https://ca.test/directory>;rel="index", <https://ca.test/tos-2>;rel="terms-of-service"' };
    const error = await refused({ status: 403, body, headers });
    expect(error.message).toBe(
      `Test CA refused the new order: about userActionRequired (userActionRequired): ${pages}`,
    );
    expect((await refused({ status: 403, body: problem('userActionRequired', 403) })).message).not.toContain('see');
  });

  test('an account that the CA does not know is recognised by the type', async () => {
    expect(problemType(await refused({ status: 401, body: problem('accountDoesNotExist', 401) }))).toBe(
      'accountDoesNotExist',
    );
  });

  test('an answer too large', async () => {
    expect((await refused({ status: 201, body: 'x'.repeat(300_000) })).code).toBe('acme/malformed-answer');
  });
});

describe('the directory', () => {
  test('is fetched once, also when many ask at once', async () => {
    const ca = testCa();
    await Promise.all(Array.from({ length: 10 }, () => ca.issuer.directory(signal)));
    await ca.issuer.directory(signal);
    expect(ca.count('/directory')).toBe(1);
  });

  test('is fetched again when the one who fetched was aborted', async () => {
    const controller = new AbortController();
    let waiting: (() => void) | undefined;
    let times = 0;
    const ca = testCa({
      '/directory': async () => {
        if (times++ === 0) await new Promise<void>((resolve) => (waiting = resolve));
        return { body: directoryBody };
      },
    });
    const first = ca.issuer.directory(controller.signal);
    const second = ca.issuer.directory(signal);
    controller.abort(new Error('stop'));
    waiting!();
    await expect(first).rejects.toThrow('stop');
    expect((await second).hasRenewalInfo).toBe(true);
  });

  test('says what the CA offers, and how wrong the clock is', async () => {
    const meta = {
      caaIdentities: ['ca.test', 7],
      externalAccountRequired: true,
      profiles: { classic: 'the usual', odd: 3 },
    };
    const date = 'Tue, 24 Nov 2026 10:30:00 GMT';
    const ca = testCa({
      '/directory': () => ({ body: { ...directoryBody, meta }, headers: { date, age: '600' } }),
    });
    expect(await ca.issuer.directory(signal)).toEqual({
      termsOfService: undefined,
      externalAccountRequired: true,
      caaIdentities: ['ca.test'],
      hasRenewalInfo: true,
      hasKeyChange: false,
      profiles: { classic: 'the usual', odd: '' },
      clockSkewMs: 80 * 60_000,
    });
  });

  test.each([
    ['draft 02', ['ca.test'], 'https://ca.test/hash/', ['ca.test'], 'https://ca.test/hash/'],
    ['no list', 'ca.test', 'https://ca.test/hash/', undefined, 'https://ca.test/hash/'],
    ['an empty list', [], undefined, undefined, undefined],
    ['a prefix that would end the value', ['ca.test'], 'https://ca.test/; policy=wildcard', ['ca.test'], undefined],
    ['a prefix that is no URL', ['ca.test'], 'ca.test/', ['ca.test'], undefined],
  ])(
    'says what records of dns-persist-01 have: %s',
    async (_how, issuerDomainNames, accountHashPrefix, names, prefix) => {
      const meta = { issuerDomainNames, accountHashPrefix };
      const { issuer } = testCa({ '/directory': () => ({ body: { ...directoryBody, meta } }) });
      const directory = await issuer.directory(signal);
      expect([directory.issuerDomainNames, directory.accountHashPrefix]).toEqual([names, prefix]);
    },
  );

  test('is read again after a day, and used on while the CA cannot be reached', async () => {
    const clock = fakeClock(undefined, { auto: true });
    let [isDown, profiles] = [false, { classic: '' } as object];
    const directory: Handler = () => (isDown ? 'lost' : { body: { ...directoryBody, meta: { profiles } } });
    const ca = testCa({ '/directory': directory }, { clock });
    const names = async () => Object.keys((await ca.issuer.directory(signal)).profiles);
    expect(await names()).toEqual(['classic']);
    profiles = { shortlived: '' };
    await clock.advance(86_399_000);
    expect(await names()).toEqual(['classic']);
    isDown = true;
    await clock.advance(1_000);
    expect(await names()).toEqual(['classic']);
    isDown = false;
    await clock.advance(60_000);
    expect(await names()).toEqual(['shortlived']);
  });

  test('has the skew of the last answer of any kind, so a clock that goes wrong is noticed', async () => {
    const clock = fakeClock(undefined, { auto: true });
    const caTime = (behindMs: number) => ({ date: new Date(clock.now().getTime() - behindMs).toUTCString() });
    let behindMs = 0;
    const order: Handler = () => ({ body: orderBody, headers: caTime(behindMs) });
    const ca = testCa({ '/order/1': order }, { clock });
    const skew = async () => (await ca.issuer.directory(signal)).clockSkewMs;
    expect(await skew()).toBe(0);
    behindMs = 3_600_000;
    await ca.issuer.as({ keyPem, url: accountUrl }).order(`${base}/order/1`, signal);
    expect(await skew()).toBe(3_600_000);
    expect(ca.count('/directory')).toBe(1);
  });

  test('is read again while the clock is wrong, so that a mended clock needs no restart', async () => {
    const clock = fakeClock(undefined, { auto: true });
    let aheadMs = 86_400_000;
    const date = () => ({ date: new Date(clock.now().getTime() - aheadMs).toUTCString() });
    const ca = testCa({ '/directory': () => ({ body: directoryBody, headers: date() }) }, { clock });
    const skew = async () => (await ca.issuer.directory(signal)).clockSkewMs;
    expect(await skew()).toBe(86_400_000);
    aheadMs = 0;
    // Not for each certificate of a pass.
    expect(await skew()).toBe(86_400_000);
    expect(ca.count('/directory')).toBe(1);
    await clock.advance(11_000);
    expect(await skew()).toBe(0);
    await clock.advance(11_000);
    await skew();
    expect(ca.count('/directory')).toBe(2);
    // A clock that was just set has nothing to do with what was known.
    for (const ahead of [86_400_000, 0]) {
      clock.set(new Date(clock.now().getTime() + ahead - aheadMs));
      aheadMs = ahead;
      expect(await skew()).toBe(ahead);
    }
  });

  const { newOrder: _, ...withoutNewOrder } = directoryBody;
  test.each([
    ['a web page', { body: '<html>', headers: { 'content-type': 'text/html' } }, 'acme/not-a-directory'],
    ['not found', { status: 404, body: 'no' }, 'acme/not-a-directory'],
    ['no newOrder', { body: withoutNewOrder }, 'acme/not-a-directory'],
    ['a URL over http', { body: { ...directoryBody, newOrder: 'http://ca.test/o' } }, 'acme/not-a-directory'],
    ['endless', { body: 'x'.repeat(70_000) }, 'acme/not-a-directory'],
    ['no answer', 'lost', 'acme/directory-unreachable'],
    ['overloaded', { status: 503, headers: { 'retry-after': '1' } }, 'acme/busy'],
  ] as const)('%s', async (_what, reply, code) => {
    const ca = testCa({ '/directory': () => reply });
    expect((await failure(ca.issuer.directory(signal))).code).toBe(code);
  });
});

test.each([
  ['CERT_NOT_YET_VALID', 'acme/certificate-dates'],
  ['CERT_HAS_EXPIRED', 'acme/certificate-dates'],
  ['ECONNREFUSED', 'acme/directory-unreachable'],
])('a directory that fails with %s is %s', async (systemCode, code) => {
  const cause = Object.assign(new Error('TLS'), { code: systemCode });
  const lost = fail('network/failed', { method: 'GET', url: `${base}/directory`, reason: 'TLS' }, { cause });
  const ca = testCa({ '/directory': () => Promise.reject(lost) });
  expect(await failure(ca.issuer.directory(signal))).toMatchObject({ code });
});

describe('a CA that gives no answer', () => {
  test('is not asked again within a minute: what comes meanwhile fails at once', async () => {
    let isThere = false;
    const ca = testCa({ '/directory': () => (isThere ? { body: directoryBody } : 'lost') });
    const first = await failure(ca.issuer.directory(signal));
    expect(first.code).toBe('acme/directory-unreachable');
    const asked = ca.count('/directory');
    isThere = true;
    expect(await failure(ca.issuer.directory(signal))).toBe(first);
    expect(ca.count('/directory')).toBe(asked);
    await ca.clock.advance(60_000);
    expect(await ca.issuer.directory(signal)).toMatchObject({ hasRenewalInfo: true });
  });

  test('in the middle of its work: the first caller finds out whether it is there, once for all callers', async () => {
    let isThere = true;
    const answer = (reply: object) => () => (isThere ? reply : 'lost');
    const ca = account({
      '/directory': answer({ body: directoryBody }),
      '/nonce': answer({ status: 200 }),
      '/new-order': answer(created),
      '/order/1': answer({ body: orderBody }),
    });
    await ca.account.newOrder(request, signal);
    await ca.issuer.directory(signal);
    expect(ca.count('/directory')).toBe(1);

    isThere = false;
    await failure(ca.account.order(`${base}/order/1`, signal));
    const begun = ca.count('/directory');
    const many = await Promise.all(Array.from({ length: 5 }, () => failure(ca.issuer.directory(signal))));
    expect(many.map(({ code }) => code)).toEqual(Array(5).fill('acme/directory-unreachable'));
    // One of them asked, three times as every reading request.
    expect(ca.count('/directory')).toBe(begun + 3);

    // What is under way asks on its own, and one answer makes the CA be there again.
    isThere = true;
    await ca.account.order(`${base}/order/1`, signal);
    expect(await ca.issuer.directory(signal)).toMatchObject({ hasRenewalInfo: true });
  });
});
