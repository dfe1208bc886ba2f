import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type PeerCertificate, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { Hono } from 'hono';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { type Access, createAccess } from '../../src/access/access.ts';
import type { Env } from '../../src/access/who.ts';
import type { PagesSettings } from '../../src/core/spec/spec.ts';
import { present } from '../../src/core/text/present.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createStreams } from '../../src/lib/streams.ts';
import { eventsOf } from '../../src/pages/events.ts';
import type { Store } from '../../src/ports/store.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import { type Identity, serveWeb } from '../../src/web/server.ts';
import { type Answer, type Ask, askAt } from '../support/ask-at.ts';
import { itDrawn } from '../support/drawn.ts';
import { makeLocalHttps } from '../support/https.ts';
import { createFleet } from '../support/pages/fleet.ts';
import { createPlaceholder } from '../support/pages/placeholder.tsx';
import { pagesOf } from '../support/pages/server.ts';
import { quickPasswords } from '../support/quick-passwords.ts';
import { freePort, nodeAs, temporaryFolder, until } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const by = { name: 'root', via: 'command' } as const;
const password = 'correct horse battery';

/** A store with a user of each role, and an API token. Scrypt takes long, so the tests copy it. */
let prepared: { readonly store: Store; readonly token: string };
beforeAll(async () => {
  const store = createMemoryStore();
  const access = createAccess({ store, clock: fakeClock(), ...quickPasswords });
  for (const role of ['viewer', 'operator', 'admin'] as const)
    await access.users.add({ name: `${role}-ann`, role, password }, by, signal);
  prepared = { store, token: await access.tokens.add({ name: 'ci', role: 'operator' }, by, signal) };
});

async function copyOf(from: Store): Promise<Store> {
  const to = createMemoryStore();
  for (const kind of ['user', 'access'] as const)
    for await (const page of from.scan(kind, signal))
      for (const { key, bytes } of page) await to.put(key, bytes, { ifRevision: null, signal });
  return to;
}

interface Served {
  readonly port: number;
  readonly access: Access;
  readonly clock: FakeClock;
  readonly store: Store;
  readonly said: readonly string[];
  /** The addresses at which it said that it can be reached. */
  readonly reached: readonly string[];
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** Logs in, and returns the cookie and the token for forms. */
  login(user: string, from?: Served): Promise<{ readonly cookie: string; readonly csrf: string }>;
  declare(settings: Partial<PagesSettings> | undefined): void;
}

async function serve(
  given: Partial<PagesSettings> = {},
  {
    store,
    identity,
    pages = createPlaceholder(),
  }: { store?: Store; identity?: () => Identity | undefined; pages?: Hono<Env> } = {},
): Promise<Served> {
  const port = await freePort();
  let settings: PagesSettings | undefined = {
    ...{ listen: [`127.0.0.1:${port}`], hosts: ['fleet.test'], behindProxy: false },
    ...given,
  };
  const [clock, used] = [fakeClock(), store ?? (await copyOf(prepared.store))];
  const access = createAccess({ store: used, clock, ...quickPasswords });
  const [said, reached]: [string[], string[]] = [[], []];
  const stop = new AbortController();
  const serving = serveWeb(
    {
      ...{ world: storeWorld({ streams: createStreams(systemClock) }), access, mounted: { pages } },
      ...{ settings: () => present({ pages: settings }), identity: async () => identity?.() },
      say: (_level, message) => void said.push(message),
      reachable: async (address) => void reached.push(address),
    },
    stop.signal,
  );
  onTestFinished(async () => {
    stop.abort();
    await serving;
  });
  await until(() => said.length > 0, { what: 'it says where the pages are' });
  const ask: Served['ask'] = (path, options) => askAt({ host: '127.0.0.1', port }, path, options);
  return {
    ...{ port, access, clock, store: used, said, reached, ask },
    async login(user) {
      const answer = await ask('/login', { form: { user, password } });
      expect(answer.status).toBe(303);
      const cookie = (answer.headers['set-cookie'] ?? []).join().split(';')[0] ?? '';
      const page = await ask('/', { headers: { cookie } });
      return { cookie, csrf: /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '' };
    },
    declare(next) {
      settings = next && { ...settings!, ...next };
    },
  };
}

