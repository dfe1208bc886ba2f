import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { apiDocument, createApi } from '../../src/api/routes.ts';
import { roles } from '../../src/core/access/role.ts';
import { loadLanguage, say } from '../../src/core/errors/wording.ts';
import { type Answered, type ApiDaemon, apiPlaces, startApiDaemon } from '../support/api-daemon.ts';
import { buildCertfleet, type Certfleet, stderrOf } from '../support/e2e.ts';
import { isLong, seed } from '../support/seeded.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The API of a daemon whose CA does not answer, so that nothing changes: who may do what, what is told of an error, and
// what any request leads to.

stopAllAfterwards();
await loadLanguage('zh');

const names = ['alpha', 'beta', 'delta', 'gamma', 'omega'] as const;
let daemon: ApiDaemon;
let certfleet: Certfleet;
let config: string;
beforeAll(async () => {
  const folder = await temporaryFolder('api');
  const [places, closed] = [await apiPlaces(folder), await freePort()];
  config = join(folder, 'certfleet.yaml');
  const configuration = {
    store: { type: 'file', path: join(folder, 'store') },
    issuers: { down: { directory: `https://127.0.0.1:${closed}/dir`, agreeToTerms: true } },
    solvers: { dns: { type: 'dns01', provider: 'manual' } },
    deployers: { files: { type: 'files', path: folder } },
    certificates: names.map((name) => ({
      ...{ name, identifiers: [`${name}.example.test`], solver: 'dns', deploy: ['files'], issuer: 'down' },
    })),
    pages: places.pages,
  };
  await writeFile(config, JSON.stringify(configuration));
  const built = await buildCertfleet();
  certfleet = (args, options) => built([...args, '--config', config], options);
  daemon = await startApiDaemon({ certfleet }, places);
});

interface Operation {
  readonly 'x-role': (typeof roles)[number];
  readonly 'x-about': 'fleet' | 'certificates';
}
const operations = Object.entries(apiDocument().paths ?? {}).flatMap(([path, item]) =>
  Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => ({
    ...{ method: method.toUpperCase(), path, operation },
  })),
);

