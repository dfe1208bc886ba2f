import { describe, expect, it } from 'vitest';
import { createFleet } from '../../../test/support/pages/fleet.ts';
import { changesIn, hiddenIn, plain } from '../../../test/support/pages/meanwhile.ts';
import { pagesOf } from '../../../test/support/pages/server.ts';
import { declaredCertificates, declaredConnections } from '../../compose/declarations.ts';
import { shownSettings } from '../../config/adapters/shown-settings.ts';
import { knownType, offeredTypes } from '../../config/settings/connection-types.ts';
import { settingsIn } from '../../config/settings/settings.ts';
import type { Role } from '../../core/access/role.ts';
import { openSources } from '../../fleet/sources.ts';
import { createConnections } from '../../fleet/web/connections.ts';
import { createDeclarations } from '../../fleet/web/declarations.ts';
import { registry } from '../../generated/registry.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { en } from '../text/en.ts';
import { zh } from '../text/zh.ts';

const { signal } = new AbortController();
const secret = 'Y0ME13MmrPBN27PijlpjlbanXkSND4ZC5Eb+uEoOs44=';
const words = en.connections;

/** The pages, with what they declare, beside a file with an issuer and a solver. */
async function open({
  role = 'operator',
  changeTargets = false,
  takesSecrets = true,
}: {
  readonly role?: Role;
  readonly changeTargets?: boolean;
  readonly takesSecrets?: boolean;
} = {}) {
  const file = {
    issuers: { own: { directory: 'https://one.example/', agreeToTerms: true, test: true } },
    solvers: { web: { type: 'http01-webroot', folders: ['/srv'] } },
    pages: { listen: '127.0.0.1:8443', changeTargets },
  };
  const { settings } = await settingsIn(file, { env: {}, registry });
  const [store, clock] = [createMemoryStore(), fakeClock()];
  const checkDeclarations: Parameters<typeof openSources>[1]['check'] = (entries, of, now) =>
    declaredCertificates(entries, of, { env: {} }, now);
  const checkConnections = declaredConnections;
  const engine = { store, clock, reporter: { report() {} } };
  const sourcing = { engine, check: checkDeclarations, checkConnections, changed() {} };
  const sources = await openSources(settings!, sourcing, signal);
  const audit = { record: async () => undefined };
  const declarations = createDeclarations({ engine, sources, audit, checkDeclarations });
  const composed: Parameters<typeof createConnections>[0]['composed'] = {
    checkConnections,
    connectionTypes: (section) => offeredTypes(section, sources.settings(), registry),
    connectionType: (section, chosen) => knownType(section, chosen, registry),
    shown: () => shownSettings(sources.settings(), registry),
    takesSecrets,
    ruleSolver: async () => undefined,
  };
  const tried: (string | undefined)[] = [];
  const tryOut: Parameters<typeof createConnections>[0]['tryOut'] = async (_connection, zone) => {
    tried.push(zone);
    return { ok: true, steps: [{ step: 'add', finding: 'a record', ms: 1200 }] };
  };
  const connections = createConnections({ engine, sources, audit, composed, tryOut });
  const fleet = createFleet({ now: clock.now(), more: 0 });
  const app = pagesOf(fleet, { role, now: () => clock.now(), declarations, connections });
  const get = async (path: string, language = 'en') => {
    const answer = await app.request(path, { headers: { cookie: `language=${language}` } });
    return { status: answer.status, text: await answer.text() };
  };
  const post = async (path: string, fields: Readonly<Record<string, string>>, language = 'en') => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', cookie: `language=${language}` };
    const answer = await app.request(path, { method: 'POST', headers, body: new URLSearchParams(fields).toString() });
    return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
  };
  return { connections, declarations, tried, get, post };
}

/** What is said beside each field, as a screen reader finds it. */
const problemsIn = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/id="([\w.]+)-problem"[^>]*>(.*?)<\/div>/gs)].map(([, field, html = '']) => [
      field,
      html.replaceAll(/<[^>]+>/g, ''),
    ]),
  );

