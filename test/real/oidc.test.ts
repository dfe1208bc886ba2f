import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { createAccess } from '../../src/access/access.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import type { OidcSettings } from '../../src/core/spec/spec.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import { createStreams } from '../../src/lib/streams.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { serveWeb } from '../../src/web/server.ts';
import { type Ask, askAt } from '../support/ask-at.ts';
import { type OpenidProvider, type Person, startOpenidProvider } from '../support/openid-provider.ts';
import { startBrowser, startContext } from '../support/pages/browser.ts';
import { createPlaceholder } from '../support/pages/placeholder.tsx';
import { quickPasswords } from '../support/quick-passwords.ts';
import { atEnd, freePort, until } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const by = { name: 'root', via: 'command' } as const;
const password = 'correct horse battery';
const clientSecret = 'a secret: of the client/+%';
const store = createMemoryStore();
const ann: Person = { sub: 'a-1', preferred_username: 'ann', groups: ['staff', 'fleet-admins'] };
let person = ann;

/** A node with pages. */
async function startNode(port: number, first: OidcSettings | undefined) {
  let oidc = first;
  const clock = fakeClock();
  const http = createHttp({ env: {} });
  const readSecret = async (_option: string, value: string) => new Secret(value);
  const access = createAccess({ store, clock, ...quickPasswords, oidc: { settings: () => oidc, http, readSecret } });
  const said: string[] = [];
  const stop = new AbortController();
  const pages = { listen: [`127.0.0.1:${port}`], hosts: ['fleet.test'], behindProxy: false };
  const serving = serveWeb(
    {
      ...{
        world: storeWorld({ streams: createStreams(systemClock) }),
        access,
        mounted: { pages: createPlaceholder() },
      },
      ...{ settings: () => ({ pages }), identity: async () => undefined, reachable: async () => {} },
      say: (_level, text) => void said.push(text),
    },
    stop.signal,
  );
  atEnd(async () => {
    stop.abort();
    await Promise.all([serving, http.close()]);
  });
  await until(() => said.length > 0, { what: 'it says where the pages are' });
  return {
    ...{ access, clock, port },
    change(to: OidcSettings | undefined) {
      oidc = to;
    },
    /** A browser with cookies of its own. */
    browser() {
      const jar = new Map<string, string>();
      return {
        jar,
        async ask(path: string, { headers, ...rest }: Ask = {}) {
          const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
          const answer = await askAt({ host: '127.0.0.1', port }, path, {
            ...rest,
            headers: { host: `127.0.0.1:${port}`, accept: 'text/html', cookie, ...headers },
          });
          for (const one of answer.headers['set-cookie'] ?? []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(one)!;
            if (value === '') jar.delete(name!);
            else jar.set(name!, value!);
          }
          return answer;
        },
      };
    },
  };
}
type Node = Awaited<ReturnType<typeof startNode>>;
type Browser = ReturnType<Node['browser']>;

let provider: OpenidProvider;
let settings: OidcSettings;
let node: Node;
let other: Node;
beforeAll(async () => {
  const ports = [await freePort(), await freePort()] as const;
  const redirectUris = ports.map((port) => `http://127.0.0.1:${port}/login/oidc/callback`);
  provider = await startOpenidProvider({ person: () => person, redirectUris, secret: clientSecret });
  settings = {
    ...{ issuer: provider.issuer, clientId: 'certfleet', clientSecret, scopes: ['profile', 'email', 'groups'] },
    ...{ claim: 'groups', roles: { viewer: ['staff'], operator: [], admin: ['fleet-admins'] } },
  };
  node = await startNode(ports[0], settings);
  other = await startNode(ports[1], settings);
  await node.access.users.add({ name: 'ann', role: 'viewer', password }, by, signal);
});

/** Begins a login, and returns where the provider is asked. */
async function begin(browser: Browser, next = '/'): Promise<URL> {
  const { status, headers } = await browser.ask(`/login/oidc?next=${encodeURIComponent(next)}`);
  expect(status).toBe(303);
  return new URL(headers.location!);
}
/** Lets the provider log someone in, and brings its answer. */
async function answered(browser: Browser, at: URL, change: (back: URL) => void = () => {}) {
  const back = new URL(await provider.logIn(at.href));
  change(back);
  return browser.ask(back.pathname + back.search, { headers: { 'sec-fetch-site': 'cross-site' } });
}
const logIn = async (browser: Browser, next?: string) => answered(browser, await begin(browser, next));
const entries = () => node.access.audit.day(node.clock.now().toISOString().slice(0, 10), signal);