it('answers for declared hosts alone, whatever leads to this machine', async () => {
  const { ask, port } = await serve();
  for (const host of ['fleet.test', 'FLEET.test:8443', 'localhost:1', '127.0.0.1', `[::1]:${port}`])
    expect([host, (await ask('/login', { headers: { host } })).status]).toEqual([host, 200]);
  for (const host of ['evil.test', 'fleet.test.evil.test', '192.0.2.1', 'fleet.test@evil.test', 'fleet.test:a'])
    expect([host, (await ask('/login', { headers: { host } })).status]).toEqual([host, 421]);
  const raw = async (text: string) => {
    const socket = connect(port, '127.0.0.1').end(text);
    let all = '';
    socket.on('data', (data) => (all += data));
    await once(socket, 'close');
    return all.slice(9, 12);
  };
  expect(await raw('GET http://evil.test/login HTTP/1.1\r\nHost: fleet.test\r\n\r\n')).toBe('400');
  expect(await raw('GET /login HTTP/1.1\r\nHost: fleet.test\r\nHost: evil.test\r\n\r\n')).toBe('400');
  expect(await raw('GET /login HTTP/1.1\r\n\r\n')).toBe('400');
  const up = ['/.//evil.test/?language=en', '/a/..//evil.test/?language=en', '/%2E//evil.test/?language=en'];
  for (const target of ['//evil.test/?language=en', '/\\evil.test/?language=en', ...up])
    expect(await raw(`GET ${target} HTTP/1.1\r\nHost: fleet.test\r\n\r\n`)).toBe('400');
});

it('says in each answer what a browser must not do with it', async () => {
  const { ask } = await serve();
  for (const path of ['/login', '/', '/none', '/first/x', '/api/v1/none']) {
    const { headers } = await ask(path);
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/,
      ),
      ...{ 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin', 'x-frame-options': 'DENY' },
      'cache-control': 'no-store',
    });
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|http/);
    expect(headers).not.toHaveProperty('strict-transport-security');
  }
});

it('asks for a login, and goes on to what was asked for', async () => {
  const { ask, login } = await serve();
  expect(await ask('/certificates?state=failed')).toMatchObject({
    ...{ status: 303, headers: { location: '/login?next=%2Fcertificates%3Fstate%3Dfailed' } },
  });
  expect((await ask('/login?next=%2Fa%3Fb')).body).toContain('name="next" value="/a?b"');
  expect((await ask('/login?next=//evil.test')).body).toContain('name="next" value="/"');
  expect((await ask('/login?next=%2F%5Cevil.test')).body).toContain('name="next" value="/"');
  expect(await ask('/login', { form: { user: ' Viewer-Ann ', password, next: '/a?b' } })).toMatchObject({
    ...{ status: 303, headers: { location: '/a?b' } },
  });
  expect(await ask('/api/v1/certificates')).toMatchObject({
    ...{ status: 401, headers: { 'content-type': 'application/problem+json', 'www-authenticate': 'Bearer' } },
  });
  const part = await ask('/new/check', { headers: { 'hx-request': 'true' }, form: { names: 'a.example' } });
  // The form in which the part will be says it, and stays.
  expect([part.status, part.headers['hx-redirect'], part.headers.location]).toEqual([401, undefined, undefined]);
  expect(part.body).toMatch(/id="refused".*You are logged out\./);
  expect((await ask('/events', { headers: { accept: 'text/event-stream' } })).status).toBe(401);
  // What a form sent is not sent again, so it is said where it still is.
  const unsent = { status: 303, headers: { location: '/login?unsent=yes' } };
  expect(await ask('/new', { form: { names: 'a.example' } })).toMatchObject(unsent);
  expect((await ask('/login?unsent=yes')).body).toContain('Your login had ended, so nothing was done.');
  expect(await ask('/logout', { form: {} })).toMatchObject({ status: 303, headers: { location: '/login' } });
  const { cookie } = await login('viewer-ann');
  expect((await ask('/', { headers: { cookie } })).body).toContain('viewer-ann (viewer)');
  const token = { authorization: `Bearer ${prepared.token}` };
  expect((await ask('/', { headers: token })).body).toContain('ci (operator)');
  expect((await ask('/', { headers: { authorization: `Bearer ${prepared.token}x` } })).status).toBe(401);
});