const newBind = '/connections/new?section=solvers&type=dns01&provider=rfc2136';
const bind = {
  name: 'bind',
  'o.options.server': 'ns1.example.com',
  'o.options.keyName': 'acme',
  'o.options.secret': secret,
};
const bindAt = { ...bind, 'o.dns.zone': 'example.com' };

it('makes Let’s Encrypt of a name and a yes', async () => {
  const { connections, get, post } = await open();
  const choice = await get('/connections/new?section=issuers');
  const path = '/connections/new?section=issuers&type=acme&directory=letsencrypt';
  expect(choice.text).toContain(path.replaceAll('&', '&amp;'));
  const form = (await get(path)).text;
  expect(form).toContain('href="https://letsencrypt.org/repository/"');
  expect(form).toMatch(/name="name"[^>]* value="letsencrypt"/);
  expect(form).not.toContain('name="o.directory"');
  const done = await post(path, { name: 'letsencrypt', 'o.agreeToTerms': 'true' });
  expect([done.status, done.location]).toEqual([303, '/connections/issuers/letsencrypt?done=added']);
  expect(await connections.get('issuers', 'letsencrypt', signal)).toMatchObject({
    options: { directory: 'letsencrypt', agreeToTerms: true },
    declaredIn: 'store',
    by: 'mia',
  });
  // A change leaves the CA as it is.
  const edit = (await get('/connections/issuers/letsencrypt')).text;
  expect(edit).not.toContain('name="o.directory"');
  const { revision = '' } = (await connections.get('issuers', 'letsencrypt', signal))!;
  const change = { 'o.agreeToTerms': 'true', 'o.email': 'ops@example.com，b@example.com', ifRevision: revision };
  expect((await post('/connections/issuers/letsencrypt', change)).status).toBe(303);
  expect((await connections.get('issuers', 'letsencrypt', signal))?.options).toEqual({
    ...{ directory: 'letsencrypt', agreeToTerms: true },
    email: ['ops@example.com', 'b@example.com'],
  });
});

describe('a webhook', () => {
  const path = '/connections/new?section=alarms&type=webhook';
  const hook = { name: 'hook', 'o.url': 'https://hook.example/' };

  it.each([
    ['o.headers', 'X-Cluster: west\n\nTitle： {title}', { 'X-Cluster': 'west', Title: '{title}' }],
    ['o.headers', 'X-Time: 12:30', { 'X-Time': '12:30' }],
    ['o.body', ' {"text": "{text}", "tags": ["a"]}', { text: '{text}', tags: ['a'] }],
    ['o.body', '{title}: {text}', '{title}: {text}'],
    ['o.body', '["{title}"]', '["{title}"]'],
  ])('is declared with %s as %j, which is the same once it is saved again', async (field, typed, expected) => {
    const { connections, get, post } = await open();
    const option = field.slice(2);
    expect((await post(path, { ...hook, [field]: typed })).location).toBe('/connections/alarms/hook?done=added');
    const saved = (await connections.get('alarms', 'hook', signal))!;
    expect(saved.options[option]).toEqual(expected);
    const page = (await get('/connections/alarms/hook')).text;
    const [, shown = ''] = new RegExp(`<textarea[^>]*name="${field}"[^>]*>([^<]*)<`).exec(page)!;
    const again = { [field]: plain(shown), ifRevision: saved.revision! };
    expect((await post('/connections/alarms/hook', again)).status).toBe(303);
    expect((await connections.get('alarms', 'hook', signal))?.options[option]).toEqual(expected);
  });

  it.each([
    ['no colon', 'each name once'],
    ['X-A: 1\nX-A: 2', 'each name once'],
    ['Überschrift: x', 'names of headers'],
    ['X-A: ü', 'ASCII'],
    ['X-A: file:/etc/passwd', 'enter the value itself'],
  ])('refuses headers like %j beside their field', async (typed, expected) => {
    const { connections, post } = await open();
    const { status, text } = await post(path, { ...hook, 'o.headers': typed });
    expect([status, problemsIn(text)['o.headers']]).toEqual([422, expect.stringContaining(expected)]);
    expect(plain(text)).toContain(typed);
    expect(await connections.get('alarms', 'hook', signal)).toBeUndefined();
  });
});