it('logs in whom the provider has proved, with the role of a claim, on all nodes', async () => {
  const browser = node.browser();
  expect((await browser.ask('/login')).body).toContain('href="/login/oidc?next=%2F"');
  const at = await begin(browser, '/certificates?q=a');
  expect(Object.fromEntries(at.searchParams)).toMatchObject({
    ...{ response_type: 'code', client_id: 'certfleet', code_challenge_method: 'S256' },
    ...{ scope: 'openid profile email groups', nonce: expect.stringMatching(/^.{43}$/) },
  });
  const answer = await answered(browser, at);
  // No redirect: the cookie of a login is not sent where another site has led.
  expect([answer.status, answer.headers.refresh]).toEqual([200, '0;url=/certificates?q=a']);
  expect(answer.headers['set-cookie']?.join()).toMatch(/certfleet=[\w-]{43};.*HttpOnly; SameSite=Strict/);
  expect([...browser.jar.keys()]).toEqual(['certfleet']);
  const { body } = await browser.ask('/');
  const [name] = /oidc:ann#[0-9a-f]{8}/.exec(body)!;
  expect(body).toContain(`${name} (admin)`);
  const elsewhere = other.browser();
  elsewhere.jar.set('certfleet', browser.jar.get('certfleet')!);
  expect((await elsewhere.ask('/')).body).toContain(`${name} (admin)`);

  // Once more for a password, there is none.
  expect(await node.access.logins.confirm({ user: name, password, from: '192.0.2.1' }, signal)).toEqual({
    is: 'wrong',
  });
  expect((await browser.ask('/logout', { form: {} })).status).toBe(403);
  const csrf = /name="csrf" value="([^"]+)"/.exec(body)![1]!;
  expect((await browser.ask('/logout', { form: { csrf } })).status).toBe(303);
  elsewhere.jar.set('certfleet', browser.jar.get('certfleet') ?? 'gone');
  expect((await browser.ask('/')).headers.location).toBe('/login');
  const done = (await entries()).map(({ who, what, detail }) => [who, what, detail]);
  expect(done.slice(-2)).toEqual([
    [name, 'login', `OpenID Connect: a-1 of ${provider.issuer}, admin`],
    [name, 'logout', undefined],
  ]);
});