it('keeps what was typed, inert, beside what is wrong with it', async () => {
  const { ask, access } = await serve();
  const user = '"><script>alert(1)</script>\u202e';
  const wrong = await ask('/login', {
    form: { user, password: 'wrong' },
    headers: { 'accept-language': 'zh-CN,en;q=0.5' },
  });
  expect(wrong.status).toBe(422);
  expect(wrong.body).not.toContain('<script');
  expect(wrong.body).toContain('value="&quot;&gt;&lt;script&gt;');
  expect(wrong.body).toContain('用户名或密码错误。');
  expect(wrong.body).not.toContain('wrong');
  expect((await ask('/login', { form: { user: '', password: 'a' } })).body).toContain('Enter the name of the user.');
  expect((await ask('/login', { form: { user: 'ann', password: '' } })).body).toContain('Enter the password.');
  const [entry] = (await access.audit.read(new Date(0), signal)).filter(({ what }) => what === 'login');
  expect(entry).toMatchObject({ via: 'login', who: 'unknown', from: '127.0.0.1', result: 'refused' });
  expect(JSON.stringify(entry)).not.toMatch(/script/);
});

it('lets strangers reach no page but logins, and what pages are made of', async () => {
  const pages = new Hono<Env>();
  pages.all('*', (c) => c.text('reached'));
  const { ask } = await serve({}, { pages });
  expect((await ask('/assets/pages.css')).body).toBe('reached');
  for (const path of ['/assets/pages.css', '/first/a/b', '/login/x', '/login/oidc/callback'])
    expect([path, await ask(path, { form: {} })]).toMatchObject([path, { status: 404 }]);
  for (const path of ['/first/a/b', '/login/x'])
    expect([path, await ask(path)]).toMatchObject([
      path,
      { status: 404, body: expect.not.stringContaining('reached') },
    ]);
});

it('refuses forms from elsewhere', async () => {
  const { ask, login } = await serve();
  const { cookie, csrf } = await login('admin-ann');
  const post = async (headers: Record<string, string>, form: Record<string, string>) =>
    (await ask('/logout', { headers: { cookie, host: 'fleet.test', ...headers }, form })).status;
  expect(await post({}, {})).toBe(403);
  expect(await post({}, { csrf: `${csrf}x` })).toBe(403);
  expect(await post({ 'sec-fetch-site': 'cross-site' }, { csrf })).toBe(403);
  expect(await post({ 'sec-fetch-site': 'same-site' }, { csrf })).toBe(403);
  for (const origin of ['https://evil.test', 'null', 'http://fleet.test.evil.test'])
    expect(await post({ origin }, { csrf })).toBe(403);
  const foreign = { 'sec-fetch-site': 'cross-site' };
  expect((await ask('/login', { headers: foreign, form: { user: 'admin-ann', password } })).status).toBe(403);
  expect((await ask('/', { headers: { cookie } })).status).toBe(200);
  expect(await post({ origin: 'http://fleet.test', 'sec-fetch-site': 'same-origin' }, { csrf })).toBe(303);
  expect((await ask('/', { headers: { cookie } })).status).toBe(303);
});

it('gives each login a cookie of its own, and ends that of before', async () => {
  const { ask, login } = await serve();
  const planted = `certfleet=${'A'.repeat(43)}`;
  const answer = await ask('/login', { headers: { cookie: planted }, form: { user: 'viewer-ann', password } });
  const [set = ''] = answer.headers['set-cookie'] ?? [];
  expect(set).toMatch(/^certfleet=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/);
  expect(set).not.toContain(planted);
  expect((await ask('/', { headers: { cookie: planted } })).status).toBe(303);
  const { cookie } = await login('viewer-ann');
  await ask('/login', { headers: { cookie }, form: { user: 'admin-ann', password } });
  expect((await ask('/', { headers: { cookie } })).status).toBe(303);
});

it('ends logins with time, and with a change of role or password, also of another process', async () => {
  const one = await serve();
  const other = await serve({}, { store: one.store });
  const is = async (at: Served, cookie: string) => (await at.ask('/', { headers: { cookie } })).status === 200;
  const first = await one.login('viewer-ann');
  expect(await is(other, first.cookie)).toBe(true);
  await other.access.users.setRole('viewer-ann', 'operator', by, signal);
  expect([await is(one, first.cookie), await is(other, first.cookie)]).toEqual([false, false]);
  const second = await one.login('viewer-ann');
  await one.access.users.setPassword('viewer-ann', 'another long password', by, signal);
  expect(await is(one, second.cookie)).toBe(false);
  const third = await one.login('operator-ann');
  for (let hours = 0; hours < 7 * 24 - 11; hours += 11) {
    expect([hours, await is(one, third.cookie)]).toEqual([hours, true]);
    await one.clock.advance(11 * 3_600_000);
  }
  await one.clock.advance(11 * 3_600_000);
  expect(await is(one, third.cookie)).toBe(false);
  const idle = await one.login('operator-ann');
  await one.clock.advance(12 * 3_600_000 + 1);
  expect(await is(one, idle.cookie)).toBe(false);
  const removed = await one.login('operator-ann');
  await other.access.users.remove('operator-ann', by, signal);
  expect(await is(one, removed.cookie)).toBe(false);
});