describe('a DNS provider', () => {
  it('is declared as its form says, and its secret is never shown', async () => {
    const { connections, get, post } = await open();
    const more = { 'o.options.port': '5353', 'o.dns.zone': 'example.com', 'o.dns.nameservers': '192.0.2.1\n192.0.2.2' };
    const done = await post(newBind, { ...bind, ...more, 'o.options.algorithm': 'hmac-sha512' });
    expect([done.status, done.location]).toEqual([303, '/connections/solvers/bind?done=added']);
    expect(await connections.get('solvers', 'bind', signal)).toMatchObject({
      ...{ type: 'dns01', provider: 'rfc2136' },
      options: {
        'options.server': 'ns1.example.com',
        'options.port': 5353,
        'options.algorithm': 'hmac-sha512',
        'dns.zone': 'example.com',
        'dns.nameservers': ['192.0.2.1', '192.0.2.2'],
      },
      secrets: ['options.secret'],
    });
    const page = (await get('/connections/solvers/bind')).text;
    expect(page).toContain('value="ns1.example.com"');
    // The zone of the solver is the one to try it in.
    expect(page).toMatch(/name="zone"[^>]* value="example.com"/);
    expect(page).toContain(words.kept);
    expect(page).not.toContain(words.noSecrets);
    expect(page).not.toContain(secret);
    const role = { name: 'role' };
    await post('/connections/new?section=solvers&type=dns01&provider=dnspod', role);
    expect((await get('/connections/solvers/role')).text).toContain(words.noSecrets);
  });

  it.each([
    ['o.options.server', 'x y', 'en'],
    ['o.options.server', '', 'zh'],
    ['o.options.port', 'many', 'en'],
    ['o.options.keyName', '', 'zh'],
    ['o.options.secret', '', 'en'],
    ['o.dns.nameservers', '192.0.2.1\nx y', 'en'],
    ['o.timeout', '5', 'zh'],
    ['o.options.server', 'env:SERVER', 'en'],
    ['o.options.secret', 'file:/etc/shadow', 'zh'],
    ['name', 'Not "this"', 'en'],
    ['name', '', 'zh'],
    ['name', 'web', 'en'],
  ] as const)(
    'with %s %j is answered beside that field, and loses nothing but secrets: %s',
    async (field, text, language) => {
      const { connections, post } = await open();
      const typed = { ...bind, 'o.dns.zone': 'example.com', 'o.dns.nameservers': '192.0.2.1', [field]: text };
      const page = await post(newBind, typed, language);
      expect(page.status).toBe(422);
      expect(Object.keys(problemsIn(page.text))).toEqual([field]);
      expect(page.text).toContain({ en, zh }[language].connections.typeAgain);
      const shown = page.text.replaceAll('&quot;', '"');
      for (const [name, value] of Object.entries(typed))
        if (name !== 'o.options.secret') expect(shown.includes(value), name).toBe(true);
      for (const hidden of [secret, 'file:/etc/shadow']) expect(page.text).not.toContain(`value="${hidden}"`);
      expect((await connections.list(signal)).map(({ name }) => name)).toEqual(['own', 'web']);
    },
  );

  it.each([
    [newBind, { ...bind, 'o.options.port': 'many', 'o.timeout': '5' }],
    [newBind, { ...bind, name: 'Not "this"', 'o.options.port': 'many', 'o.timeout': '5' }],
    [newBind, { ...bind, 'o.options.server': 'env:SERVER', 'o.options.keyName': '', 'o.propagation': 'x' }],
    [newBind, { ...bindAt, 'o.dns.nameservers': 'x y', 'o.options.port': '70000', 'o.options.ttl': '-5' }],
    [
      '/connections/new?section=issuers&type=acme',
      {
        name: 'ca',
        'o.directory': 'nowhere',
        'o.email': 'nobody',

        'o.agreeToTerms': 'true',
      },
    ],
    [
      '/connections/new?section=issuers&type=acme',
      {
        ...{ name: 'ca', 'o.directory': 'https://mia:tell-nobody@ca.example/', 'o.agreeToTerms': 'true' },
        ...{ 'o.eab.kid': 'kid-1', 'o.eab.hmacKey': 'no base64!' },
      },
    ],
  ])('at %s is answered beside all fields that are wrong at once: %j', async (path, typed) => {
    const { post } = await open();
    const right = [
      'o.options.server',
      'o.options.secret',
      'o.options.keyName',
      'o.dns.zone',
      'o.agreeToTerms',
      'o.eab.kid',
      'name',
    ];
    const isRight = ([field, text]: readonly [string, string]) =>
      right.includes(field) && text !== '' && !/^env:|"/.test(text);
    const wrong = Object.entries(typed).filter((one) => !isRight(one));
    const page = await post(path, typed);
    expect(page.status).toBe(422);
    expect(Object.keys(problemsIn(page.text)).sort()).toEqual(wrong.map(([field]) => field).sort());
    const shown = page.text.replaceAll('&quot;', '"');
    for (const [field, text] of wrong) if (field !== 'o.eab.hmacKey') expect(shown.includes(text), field).toBe(true);
  });

  it('keeps its secret in a change, unless that says where it is sent', async () => {
    const { connections, post } = await open();
    await post(newBind, { ...bind, 'o.dns.zone': 'example.com', 'o.dns.nameservers': '192.0.2.1' });
    const { revision = '' } = (await connections.get('solvers', 'bind', signal))!;
    const { name: _name, 'o.options.secret': _secret, ...edit } = bind;
    const path = '/connections/solvers/bind';
    const elsewhere = await post(path, { ...edit, 'o.options.server': 'evil.example', ifRevision: revision });
    expect(elsewhere.status).toBe(422);
    expect(Object.keys(problemsIn(elsewhere.text))).toEqual(['o.options.secret']);
    expect(elsewhere.text).toContain('value="evil.example"');
    const more = { 'o.options.server': 'evil.example', 'o.options.ttl': '-5', 'o.timeout': '5' };
    const all = await post(path, { ...edit, ...more, ifRevision: revision });
    expect(Object.keys(problemsIn(all.text)).sort()).toEqual(['o.options.secret', 'o.options.ttl', 'o.timeout']);
    const done = await post(path, { ...edit, 'o.options.keyName': 'other', ifRevision: revision });
    expect([done.status, done.location]).toEqual([303, `${path}?done=changed`]);
    const changed = await connections.get('solvers', 'bind', signal);
    expect(changed).toMatchObject({ options: { 'options.keyName': 'other' }, secrets: ['options.secret'] });
    // What was emptied is gone.
    expect(changed?.options).not.toHaveProperty(['dns.zone']);
  });

  it.each(['en', 'zh'] as const)(
    'shows the second of two what the first did, and loses nothing, in %s',
    async (language) => {
      const { edit: said, connections: own } = { en, zh }[language];
      const { connections, get, post } = await open();
      const path = '/connections/solvers/bind';
      const stored = () => connections.get('solvers', 'bind', signal);
      await post(newBind, { ...bind, 'o.dns.zone': 'example.com', 'o.dns.nameservers': '192.0.2.1\n192.0.2.2' });
      const ann = { who: { name: 'ann', role: 'operator', via: 'login' }, from: '' } as const;
      const change = async (options: object) => {
        const settings = { type: 'dns01', provider: 'rfc2136', ...options };
        expect(await connections.declare(ann, { section: 'solvers', name: 'bind', settings }, signal)).toEqual({
          revision: expect.any(String),
        });
      };
      const common = { 'options.server': 'ns1.example.com', 'options.keyName': 'acme', 'dns.zone': 'example.com' };
      const { name: _name, 'o.options.secret': _secret, ...edit } = bind;
      const typed = {
        ...edit,
        'o.options.keyName': 'mine',
        'o.dns.zone': 'own.example',
        'o.dns.nameservers': '192.0.2.9',
      };
      const page = (await get(path)).text;
      await change({ ...common, 'options.algorithm': 'hmac-sha512', 'dns.nameservers': ['192.0.2.2', '192.0.2.3'] });
      const first = await stored();

      const late = await post(path, { ...typed, ...hiddenIn(page) }, language);
      expect(late.status).toBe(409);
      expect(plain(late.text)).toContain(plain(said.changed('ann')));
      expect(changesIn(late.text)).toEqual(['ins hmac-sha512', 'del 192.0.2.1', 'ins 192.0.2.3']);
      for (const value of ['mine', 'own.example']) expect(late.text).toContain(`value="${value}"`);
      expect(await stored()).toEqual(first);

      // Another change comes before they save again, of a secret alone.
      await change({
        ...common,
        'options.algorithm': 'hmac-sha512',
        'dns.nameservers': ['192.0.2.2', '192.0.2.3'],
        'options.secret': Buffer.alloc(32, 7).toString('base64'),
      });
      const withSecret = { ...typed, 'o.options.secret': secret };
      const again = await post(path, { ...withSecret, ...hiddenIn(late.text) }, language);
      expect([again.status, plain(again.text).includes(own.otherSettings)]).toEqual([409, true]);
      // Whoever saves again must know that the secret which they typed is not there any more.
      expect([late, again].map((page) => plain(page.text).includes(own.typeSecretsAgain))).toEqual([false, true]);
      // What is wrong is not what they have seen.
      const bad = await post(path, { ...typed, ...hiddenIn(again.text), 'o.options.port': 'many' }, language);
      expect([bad.status, hiddenIn(bad.text)]).toEqual([422, hiddenIn(again.text)]);

      await connections.remove(ann, { section: 'solvers', name: 'bind' }, signal);
      const gone = await post(path, { ...typed, ...hiddenIn(bad.text) }, language);
      expect([gone.status, plain(gone.text).includes(said.gone)]).toEqual([409, true]);
      const without = await post(path, { ...typed, ...hiddenIn(gone.text) }, language);
      expect([without.status, Object.keys(problemsIn(without.text))]).toEqual([422, ['o.options.secret']]);
      const done = await post(path, { ...typed, 'o.options.secret': secret, ...hiddenIn(without.text) }, language);
      expect([done.status, done.location]).toEqual([303, `${path}?done=changed`]);
      expect((await stored())?.options).toMatchObject({ 'options.keyName': 'mine', 'dns.zone': 'own.example' });
    },
  );

  it('is removed after a question, unless a certificate uses it', async () => {
    const { connections, declarations, get, post } = await open();
    await post(newBind, bind);
    const who = { name: 'mia', role: 'operator', via: 'login' } as const;
    const certificate = { identifiers: ['a.example'], solver: 'bind' };
    await declarations.declare({ who, from: '192.0.2.7' }, { name: 'a.example', certificate }, signal);
    const { revision = '' } = (await connections.get('solvers', 'bind', signal))!;
    const path = '/connections/solvers/bind/remove';
    expect((await get(path)).text).toContain(words.removeTitle('bind'));
    const refused = await post(path, { ifRevision: revision });
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('a.example');
    await declarations.remove({ who, from: '192.0.2.7' }, { name: 'a.example' }, signal);
    const done = await post(path, { ifRevision: revision });
    expect([done.status, done.location]).toEqual([303, '/connections?done=removed']);
    expect(await connections.get('solvers', 'bind', signal)).toBeUndefined();
  });
});

