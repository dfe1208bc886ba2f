import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { flattenedVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import type { CertfleetError } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import type { Order } from '../ports/issuer.ts';
import { createSigner } from './jws.ts';
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
const failure = (promise: Promise<unknown>): Promise<CertfleetError> =>
  promise.then(
    () => expect.fail('it succeeded'),
    (error: CertfleetError) => error,
  );
const payloads = (requests: Parameters<typeof readSigned>[0][], path: string) =>
  requests.filter((r) => r.url === base + path).map((r) => JSON.parse(readSigned(r)!.payload));

describe('accounts', () => {
  const location = { location: accountUrl };
  const asked = { keyPem, contacts: ['mailto:a@example.test'], agreeToTerms: true };

  test('are created with a request signed by their own key', async () => {
    const ca = testCa({
      '/new-account': () => ({ status: 201, body: { status: 'valid', contact: asked.contacts }, headers: location }),
    });
    expect(await ca.issuer.openAccount(asked, signal)).toEqual({
      url: accountUrl,
      status: 'valid',
      contacts: asked.contacts,
    });
    expect(payloads(ca.requests, '/new-account')).toEqual([{ termsOfServiceAgreed: true, contact: asked.contacts }]);
    const { header } = readSigned(ca.requests.at(-1)!)!;
    expect(header).not.toHaveProperty('kid');
    expect(header).toHaveProperty('jwk.kty', 'EC');
  });

  test('are found without creating one', async () => {
    const ca = testCa({ '/new-account': () => ({ body: { status: 'valid' }, headers: location }) });
    const info = await ca.issuer.openAccount(
      { ...asked, contacts: [], agreeToTerms: false, onlyExisting: true },
      signal,
    );
    expect(info).toEqual({ url: accountUrl, status: 'valid', contacts: [] });
    expect(payloads(ca.requests, '/new-account')).toEqual([{ onlyReturnExisting: true }]);
  });

  test('get new contacts if they have others', async () => {
    const ca = testCa({
      '/new-account': () => ({ body: { status: 'valid', contact: ['mailto:old@example.test'] }, headers: location }),
      '/account/1': () => ({ body: { status: 'valid', contact: asked.contacts } }),
    });
    expect((await ca.issuer.openAccount(asked, signal)).contacts).toEqual(asked.contacts);
    expect(payloads(ca.requests, '/account/1')).toEqual([{ contact: asked.contacts }]);
    expect(readSigned(ca.requests.at(-1)!)!.header.kid).toBe(accountUrl);
  });

  test.each([
    ['no Location', { status: 201, body: { status: 'valid' } }],
    ['an unknown status', { status: 201, body: { status: 'asleep' }, headers: location }],
    ['not JSON', { status: 201, body: 'hello', headers: { ...location, 'content-type': 'application/json' } }],
  ])('malformed: %s', async (_what, reply) => {
    const ca = testCa({ '/new-account': () => reply });
    expect((await failure(ca.issuer.openAccount(asked, signal))).code).toBe('acme/malformed-answer');
  });
});

describe('an account with external account binding', () => {
  const externalAccount = { kid: 'kid-1', hmacKey: new Secret('c2VjcmV0c2VjcmV0'), algorithm: 'HS256' } as const;
  const asked = { keyPem, contacts: [], agreeToTerms: true, externalAccount };

  test('sends it in newAccount, for the same URL', async () => {
    const created = { status: 201, body: { status: 'valid' }, headers: { location: accountUrl } };
    const ca = testCa({ '/new-account': () => created });
    await ca.issuer.openAccount(asked, signal);
    const [payload] = payloads(ca.requests, '/new-account');
    const header = JSON.parse(Buffer.from(payload.externalAccountBinding.protected, 'base64url').toString());
    expect(header).toEqual({ alg: 'HS256', kid: 'kid-1', url: `${base}/new-account` });
  });

  test.each([
    ['unauthorized', 'acme/external-account-refused'],
    ['malformed', 'acme/external-account-refused'],
    ['userActionRequired', 'acme/problem'],
    ['invalidContact', 'acme/problem'],
  ])('that is refused as %s fails with %s', async (type, code) => {
    const ca = testCa({ '/new-account': () => ({ status: 400, body: problem(type, 400) }) });
    const error = await failure(ca.issuer.openAccount(asked, signal));
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.hint}`).not.toContain('c2VjcmV0');
  });

  test('is asked for by a CA whose directory does not say so', async () => {
    const ca = testCa({ '/new-account': () => ({ status: 400, body: problem('externalAccountRequired', 400) }) });
    const { externalAccount: _none, ...without } = asked;
    const error = await failure(ca.issuer.openAccount(without, signal));
    expect(error).toMatchObject({ code: 'acme/external-account-required', retry: 'never' });
    expect(error.hint).toContain('--eab-kid');
  });

  test('is not sent with a key that cannot be read', async () => {
    const ca = testCa();
    const wrong = { ...asked, externalAccount: { ...externalAccount, hmacKey: new Secret('abcde') } };
    expect((await failure(ca.issuer.openAccount(wrong, signal))).code).toBe('config/eab-key');
    expect(ca.count('/new-account')).toBe(0);
  });
});

test('a refused algorithm names those that the CA accepts', async () => {
  const body = problem('badSignatureAlgorithm', 400, { algorithms: ['RS256', 'ES256', '<script>', 7] });
  const ca = testCa({ '/new-account': () => ({ status: 400, body }) });
  const error = await failure(ca.issuer.openAccount({ keyPem, contacts: [], agreeToTerms: true }, signal));
  expect(error.message).toContain('it accepts RS256, ES256');
  expect(error.message).not.toContain('script');
});

describe('the life of an account', () => {
  const directory: Handler = () => ({
    body: { ...directoryBody, keyChange: `${base}/key-change`, revokeCert: `${base}/revoke` },
  });
  const certificatePem = `-----BEGIN CERTIFICATE-----\n${Buffer.from('leaf').toString('base64')}\n-----END CERTIFICATE-----\n`;

  test('contacts are replaced with one request to the account', async () => {
    const ca = account({ '/account/1': () => ({ body: { status: 'valid', contact: ['mailto:new@example.test'] } }) });
    expect(await ca.account.updateContacts(['mailto:new@example.test'], signal)).toEqual(['mailto:new@example.test']);
    expect(payloads(ca.requests, '/account/1')).toEqual([{ contact: ['mailto:new@example.test'] }]);
    expect(ca.count('/new-account')).toBe(0);
  });

  test('deactivation', async () => {
    const ca = account({ '/account/1': () => ({ body: { status: 'deactivated' } }) });
    await ca.account.deactivate(signal);
    expect(payloads(ca.requests, '/account/1')).toEqual([{ status: 'deactivated' }]);
  });

  test('a rollover is signed by both keys (RFC 8555 §7.3.5)', async () => {
    const ca = account({ '/directory': directory, '/key-change': () => ({ body: { status: 'valid' } }) });
    const newKey = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    const newPem = new Secret(newKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    await ca.account.rollover(newPem, signal);
    const outside = readSigned(ca.requests.at(-1)!)!;
    expect(outside.header).toMatchObject({ alg: 'ES256', kid: accountUrl, url: `${base}/key-change` });
    const { payload, protectedHeader } = await flattenedVerify(JSON.parse(outside.payload), createPublicKey(newKey));
    expect(protectedHeader).toEqual({ alg: 'ES384', url: `${base}/key-change`, jwk: createSigner(newPem).jwk });
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      account: accountUrl,
      oldKey: createSigner(keyPem).jwk,
    });
  });

  test.each(['rollover', 'revocation'])('%s at a CA whose directory lacks it', async (what) => {
    const ca = account({});
    const asked =
      what === 'rollover' ? ca.account.rollover(keyPem, signal) : ca.account.revoke({ certificatePem }, signal);
    expect(await failure(asked)).toMatchObject({ code: 'acme/cannot', retry: 'never' });
  });

  test.each([
    ['by the account', { kid: accountUrl }, false],
    ['by the certificate’s own key', { jwk: createSigner(keyPem).jwk }, true],
  ])('a certificate is revoked %s (§7.6)', async (_how, header, byKey) => {
    const ca = account({ '/directory': directory, '/revoke': () => ({}) });
    const request = { certificatePem, reason: 1 };
    const done = byKey ? ca.issuer.revokeWithKey(keyPem, request, signal) : ca.account.revoke(request, signal);
    expect(await done).toBe('now');
    const signed = readSigned(ca.requests.at(-1)!)!;
    expect(signed.header).toMatchObject(header);
    expect(JSON.parse(signed.payload)).toEqual({ certificate: Buffer.from('leaf').toString('base64url'), reason: 1 });
  });

  test('one that was revoked before is revoked', async () => {
    const again: Handler = () => ({ status: 400, body: problem('alreadyRevoked', 400) });
    const ca = account({ '/directory': directory, '/revoke': again });
    expect(await ca.account.revoke({ certificatePem }, signal)).toBe('before');
  });
});

describe('a refused newOrder', () => {
  const profiles = { classic: '', shortlived: '', tlsserver: '' };
  const meta = { profiles, caaIdentities: ['ca.test'] };
  const identifiers = Array.from({ length: 26 }, (_, n) => ({ type: 'dns', value: `n${n}.test` }) as const);
  test.each([
    ['malformed', 'tlsserver', '`--profile classic`'],
    ['rejectedIdentifier', 'classic', 'remove the identifier'],
    ['caa', 'tlsserver', '`0 issue "ca.test"`'],
  ])('of type %s says what helps', async (type, profile, words) => {
    const ca = account({
      '/directory': () => ({ body: { ...directoryBody, meta } }),
      '/new-order': () => ({ status: 400, body: problem(type, 400) }),
    });
    expect((await failure(ca.account.newOrder({ identifiers, profile }, signal))).hint).toContain(words);
  });
});

describe('orders', () => {
  const order = (body: object, headers = {}) =>
    account({ '/order/1': () => ({ body, headers }) }).account.order(`${base}/order/1`, signal);

  test('keep their URL through finalize, and say when to poll', async () => {
    const ca = account({
      '/new-order': () => ({ status: 201, body: orderBody, headers: { location: `${base}/order/1` } }),
      '/finalize/1': () => ({ body: { ...orderBody, status: 'processing' }, headers: { 'retry-after': '3' } }),
    });
    const created = await ca.account.newOrder({ identifiers: [{ type: 'ip', value: '2001:db8::1' }] }, signal);
    expect(payloads(ca.requests, '/new-order')).toEqual([{ identifiers: [{ type: 'ip', value: '2001:db8::1' }] }]);
    expect(created).toEqual({
      url: `${base}/order/1`,
      status: 'pending',
      identifiers: orderBody.identifiers,
      authorizationUrls: orderBody.authorizations,
      finalizeUrl: orderBody.finalize,
      certificateUrl: undefined,
      expires: undefined,
      error: undefined,
      retryAfterMs: undefined,
    });
    const finalized = await ca.account.finalize(created, Uint8Array.of(255, 254), signal);
    expect(finalized).toMatchObject({ url: `${base}/order/1`, status: 'processing', retryAfterMs: 3000 });
    expect(payloads(ca.requests, '/finalize/1')).toEqual([{ csr: '__4' }]);
  });

  test('carry their error, and when to poll as a date', async () => {
    const error = problem('badCSR', 400);
    const body = { ...orderBody, status: 'invalid', error, identifiers: [{ type: 'ip', value: '2001:DB8:0::1' }] };
    expect(await order(body, { 'retry-after': 'Tue, 24 Nov 2026 12:00:20 GMT' })).toMatchObject({
      status: 'invalid',
      identifiers: [{ type: 'ip', value: '2001:db8::1' }],
      error: { ...error, subproblems: [] },
      retryAfterMs: 20_000,
    });
  });

  test.each([
    ['valid without a certificate', { ...orderBody, status: 'valid' }],
    ['an unknown status', { ...orderBody, status: 'maybe' }],
    ['no finalize', { ...orderBody, finalize: undefined }],
    ['authorizations that are not a list', { ...orderBody, authorizations: 'x' }],
    ['an authorization over http', { ...orderBody, authorizations: ['http://169.254.169.254/'] }],
    ['an identifier of another kind', { ...orderBody, identifiers: [{ type: 'email', value: 'a@b' }] }],
    ['a list', [orderBody]],
  ])('malformed: %s', async (_what, body) => {
    expect((await failure(order(body))).code).toBe('acme/malformed-answer');
  });

  test('malformed: a page instead of JSON', async () => {
    const error = await failure(order('<html>' as never, { 'content-type': 'text/html; charset=utf-8' }));
    expect(error.message).toContain('the content type is text/html, not application/json');
  });

  test('any JSON is an order or a malformed answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(fuzzed(orderBody), { requiredKeys: [] }), async (body) => {
        try {
          expect((await order(body)).url).toBe(`${base}/order/1`);
        } catch (error) {
          expect((error as CertfleetError).code).toBe('acme/malformed-answer');
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** Each field valid, or any JSON. */
const fuzzed = (fields: object) =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, fc.oneof(fc.constant(value), fc.jsonValue())]),
  );

describe('authorizations', () => {
  const token = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA';
  const http01 = { type: 'http-01', url: `${base}/chall/1`, status: 'pending', token };
  const body = { status: 'pending', identifier: { type: 'dns', value: 'Example.test' }, challenges: [http01] };
  const authorization = (over: object) =>
    account({
      '/authz/1': () => ({ body: { ...body, ...over }, headers: { 'retry-after': '1' } }),
    }).account.authorization(`${base}/authz/1`, signal);

  test('a wildcard has the identifier of the order', async () => {
    expect((await authorization({ wildcard: true })).identifier).toEqual({ type: 'dns', value: '*.example.test' });
    expect(await authorization({})).toEqual({
      url: `${base}/authz/1`,
      status: 'pending',
      identifier: { type: 'dns', value: 'example.test' },
      challenges: [{ ...http01, error: undefined }],
      retryAfterMs: 1000,
    });
  });

  test('lists challenges of unknown types, without a token, with a bad one, in unknown states', async () => {
    const persist = {
      type: 'dns-persist-01',
      url: `${base}/c/2`,
      status: 'pending',
      'issuer-domain-names': ['ca.test'],
    };
    const odd = { type: 'odd-01', token: '../../x', status: 'dreaming' };
    const { challenges } = await authorization({ challenges: [persist, http01, odd, 'nonsense', null] });
    expect(challenges).toMatchObject([
      { type: 'dns-persist-01', url: `${base}/c/2`, token: undefined },
      { type: 'http-01', token },
      { type: 'odd-01', url: '', status: 'pending', token: undefined },
    ]);
  });

  test.each([
    [
      'draft 00',
      { 'issuer-domain-names': ['ca.test', 'www.ca.test'] },
      { issuerDomainNames: ['ca.test', 'www.ca.test'] },
    ],
    [
      'draft 01',
      { 'issuer-domain-names': ['ca.test'], accounturi: `${base}/acct/1` },
      { issuerDomainNames: ['ca.test'], accountUri: `${base}/acct/1` },
    ],
    ['draft 02', { issuerDomainNames: ['ca.test'] }, { issuerDomainNames: ['ca.test'] }],
    ['no names', {}, undefined],
    ['an empty list', { issuerDomainNames: [] }, undefined],
    ['more than ten names', { issuerDomainNames: Array.from({ length: 11 }, (_, i) => `ca${i}.test`) }, undefined],
    ['a name that would end the value', { issuerDomainNames: ['ca.test; accounturi=x'] }, undefined],
    ['capital letters', { issuerDomainNames: ['CA.test'] }, undefined],
    ['an account that is not a text', { issuerDomainNames: ['ca.test'], accounturi: 7 }, undefined],
    ['a URL that is not https', { issuerDomainNames: ['ca.test'], url: 'http://169.254.169.254/' }, undefined],
  ])('dns-persist-01 as in %s', async (_how, fields, persist) => {
    const challenge = { type: 'dns-persist-01', url: `${base}/c/2`, status: 'pending', ...fields };
    const { challenges } = await authorization({ challenges: [challenge] });
    expect(challenges[0]?.persist).toEqual(persist);
  });

  test.each(['http-01', 'dns-01'])('%s with a token that is not base64url is refused', async (type) => {
    for (const bad of ['../../x', '', 'a b', 'a=', 7, undefined, 'x'.repeat(300)]) {
      const error = await failure(authorization({ challenges: [{ ...http01, type, token: bad }] }));
      expect(error.code).toBe('acme/malformed-answer');
      expect(error.message).toContain(`the token of the ${type} challenge is not base64url`);
    }
  });

  test('a failed challenge carries its problem', async () => {
    const error = problem('dns', 400);
    const { challenges } = await authorization({
      status: 'invalid',
      challenges: [{ ...http01, status: 'invalid', error }],
    });
    expect(challenges[0]).toMatchObject({ status: 'invalid', error: { ...error, subproblems: [] } });
  });

  test('accepts a challenge with exactly an empty object', async () => {
    const ca = account({ '/chall/1': () => ({ body: http01 }) });
    expect(await ca.account.accept(`${base}/chall/1`, signal)).toEqual({});
    expect(readSigned(ca.requests.at(-1)!)!.payload).toBe('{}');
  });

  test('reads from the answer to a challenge when to poll', async () => {
    const ca = account({ '/chall/1': () => ({ body: http01, headers: { 'retry-after': '3' } }) });
    expect(await ca.account.accept(`${base}/chall/1`, signal)).toEqual({ retryAfterMs: 3_000 });
  });

  test('any JSON is an authorization or a malformed answer', async () => {
    const challenge = fc.record(fuzzed(http01), { requiredKeys: [] });
    const fields = { ...fuzzed(body), challenges: fc.array(fc.oneof(challenge, fc.jsonValue()), { maxLength: 3 }) };
    await fc.assert(
      fc.asyncProperty(fc.record(fields, { requiredKeys: [] }), async (over) => {
        try {
          for (const { token: read } of (await authorization(over)).challenges)
            if (read !== undefined) expect(read).toMatch(/^[\w-]+$/);
        } catch (error) {
          expect((error as CertfleetError).code).toBe('acme/malformed-answer');
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('download', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const type = 'application/pem-certificate-chain';
  const order = { certificateUrl: `${base}/cert/1` } as Order;

  test('requests PEM by POST-as-GET and returns it unchanged', async () => {
    const ca = account({ '/cert/1': () => ({ body: pem, headers: { 'content-type': `${type}; charset=utf-8` } }) });
    expect(await ca.account.download(order, signal)).toEqual({ chainPem: pem, alternates: [] });
    expect(ca.requests.at(-1)!.headers?.['accept']).toBe(type);
    expect(readSigned(ca.requests.at(-1)!)!.payload).toBe('');
  });

  test.each([
    ['HTML', { body: '<html>', headers: { 'content-type': 'text/html' } }],
    ['no content type', { body: pem }],
    ['endless', { body: 'x'.repeat(1024 * 1024 + 1), headers: { 'content-type': type } }],
  ])('malformed: %s', async (_what, reply) => {
    const ca = account({ '/cert/1': () => reply });
    expect((await failure(ca.account.download(order, signal))).code).toBe('acme/malformed-answer');
  });

  test('has the URLs of other chains, except broken ones', async () => {
    const link = `<${base}/cert/1/1>;rel="alternate", </cert/1/2>; rel=alternate, <ftp://x/>;rel="alternate", <${base}/up>;rel="up"`;
    const ca = account({
      '/cert/1': () => ({ body: pem, headers: { 'content-type': type, link } }),
      '/cert/1/2': () => ({ body: pem, headers: { 'content-type': type } }),
    });
    const { alternates } = await ca.account.download(order, signal);
    expect(alternates).toEqual([`${base}/cert/1/1`, `${base}/cert/1/2`]);
    expect(await ca.account.downloadAlternate(alternates[1]!, signal)).toBe(pem);
  });

  test('an order without a certificate', async () => {
    const error = await failure(account({}).account.download({ ...order, certificateUrl: undefined }, signal));
    expect(error.code).toBe('acme/malformed-answer');
  });
});