it('ends events within seconds after a log-out, another role, a removed token, and the end of a login', async () => {
  const { view } = createFleet({ now: new Date() });
  const pages = new Hono<Env>();
  pages.get('/events', (c) =>
    c.body(eventsOf({ view, clock: systemClock, life: 'life', isStill: c.var.isStill }, undefined, c.req.raw.signal)),
  );
  pages.route('/', createPlaceholder());
  const { ask, access, clock, port, login } = await serve({}, { pages });
  const follow = async (headers: Readonly<Record<string, string>>) => {
    const answer = await fetch(`http://127.0.0.1:${port}/events`, { headers });
    expect(answer.status).toBe(200);
    const reader = answer.body!.getReader();
    await reader.read();
    const state = { isOver: false };
    void (async () => {
      while (!(await reader.read()).done);
      state.isOver = true;
    })();
    return state;
  };
  const [viewer, operator, admin] = await Promise.all(
    ['viewer-ann', 'operator-ann', 'admin-ann'].map((one) => login(one)),
  );
  const ofLogin = ({ cookie }: { readonly cookie: string }) => follow({ cookie });
  const [left, changed, stays] = await Promise.all([viewer!, operator!, admin!].map(ofLogin));
  const ofToken = await follow({ authorization: `Bearer ${prepared.token}` });
  await ask('/logout', { headers: { cookie: viewer!.cookie }, form: { csrf: viewer!.csrf } });
  await access.users.setRole('operator-ann', 'viewer', by, signal);
  await access.tokens.remove('ci', by, signal);
  await until(() => [left!, changed!, ofToken].every(({ isOver }) => isOver), {
    what: 'their events end',
    deadlineMs: 8_000,
  });
  expect(stays!.isOver).toBe(false);
  // An open page is no use of the login.
  await clock.advance(13 * 3_600_000);
  await until(() => stays!.isOver, { what: 'the events of the old login end', deadlineMs: 8_000 });
});

it('ends what a HEAD would read at once, so that the process can end', async () => {
  let isEnded = false;
  const pages = new Hono<Env>();
  const cancel = () => {
    isEnded = true;
  };
  pages.get('/events', (c) => c.body(new ReadableStream({ cancel })));
  const { port } = await serve({}, { pages });
  const headers = { authorization: `Bearer ${prepared.token}` };
  const { status } = await fetch(`http://127.0.0.1:${port}/events`, { method: 'HEAD', headers });
  expect([status, isEnded]).toEqual([200, true]);
});

it('writes down who tries what the role does not allow, and of very many only how many', async () => {
  const { ask, access, login } = await serve({}, { pages: pagesOf(createFleet({ now: new Date(), more: 0 }), {}) });
  const [viewer, operator, admin] = [await login('viewer-ann'), await login('operator-ann'), await login('admin-ann')];
  const tryAs = async ({ cookie, csrf }: typeof viewer, path: string) =>
    (await ask(path, { headers: { cookie }, form: { csrf } })).status;
  const certificate = '/certificates/www.example.com';
  const own = ['/settings/users/bob/role', '/settings/tokens', `${certificate}/key`];
  const declared = ['/new', '/new/check', `${certificate}/edit`, `${certificate}/undeclare`, '/connections/new'];
  const others = [...declared, '/certificates', `${certificate}/renew`, '/connections/issuers/le/test'];
  const asked = [...own.map((path) => [operator, path] as const), ...others.map((path) => [viewer, path] as const)];
  for (const [who, path] of asked) {
    expect([path, await tryAs(who, path)]).toEqual([path, 403]);
    // Of whoever may do it, nothing is written down as refused.
    await tryAs(admin, path);
  }
  const [day = ''] = await access.audit.days(signal);
  const tried = async () => (await access.audit.day(day, signal)).filter(({ what }) => what === 'request');
  const common = { via: 'login', result: 'refused', from: '127.0.0.1' };
  expect(await tried()).toMatchObject(
    asked.map(([who, path]) => ({
      ...{ ...common, who: who === viewer ? 'viewer-ann' : 'operator-ann', object: `POST ${path}` },
    })),
  );
  for (let at = 0; at < 100; at++) expect(await tryAs(viewer, '/new')).toBe(403);
  expect((await tried()).length).toBe(60);
});