it('tries one, and shows each step beside the button', async () => {
  const { tried, post } = await open();
  await post(newBind, bind);
  const path = '/connections/solvers/bind/test';
  const none = await post(path, { zone: ' ' });
  expect(problemsIn(none.text)).toEqual({ zone: words.test.noZone });
  const page = await post(path, { zone: 'example.com ' }, 'zh');
  expect(page.status).toBe(200);
  for (const text of [zh.connections.test.well, zh.connections.test.steps.add, 'a record', '1.2'])
    expect(page.text).toContain(text);
  expect(tried).toEqual(['example.com']);
});

it('takes no secrets without a key of the store, and says what to do', async () => {
  const { get, post } = await open({ takesSecrets: false });
  expect((await get(newBind)).text).toContain('certfleet store key FILE');
  const page = await post(newBind, bind);
  expect(page.status).toBe(422);
  expect(Object.keys(problemsIn(page.text))).toEqual(['o.options.secret']);
});

it('shows those of the file, which are changed there', async () => {
  const { get, post } = await open();
  const list = (await get('/connections')).text;
  expect(list).toContain('href="/connections/issuers/own"');
  const page = (await get('/connections/solvers/web')).text;
  expect(page).toContain(words.inFileText);
  expect(page).not.toContain('action="/connections/solvers/web"');
  expect((await post('/connections/issuers/own', { 'o.directory': 'letsencrypt' })).status).toBe(422);
});