it('leads a browser there and back, though no other site can send the cookie of a login', async () => {
  const chromium = await startBrowser();
  atEnd(() => chromium.close());
  const context = await startContext(chromium, { language: 'zh' });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${node.port}/login?next=%2F%3Fq%3D1`);
  page.setDefaultTimeout(5_000);
  await page.getByRole('link', { name: '使用公司账号登录' }).click();
  await page.waitForURL(`http://127.0.0.1:${node.port}/?q=1`);
  expect(await page.textContent('p')).toMatch(/oidc:ann#[0-9a-f]{8} \(admin\)/);
  await page.getByRole('button', { name: '退出' }).click();
  await page.waitForURL(/\/login$/);
  // What another site leads to without a login begun here is refused, and shown beside the way back.
  await page.goto(`http://127.0.0.1:${node.port}/login/oidc/callback?code=x&state=y`);
  expect(await page.getByRole('alert').textContent()).toContain('这次登录不是在这个浏览器中开始的');
  await page.getByRole('link', { name: '登录' }).click();
  await page.waitForURL(/\/login$/);
  // Nothing here serves the style.
  expect(context.complaints.filter((one) => !one.includes('/assets/'))).toEqual([]);
});

it('ends logins with the rules under which they began, and after twelve hours', async () => {
  const browser = node.browser();
  person = { ...ann, groups: 'staff' };
  await logIn(browser);
  person = ann;
  expect((await browser.ask('/')).body).toMatch(/oidc:ann#[0-9a-f]{8} \(viewer\)/);
  for (const rules of [undefined, { ...settings, roles: { ...settings.roles, admin: ['other'] } }]) {
    node.change(rules);
    expect((await browser.ask('/')).headers.location).toBe('/login');
    node.change(settings);
    expect((await browser.ask('/')).status).toBe(200);
  }
  for (let hours = 1; hours < 12; hours += 1) {
    await node.clock.advance(3_600_000);
    expect([hours, (await browser.ask('/')).status]).toEqual([hours, 200]);
  }
  await node.clock.advance(3_600_000);
  expect((await browser.ask('/')).headers.location).toBe('/login');
});

it.each<[string, Partial<OidcSettings>, Partial<Person>, string | undefined]>([
  ['the highest role of several', {}, {}, 'admin'],
  ['no claim', {}, { groups: undefined }, undefined],
  ['no value that is known', {}, { groups: ['Staff', 'staff2', ['staff']] }, undefined],
  ['a text that contains one', {}, { groups: 'fleet-admins,staff' }, undefined],
  ['the subject', { claim: 'sub', roles: { viewer: [], operator: ['a-1'], admin: [] } }, {}, 'operator'],
  ['an address', { claim: 'email' }, { email: 'staff', email_verified: true }, 'viewer'],
  ['an address that nobody has verified', { claim: 'email' }, { email: 'staff' }, undefined],
  ['an address that is verified in words', { claim: 'email' }, { email: 'staff', email_verified: 'true' }, undefined],
])('gives a role by %s', async (_what, rules, claims, role) => {
  node.change({ ...settings, ...rules });
  await node.clock.advance(3_600_000);
  person = { ...ann, ...claims };
  const browser = node.browser();
  const { status, body } = await logIn(browser);
  person = ann;
  expect([status, browser.jar.size]).toEqual(role ? [200, 1] : [422, 0]);
  if (role) expect((await browser.ask('/')).body).toContain(`(${role})`);
  else expect(body).toMatch(/oidc:ann#[0-9a-f]{8} has no role here/);
  if (!role)
    expect((await entries()).at(-1)).toMatchObject({ result: 'refused', detail: expect.stringMatching(/a-1 of/) });
  node.change(settings);
  await node.clock.advance(3_600_000);
});

it('knows people by what never changes, whatever they call themselves', async () => {
  const names = [];
  for (const [sub, preferred_username] of [
    ['b-1', 'ann'],
    ['b-2', 'ann'],
    ['b-2', '<b>\u202eroot'],
    ['b-2', ''],
  ]) {
    person = { ...ann, sub: sub!, preferred_username };
    const browser = node.browser();
    await logIn(browser);
    names.push(/oidc:\S*#[0-9a-f]{8}/.exec((await browser.ask('/')).body)?.[0] ?? '');
  }
  person = ann;
  expect(names.map((name) => name.split('#')[0])).toEqual(['oidc:ann', 'oidc:ann', 'oidc:b-2', 'oidc:b-2']);
  const marks = names.map((name) => name.split('#')[1]);
  expect([marks[1] === marks[2], marks[2] === marks[3], marks[0] === marks[1]]).toEqual([true, true, false]);
});

const set = (name: string, value: string) => (url: URL) => url.searchParams.set(name, value);
const other43 = 'x'.repeat(43);

it.each<[string, { asked?: (at: URL) => void; back?: (url: URL) => void; jar?: Browser['jar'] }, string]>([
  ['a forged state', { back: set('state', other43) }, 'not begun'],
  ['no state', { back: (url) => url.searchParams.delete('state') }, 'not begun'],
  ['another browser', { jar: new Map() }, 'not begun'],
  ['another login of the browser', { jar: new Map([['certfleet-oidc', `${other43}/`]]) }, 'not begun'],
  ['a wrong nonce', { asked: set('nonce', other43) }, 'nonce'],
  ['a code for another verifier', { asked: set('code_challenge', other43) }, 'invalid_grant'],
  ['a forged code', { back: set('code', other43) }, 'invalid_grant'],
  ['a foreign issuer', { back: set('iss', 'https://evil.test') }, 'iss'],
  ['no issuer', { back: (url) => url.searchParams.delete('iss') }, 'iss'],
  ['a refusal', { asked: set('prompt', 'none') }, 'login_required'],
  ['a code beside an error', { back: set('error', 'access_denied') }, 'access_denied'],
])('refuses %s', async (_what, { asked, back, jar }, why) => {
  const browser = node.browser();
  const at = await begin(browser);
  asked?.(at);
  if (jar) {
    browser.jar.clear();
    for (const [name, value] of jar) browser.jar.set(name, value);
  }
  const { body } = await answered(browser, at, back);
  expect([...browser.jar.keys()]).toEqual([]);
  expect(body).toContain('href="/login"');
  const last = (await entries()).at(-1)!;
  expect([last.who, last.result, last.detail]).toEqual(['unknown', 'refused', expect.stringContaining(why)]);
  await node.clock.advance(3_600_000);
});

it('takes an answer once, and slows down who makes the provider look at codes', async () => {
  const browser = node.browser();
  const at = await begin(browser);
  const waiting = new Map(browser.jar);
  const back = new URL(await provider.logIn(at.href));
  const bring = () => {
    browser.jar.clear();
    for (const [name, value] of waiting) browser.jar.set(name, value);
    return browser.ask(back.pathname + back.search);
  };
  expect((await bring()).status).toBe(200);
  for (let time = 0; time < 10; time += 1) expect((await bring()).status).toBe(422);
  const { body } = await bring();
  expect(body).toMatch(/too many tries/);
  await node.clock.advance(3_600_000);
});

it.each(['https://evil.test/', '//evil.test/', '/\\evil.test', '/a b', '/a\r\nx: y', `/${'a'.repeat(3_000)}`])(
  'leads to no other place than its own after a login: %s',
  async (next) => {
    const browser = node.browser();
    const { headers } = await logIn(browser, next);
    expect(headers.refresh).toMatch(/^0;url=\/(a*)$/);
    const forged = node.browser();
    const at = await begin(forged);
    const kept = forged.jar.get('certfleet-oidc')!.slice(0, 43);
    forged.jar.set('certfleet-oidc', kept + encodeURIComponent(next));
    expect((await answered(forged, at)).headers.refresh).toMatch(/^0;url=\/(a*)$/);
  },
);

it('begins nothing for a page of another site, or on another host', async () => {
  const browser = node.browser();
  const foreign = await browser.ask('/login/oidc', { headers: { 'sec-fetch-site': 'cross-site' } });
  expect([foreign.headers.location, browser.jar.size]).toEqual(['/login', 0]);
  expect((await browser.ask('/login/oidc', { headers: { host: 'evil.test' } })).status).toBe(421);
});

it.each<[string, () => Promise<Partial<OidcSettings>>, string]>([
  ['is down', async () => ({ issuer: `http://127.0.0.1:${await freePort()}` }), 'connection refused'],
  ['answers rubbish', async () => ({ issuer: await serveText('hello') }), 'content-type'],
  ['calls itself another', async () => ({ issuer: provider.issuer.replace('localhost', '127.0.0.1') }), 'issuer'],
  ['does not know the secret', async () => ({ clientSecret: 'other' }), 'invalid_client'],
])('says so if the provider %s, and passwords still work', async (_what, rules, why) => {
  const one = await startNode(await freePort(), { ...settings, ...(await rules()) });
  const browser = one.browser();
  const begun = await browser.ask('/login/oidc');
  const { status, body } = begun.status === 303 ? await broughtTo(browser, begun.headers.location!) : begun;
  expect([status, [...browser.jar.keys()]]).toEqual([422, []]);
  expect(body).toContain('the login at the OpenID provider failed');
  expect(body).not.toContain(why);
  const said = await one.access.audit.day(one.clock.now().toISOString().slice(0, 10), signal);
  expect(said.findLast(({ result }) => result === 'refused')?.detail).toContain(why);
  expect((await browser.ask('/login', { form: { user: 'ann', password } })).status).toBe(303);
  expect((await browser.ask('/')).body).toContain('ann (viewer)');
});

/** The provider has never heard of this node, so its answer is made up. */
const broughtTo = (browser: Browser, asked: string) => {
  const state = new URL(asked).searchParams.get('state')!;
  return browser.ask(`/login/oidc/callback?${new URLSearchParams({ state, code: 'made-up', iss: provider.issuer })}`);
};

async function serveText(text: string): Promise<string> {
  const server = createServer((_request, response) => void response.end(text));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('is off without a provider', async () => {
  const one = await startNode(await freePort(), undefined);
  expect((await one.browser().ask('/login')).body).not.toContain('oidc');
  expect((await one.browser().ask('/login/oidc')).status).toBe(422);
});