it('has all its routes in the document', () => {
  const { routes } = createApi({ access: {} } as never);
  const served = routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`);
  const described = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);
  expect([...new Set(served)].sort()).toEqual(described.sort());
});

it('refuses who may not change something before it reads what they sent, and writes that down once', async () => {
  const token = await daemon.makeToken({ name: 'looker', role: 'viewer' });
  const headers = { 'content-type': 'application/json' };
  const changing = operations.filter(({ method }) => method !== 'GET');
  const paths = changing.map(({ method, path }) => ({
    method,
    path: path.replace('{name}', 'beta').replace('{section}', 'solvers'),
  }));
  for (const { method, path } of paths) {
    const { status, json } = await daemon.ask(method, path, { token, headers, body: '{' });
    expect([method, path, status, json.code]).toEqual([method, path, 403, 'access/role']);
  }
  const { entries } = (await daemon.ask('GET', '/audit?limit=1000')).json;
  const mine = entries.filter(({ who }: Record<string, string>) => who === 'looker').toReversed();
  expect(
    mine.map(({ via, what, object, result }: Record<string, string>) => `${via} ${what} ${object} ${result}`),
  ).toEqual(paths.map(({ method, path }) => `token request ${method} /api/v1${path} refused`));
});

it('lets each role and scope do what the document says, and nobody without a token', async () => {
  const tokens = new Map<string, { readonly token: string; readonly rank: number; readonly scope: boolean }>();
  for (const [rank, role] of roles.entries())
    for (const scope of [false, true]) {
      const name = `${role}-${scope}`;
      const token = await daemon.makeToken({ name, role, ...(scope ? { scope: ['alp*'] } : {}) });
      tokens.set(name, { token, rank, scope });
    }
  // The events have no end, and the other names do not exist, so that nothing is done.
  for (const { method, path: template, operation } of operations.filter(({ path }) => path !== '/events')) {
    const path = template.replace('{name}', 'none-such').replace('{section}', 'solvers');
    expect((await daemon.ask(method, path, { token: '' })).status, `${method} ${path}`).toBe(401);
    expect((await daemon.ask(method, path, { token: 'cft_wrong' })).status, `${method} ${path}`).toBe(401);
    for (const [name, { token, rank, scope }] of tokens) {
      const { status } = await daemon.ask(method, path, { token });
      const isAllowed = rank >= roles.indexOf(operation['x-role']) && !(scope && operation['x-about'] === 'fleet');
      // What a token must not see does not exist for it, whatever its role.
      const refused = scope && operation['x-about'] === 'certificates' ? [403, 404] : [403];
      const what = `${name}: ${method} ${path}: ${status}`;
      if (isAllowed) expect([401, 403, 500, 502], what).not.toContain(status);
      else expect(refused, what).toContain(status);
    }
  }
});

// To look closer at these would take minutes, in which nothing else is done.
const deep = {
  body: `${'{"a":'.repeat(25_000)}1${'}'.repeat(25_000)}`,
  headers: { 'content-type': 'application/json' },
};
const dotted = { body: { type: 'dns01', provider: 'cloudflare', ['a.'.repeat(15_000)]: 1 } };
const many = { body: { solver: 'dns', identifiers: Array.from({ length: 50_000 }, () => '!') } };

const cases: readonly (readonly [string, string, string, Parameters<ApiDaemon['ask']>[2], number, string])[] = [
  ['no token', 'GET', '/certificates', { token: '' }, 401, 'access/login'],
  ['no such path', 'GET', '/nothing', {}, 404, 'usage/no-path'],
  ['another method', 'PUT', '/certificates', { body: {} }, 404, 'usage/no-path'],
  ['no such certificate', 'GET', '/certificates/none-such', {}, 404, 'lineage/not-found'],
  ['an action on none', 'POST', '/certificates/none-such/renew', {}, 404, 'lineage/not-found'],
  ['a number that is none', 'GET', '/certificates?limit=many', {}, 400, 'usage/request'],
  ['a cursor of nobody', 'GET', '/certificates?after=x', {}, 400, 'usage/invalid-value'],
  ['too far ahead', 'GET', '/plan?until=9999d', {}, 400, 'usage/invalid-value'],
  ['too long ago', 'GET', '/audit?since=2001-01-01T00:00:00Z', {}, 400, 'usage/invalid-value'],
  ['the key, where it is off', 'POST', '/certificates/alpha/key', {}, 403, 'access/no-key-download'],
  ['another revision', 'POST', '/certificates/alpha/renew', { headers: { 'if-match': '"x"' } }, 412, 'lineage/changed'],
  ['no JSON', 'POST', '/tokens', { body: '{', headers: { 'content-type': 'application/json' } }, 400, 'usage/request'],
  ['nothing', 'POST', '/tokens', {}, 400, 'usage/request'],
  ['an unknown field', 'POST', '/tokens', { body: { name: 'x', rolle: 'admin' } }, 400, 'usage/request'],
  ['a misspelt field', 'POST', '/certificates/alpha/revoke', { body: { raeson: 'superseded' } }, 400, 'usage/request'],
  ['another field', 'POST', '/certificates/alpha/pause', { body: { why: 'it moves' } }, 400, 'usage/request'],
  ['a bad scope', 'POST', '/tokens', { body: { name: 'x', scope: ['*x'] } }, 422, 'access/scope'],
  [
    'a simple password',
    'POST',
    '/users',
    { body: { name: 'x', role: 'viewer', password: 'aaaaaaaaaaaaaa' } },
    422,
    'access/password',
  ],
  ['groups without end', 'PUT', '/declared/certificates/x', deep, 422, 'config/declaration-refused'],
  ['groups in an option', 'PUT', '/declared/solvers/x', dotted, 422, 'config/declaration-refused'],
  ['names without end', 'PUT', '/declared/certificates/x', many, 422, 'config/declaration-refused'],
  ['no such user', 'DELETE', '/users/none-such', {}, 404, 'access/no-user'],
  ['a user without a name', 'DELETE', '/users/%09', {}, 404, 'access/no-user'],
  ['too much', 'POST', '/tokens', { body: { name: 'x'.repeat(300_000) } }, 413, 'usage/too-long'],
  [
    'another site',
    'POST',
    '/certificates/alpha/renew',
    { headers: { origin: 'https://evil.example' } },
    403,
    'access/foreign',
  ],
];
it.each(cases)('answers %s with a problem in the reader’s language', async (_, method, path, asked, status, code) => {
  for (const language of ['en', 'zh'] as const) {
    const headers = { ...asked?.headers, 'accept-language': language === 'zh' ? 'zh-CN,en;q=0.5' : 'en' };
    const answer = await daemon.ask(method, path, { ...asked, headers });
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json).toMatchObject({ status, code, type: `urn:certfleet:error:${code}` });
    expect(answer.status).toBe(status);
    const { params, title } = answer.json;
    expect(title).toBe(say({ code, params }, language).message);
  }
});

it.each([
  ['', names],
  ['order=down', names.toReversed()],
  ['search=lta', ['delta']],
  ['search=beta.example', ['beta']],
  ['issuer=down&limit=1000', names],
  ['issuer=other', []],
  ['state=valid', []],
])('lists with %j', async (query, expected) => {
  const { certificates, total, matching } = (await daemon.ask('GET', `/certificates?${query}`)).json;
  if (!query.includes('limit=')) expect(matching).toBe(certificates.length);
  expect([certificates.map(({ name }: { name: string }) => name), total]).toEqual([expected, 5]);
});

it.each(['name', 'expiry', 'renewal'])('has each certificate once on pages by %s', async (sort) => {
  const found: string[] = [];
  let after = '';
  for (let page = 0; page < 3; page++) {
    const { certificates, next } = (await daemon.ask('GET', `/certificates?sort=${sort}&limit=2${after}`)).json;
    found.push(...certificates.map(({ name }: { name: string }) => name));
    expect(next === undefined).toBe(page === 2);
    after = `&after=${next}`;
  }
  expect(found.toSorted()).toEqual(names);
});

it('makes a token that is shown once, works until it is removed, and is in the audit log', async () => {
  const token = await daemon.makeToken({ name: 'once', role: 'viewer' });
  const listed = await daemon.ask('GET', '/tokens');
  expect(listed.json.tokens).toContainEqual(expect.objectContaining({ name: 'once', role: 'viewer' }));
  expect(listed.text).not.toContain(token);
  expect((await daemon.ask('GET', '/overview', { token })).json.total).toBe(5);
  expect((await daemon.ask('DELETE', '/tokens/once')).status).toBe(204);
  expect((await daemon.ask('GET', '/overview', { token })).status).toBe(401);
  const { entries } = (await daemon.ask('GET', '/audit?limit=2')).json;
  expect(entries).toMatchObject([
    { what: 'token.remove', object: 'once', via: 'socket', result: 'done' },
    { what: 'token.add', object: 'once', via: 'socket', result: 'done' },
  ]);
});

it.each([
  [['GET', '/certificates/alpha'], 0, '"name": "alpha"', ''],
  [['/certificates?search=beta'], 0, '"total": 5', ''],
  [['GET', '/certificates/none-such'], 2, '', 'none-such'],
  [['POST', '/certificates/alpha/renew', '--if-match', 'x'], 2, '', 'alpha'],
  [['POST', '/tokens', '--field', 'name=by-command', '--field', 'role=viewer'], 0, '"token": "cft_', ''],
  [['DELETE', '/tokens/by-command'], 0, '', ''],
  [['GET', '/events'], 2, '', 'events have no end'],
  [['PATCH', '/tokens'], 2, '', 'PATCH: expected GET, POST or DELETE'],
  [['GET', 'certificates'], 2, '', 'expected a path of the API'],
  [['POST', '/tokens', '--data', '{'], 2, '', '--data: expected JSON'],
])('`certfleet api` with %j ends with %i', async (args, status, stdout, stderr) => {
  const ran = await certfleet(['api', ...args]);
  expect(stderrOf(ran)).toContain(stderr);
  expect(ran.stdout).toContain(stdout);
  expect(ran.status).toBe(status);
});

it('`certfleet api` says in one sentence that nothing listens', async () => {
  const folder = await temporaryFolder('api');
  const file = join(folder, 'certfleet.yaml');
  const built = await buildCertfleet();
  const place = join(folder, 'pages.sock');
  for (const [pages, status, sentence] of [
    [undefined, 2, '`pages.listen` names none'],
    [{ listen: '127.0.0.1:8443' }, 2, '`pages.listen` names none'],
    [{ listen: `unix:${place}` }, 4, `answers at the socket ${place}`],
  ] as const) {
    await writeFile(file, JSON.stringify({ store: { type: 'file', path: join(folder, 'store') }, pages }));
    const ran = await built(['api', 'GET', '/certificates', '--config', file]);
    expect(stderrOf(ran)).toContain(sentence);
    expect(ran.status).toBe(status);
  }
});

it('answers any request with what it is told to, never with a fault or a stack', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('alpha', '', '.', '..', '__proto__', 'a\0b', '\r\nx: y', '%', '\u202e<script>', 'x'.repeat(3_000)),
  );
  const encoded = fc.oneof(
    text.map((one) => encodeURIComponent(one.replaceAll(/[\ud800-\udfff]/g, ''))),
    fc.constantFrom('%', '%zz', '%ff', '%c0%ae', '%00', '%2f', '%2e%2e%2f', '+', ';a=b', 'alpha%20'),
  );
  const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), text);
  const body = fc.oneof(
    fc.constant(undefined),
    value.map((one) => JSON.stringify(one)),
    fc.constantFrom('{', '[]', 'null', '"', '[['.repeat(5_000), 'x'.repeat(300_000)),
    fc
      .record({ name: value, role: value, password: value, scope: value, reason: value })
      .map((one) => JSON.stringify(one)),
  );
  const request = fc.record({
    operation: fc.constantFrom(
      ...operations.filter(({ path }) => !['/events', '/certificates/{name}/path'].includes(path)),
    ),
    method: fc.option(fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND'), {
      freq: 4,
    }),
    name: encoded,
    query: fc.array(
      fc.tuple(fc.constantFrom('search', 'state', 'sort', 'order', 'limit', 'after', 'until', 'since', 'x'), encoded),
      { maxLength: 3 },
    ),
    body,
    type: fc.constantFrom('application/json', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'),
    condition: fc.option(fc.constantFrom('"x"', '*', 'W/"a"', '"a", "b"', 'a b', '""', '~~'), { freq: 2 }),
  });
  const answers = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ operation, method, name, query, body: sent, type, condition }) => {
      const search = query.map((pair) => pair.join('=')).join('&');
      const path = `${operation.path.replace('{name}', name)}${search === '' ? '' : `?${search}`}`;
      const headers = { 'content-type': type, ...(condition === null ? {} : { 'if-match': condition }) };
      const asked = method ?? operation.method;
      const answering = daemon.ask(asked, path, { headers, ...(sent === undefined ? {} : { body: sent }) });
      const answer = await answering.catch((error: NodeJS.ErrnoException) => {
        // A target that is none is refused at once, while the client still sends.
        if (error.code === 'EPIPE' && sent && sent.length > 65_536 && hasDots.test(path)) return undefined;
        throw error;
      });
      if (!answer) return;
      answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
      expect(isTold(answer, asked), `${asked} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`).toBe(true);
    }),
    { numRuns: isLong ? 5_000 : 200, seed },
  );
  // The sample must not be refused for one reason alone.
  expect([...answers.keys()]).toEqual(expect.arrayContaining([200, 400, 404]));
  const { total } = (await daemon.ask('GET', '/overview')).json;
  expect(total).toBe(5);
  expect(daemon.said()).not.toMatch(/the API: |the pages: /);
});

const hasDots = /^[^?]*\/(?:\.|%2e){1,2}(?:[/?]|$)/i;

/** Reports whether an answer is a success or a problem without a stack. */
function isTold({ status, headers, text, json }: Answered, method: string): boolean {
  if (status >= 500 || /(\\n|\n)\s+at \S|node_modules/.test(text)) return false;
  if (status < 400 || method === 'HEAD') return true;
  // A target that is none is refused before anything looks at it.
  if (text === 'bad request\n') return status === 400;
  return headers['content-type'] === 'application/problem+json' && json?.status === status && json.title !== '';
}

it('tells those who follow to read all again after a gap', async () => {
  const { followEvents } = await import('../support/api-daemon.ts');
  const { sequence } = (await daemon.ask('GET', '/certificates')).json as { readonly sequence: string };
  const [life] = sequence.split('.');
  for (const lastEventId of ['1', 'other.1', `${life}.999999999`, `${life}.-1`, `${life}.x`]) {
    const { events, end } = followEvents(daemon, { lastEventId });
    await until(() => events.length > 0, { what: `an event after ${lastEventId}` });
    expect(events[0]).toMatchObject({ event: 'reload', id: expect.stringMatching(new RegExp(`^${life}\\.\\d+$`)) });
    end();
  }
});