describe('renewal information', () => {
  const window = { start: '2027-01-02T04:00:00Z', end: '2027-01-03T04:00:00.5+01:00' };
  const info = (reply: object) => testCa({ '/ari/*': () => reply }).issuer.renewalInfo('aki.serial', signal);

  test('a window in UTC, its page, and when to ask again', async () => {
    const ca = testCa({
      '/ari/*': () => ({
        body: { suggestedWindow: window, explanationURL: 'https://ca.test/why' },
        headers: { 'retry-after': '21600' },
      }),
    });
    expect(await ca.issuer.renewalInfo('aki.serial', signal)).toEqual({
      start: '2027-01-02T04:00:00.000Z',
      end: '2027-01-03T03:00:00.500Z',
      explanationUrl: 'https://ca.test/why',
      retryAfterMs: 21_600_000,
    });
    expect(ca.requests.at(-1)).toMatchObject({ method: 'GET', url: `${base}/ari/aki.serial` });
  });

  test.each([
    ['1', 60_000],
    ['999999', 86_400_000],
    ['Tue, 24 Nov 2026 13:00:00 GMT', 3_600_000],
    ['Tue, 24 Nov 2020 13:00:00 GMT', 60_000],
    ['whenever', 21_600_000],
  ])('Retry-After %s is %i ms', async (header, ms) => {
    const read = await info({ body: { suggestedWindow: window }, headers: { 'retry-after': header } });
    expect(read?.retryAfterMs).toBe(ms);
  });

  test('no Retry-After means 6 h; a link that is not a web page is omitted', async () => {
    const read = await info({ body: { suggestedWindow: window, explanationURL: 'javascript:alert(1)' } });
    expect(read).toMatchObject({ retryAfterMs: 21_600_000, explanationUrl: undefined });
  });

  test.each([
    ['the end before the start', { suggestedWindow: { start: window.end, end: window.start } }],
    ['an empty window', { suggestedWindow: { start: window.start, end: window.start } }],
    ['no window', {}],
    ['no times', { suggestedWindow: { start: '2027', end: 7 } }],
  ])('malformed: %s', async (_what, body) => {
    expect((await failure(info({ body }))).code).toBe('acme/malformed-answer');
  });

  test('none if the CA has none', async () => {
    const { renewalInfo: _, ...without } = directoryBody;
    const ca = testCa({ '/directory': () => ({ body: without }) });
    expect(await ca.issuer.renewalInfo('aki.serial', signal)).toBeUndefined();
  });

  test('a certificate that the CA does not know is a problem', async () => {
    expect((await failure(info({ status: 404, body: problem('malformed', 404) }))).code).toBe('acme/problem');
  });
});