itDrawn('slows down who guesses, and no one else', async () => {
  const { ask, clock } = await serve({ behindProxy: true });
  const guess = async (from: string, user = 'admin-ann', given = 'wrong') =>
    ask('/login', { form: { user, password: given }, headers: { 'x-forwarded-for': `198.51.100.9, ${from}` } });
  expect((await guess('192.0.2.7', 'admin-ann', password)).status).toBe(303);
  for (const port of ['', ':1', ':2', ':3', ':4', ':5', ':6', ':7', ':8', ':9'])
    expect((await guess(`203.0.113.1${port}`)).status).toBe(422);
  const slow = await guess('203.0.113.1');
  expect(slow).toMatchObject({ status: 429, headers: { 'retry-after': '30' } });
  expect(slow.body).toContain('value="admin-ann"');
  // Even the right password must wait there, and a person elsewhere need not.
  expect((await guess('203.0.113.1', 'admin-ann', password)).status).toBe(429);
  expect((await guess('192.0.2.7', 'admin-ann', password)).status).toBe(303);
  await clock.advance(30_000);
  expect((await guess('203.0.113.1', 'admin-ann', password)).status).toBe(303);
});

it('makes the first user by a link, once, within its time', async () => {
  const { ask, access } = await serve({}, { store: createMemoryStore() });
  const [early, late, rival] = [
    await access.first.make(signal),
    await access.first.make(signal),
    await access.first.make(signal),
  ];
  const given = { user: 'Ann', password, again: password };
  expect((await ask(`/first/${early}`)).body).toContain('name="again"');
  const bad = await ask(`/first/${early}`, { form: { user: 'a b', password: 'short', again: 'other' } });
  expect(bad.status).toBe(422);
  for (const text of ['A name has 1 to 64', 'at least 12 characters', 'are not the same', 'value="a b"'])
    expect(bad.body).toContain(text);
  expect(bad.body).not.toContain('value="short"');
  const answers = await Promise.all([
    ask(`/first/${late}`, { form: given }),
    ask(`/first/${rival}`, { form: { ...given, user: 'mallory' } }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([303, 410]);
  expect(await access.users.list(signal)).toHaveLength(1);
  expect((await ask(`/first/${early}`)).status).toBe(410);
  expect((await ask(`/first/${late}`, { form: given })).status).toBe(410);
  expect(await access.first.make(signal)).toBeUndefined();
  const empty = await serve({}, { store: createMemoryStore() });
  const expired = await empty.access.first.make(signal);
  await empty.clock.advance(900_001);
  expect((await empty.ask(`/first/${expired}`, { form: given })).status).toBe(410);
  expect(await empty.access.users.list(signal)).toEqual([]);
});

it('lets who may open the socket in as an administrator, and no other user of the machine', async () => {
  const folder = await temporaryFolder('pages');
  const path = join(folder, 'pages.sock');
  await serve({ listen: [`unix:${path}`] });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const own = { socketPath: path };
  expect((await askAt(own, '/', { headers: { host: 'localhost' } })).body).toContain('socket (admin)');
  // What a proxy passes on comes from someone else.
  const passed = { host: 'localhost', 'x-forwarded-for': '192.0.2.1' };
  expect((await askAt(own, '/', { headers: passed })).status).toBe(303);
  expect((await askAt(own, '/', { headers: { host: 'evil.test' } })).status).toBe(421);
  const foreign = { host: 'localhost', 'sec-fetch-site': 'cross-site' };
  expect((await askAt(own, '/logout', { headers: foreign, form: {} })).status).toBe(403);
  if (process.getuid?.() !== 0) return;
  const script = `require('net').connect(${JSON.stringify(path)}).on('error', (e) => console.log(e.code)).on('connect', () => { console.log('in'); process.exit() })`;
  const [program, ...args] = nodeAs(65_534, ['-e', script]);
  const seen = await new Promise<string>((resolve) =>
    execFile(program, args, (_error, stdout) => resolve(stdout.trim())),
  );
  expect(seen).toBe('EACCES');
});

itDrawn('serves HTTPS with the current version of a certificate, also after a renewal', async () => {
  const [first, second] = await Promise.all([makeLocalHttps(), makeLocalHttps()]);
  const versionOf = async ({ certFile, keyFile }: typeof first, id: string) => ({
    ...{ id, cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') },
  });
  const versions = { first: await versionOf(first, '1'), second: await versionOf(second, '2') };
  let current: Identity | undefined;
  const port = await freePort();
  const listen = [`127.0.0.1:${port}`];
  const { said, reached } = await serve({ listen, certificate: 'fleet' }, { identity: () => current });
  expect(said).toEqual([expect.stringContaining('HTTPS begins once the certificate fleet is issued')]);
  expect(reached).toEqual([]);
  current = versions.first;
  await until(() => said.some((text) => text.includes('the pages are at https://fleet.test:')), { what: 'it listens' });
  expect(reached).toEqual(listen);
  const secure = async ({ caFile }: typeof first) => ({ host: '127.0.0.1', port, ca: await readFile(caFile) });
  const answer = await askAt(await secure(first), '/login', { form: { user: 'admin-ann', password } });
  expect(answer.headers['set-cookie']?.[0]).toMatch(/^__Host-certfleet=.*; Secure; SameSite=Strict$/);
  expect(answer.headers).toMatchObject({ 'strict-transport-security': 'max-age=31536000' });
  await expect(askAt({ host: '127.0.0.1', port }, '/login')).rejects.toThrow();
  current = versions.second;
  const serial = () =>
    new Promise<PeerCertificate['fingerprint256']>((resolve, reject) => {
      const socket: TLSSocket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.end();
      });
      socket.on('error', reject);
    });
  const before = await serial();
  await until(async () => (await serial()) !== before, { what: 'it has the new version' });
  expect((await askAt(await secure(second), '/login')).status).toBe(200);
});

it('takes no body that is too large, and tells a program fault from a bad request', async () => {
  const pages = new Hono<Env>();
  pages.post('/', async (c) => c.text(String((await c.req.text()).length)));
  pages.get('/fault', () => {
    throw new Error('<script>');
  });
  const { ask, said, access } = await serve({}, { pages });
  const headers = { authorization: `Bearer ${prepared.token}` };
  expect((await ask('/', { headers, body: 'a'.repeat(256 * 1024) })).body).toBe('262144');
  expect((await ask('/', { headers, body: 'a'.repeat(256 * 1024 + 1) })).status).toBe(413);
  // Those who may change nothing could send thousands at once.
  const viewer = { authorization: `Bearer ${await access.tokens.add({ name: 'v', role: 'viewer' }, by, signal)}` };
  expect((await ask('/', { headers: viewer, body: 'a'.repeat(16 * 1024 + 1) })).status).toBe(413);
  const typed = (length: number) => `user=ann&password=${'a'.repeat(length)}`;
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await ask('/login', { headers: form, body: typed(2_000) })).status).toBe(422);
  expect((await ask('/login', { headers: form, body: typed(16 * 1024) })).status).toBe(413);
  for (const more of [{}, { 'hx-request': 'true' }]) {
    const browser = { accept: 'text/html', 'accept-language': 'zh-CN', ...more };
    const large = await ask('/', { headers: browser, body: 'a'.repeat(256 * 1024 + 1) });
    expect(large).toMatchObject({ status: 413, headers: { 'content-type': expect.stringContaining('text/html') } });
    expect(large.body).toContain('表单内容太大');
    // In the page of the form, there is nothing to go back to.
    expect(large.body.includes('请用浏览器返回表单')).toBe(!('hx-request' in more));
  }
  // A document that no browser takes for a page.
  const inert = { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' };
  expect(await ask('/fault', { headers })).toMatchObject({ status: 500, headers: inert });
  expect(said.at(-1)).toContain('Error: <script>');
});

it('follows the configuration', async () => {
  const { ask, declare, said, reached } = await serve();
  const port = await freePort();
  declare({ listen: [`127.0.0.1:${port}`], hosts: ['other.test'] });
  await until(() => said.length > 1, { what: 'it listens elsewhere' });
  expect((await askAt({ host: '127.0.0.1', port }, '/login', { headers: { host: 'other.test' } })).status).toBe(200);
  expect((await askAt({ host: '127.0.0.1', port }, '/login', { headers: { host: 'fleet.test' } })).status).toBe(421);
  await expect(ask('/login')).rejects.toThrow('ECONNREFUSED');
  expect(reached).toHaveLength(1);
});