it('is open to each role as it may', async () => {
  const targets = '/connections/new?section=deployers';
  const to = [
    ['viewer', false, 'GET /connections', 200],
    ['viewer', false, 'GET /connections/new', 403],
    ['viewer', false, `GET ${newBind}`, 403],
    ['viewer', false, `POST ${newBind}`, 403],
    ['viewer', false, 'POST /connections/issuers/own/test', 403],
    ['operator', false, `GET ${newBind}`, 200],
    ['operator', true, `GET ${targets}`, 403],
    ['admin', false, `GET ${targets}`, 403],
    ['admin', true, `GET ${targets}`, 200],
    ['admin', false, `POST ${targets}&type=aws-acm`, 403],
  ] as const;
  for (const [role, changeTargets, route, status] of to) {
    const { get, post } = await open({ role, changeTargets });
    const [method, path = ''] = route.split(' ');
    const answer = method === 'GET' ? await get(path) : await post(path, bind);
    expect([role, changeTargets, route, answer.status]).toEqual([role, changeTargets, route, status]);
  }
  for (const [role, isSeen] of [
    ['viewer', false],
    ['operator', true],
  ] as const) {
    const { connections, get } = await open({ role });
    const ann = { who: { name: 'ann', role: 'operator', via: 'login' }, from: '' } as const;
    for (const [section, name, settings] of [
      ['issuers', 'le', { directory: 'letsencrypt', agreeToTerms: true, email: 'ops@one.example' }],
      ['alarms', 'chat', { type: 'slack', url: `https://hooks.slack.com/services/${secret}` }],
    ] as const)
      expect(await connections.declare(ann, { section, name, settings }, signal)).toHaveProperty('revision');
    const pages = ['', '/issuers/own', '/issuers/le', '/alarms/chat'].map((path) => get(`/connections${path}`));
    const texts = (await Promise.all(pages)).map(({ text }) => text);
    // The address of a CA may contain a secret, unless everybody knows it.
    expect([role, texts.some((text) => /one\.example|agreeToTerms/.test(text))]).toEqual([role, isSeen]);
    for (const text of [texts[0], texts[2]]) expect(text).toContain('Let&#39;s Encrypt');
    expect(texts.join('')).not.toContain(secret);
  }
});
