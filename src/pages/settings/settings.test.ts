import type { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { createFleet } from '../../../test/support/pages/fleet.ts';
import { pagesOf } from '../../../test/support/pages/server.ts';
import { createSettings } from '../../../test/support/pages/settings.ts';
import type { Env } from '../../access/who.ts';
import { type Role, roles } from '../../core/access/role.ts';
import { en } from '../text/en.ts';
import { zh } from '../text/zh.ts';

const { signal } = new AbortController();
const password = 'correct horse battery';
const fleet = createFleet({ now: new Date() });

function open(role: Role = 'admin') {
  const settings = createSettings();
  const app = pagesOf(fleet, { role, settings });
  return { app, settings, ...settings.access };
}

const get = (app: Hono<Env>, path: string, language = 'en') =>
  app.request(path, { headers: { cookie: `language=${language}` } });
const post = (app: Hono<Env>, path: string, form: Readonly<Record<string, string>> = {}, language = 'en') =>
  app.request(path, {
    method: 'POST',
    headers: { cookie: `language=${language}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ csrf: 'token', ...form }).toString(),
  });
const has = (page: string, text: string) => expect(page.includes(text), `lacks ${text}`).toBe(true);

describe('the settings', () => {
  it('are open to each role as it may', async () => {
    const to: readonly (readonly [path: string, least: Role])[] = [
      ['GET /settings/users', 'admin'],
      ['POST /settings/users', 'admin'],
      ['POST /settings/users/ann/role', 'admin'],
      ['GET /settings/users/ann/password', 'admin'],
      ['POST /settings/users/ann/password', 'admin'],
      ['GET /settings/users/ann/remove', 'admin'],
      ['POST /settings/users/ann/remove', 'admin'],
      ['GET /settings/tokens', 'admin'],
      ['POST /settings/tokens', 'admin'],
      ['POST /settings/tokens/ci/remove', 'admin'],
      ['GET /settings/audit', 'admin'],
      ['GET /settings/configuration', 'operator'],
      ['POST /settings/alarms/ops/test', 'operator'],
      ['GET /settings/alarms', 'viewer'],
    ];
    for (const role of roles) {
      const { app } = open(role);
      for (const [route, least] of to) {
        const [method, path] = route.split(' ') as [string, string];
        const { status } = await (method === 'GET' ? get(app, path) : post(app, path));
        const isRefused = roles.indexOf(role) < roles.indexOf(least);
        expect([role, route, status === 403]).toEqual([role, route, isRefused]);
      }
      const first = await get(app, '/settings');
      const own = { viewer: 'alarms', operator: 'alarms', admin: 'users' }[role];
      expect(first.headers.get('location')).toBe(`/settings/${own}`);
    }
  });

  it('add, change and remove users, and write it down', async () => {
    const { app, users, audit } = open();
    const added = await post(app, '/settings/users', { name: 'ann', role: 'admin', password, again: password });
    expect([added.status, added.headers.get('location')]).toEqual([303, '/settings/users?done=added']);
    await post(app, '/settings/users', { name: 'bob', role: 'viewer', password, again: password });
    expect((await post(app, '/settings/users/bob/role', { role: 'operator' })).status).toBe(303);
    const other = 'another horse battery';
    expect((await post(app, '/settings/users/bob/password', { password: other, again: other })).status).toBe(303);
    expect(await users.list(signal)).toMatchObject([
      { name: 'ann', role: 'admin' },
      { name: 'bob', role: 'operator' },
    ]);
    // The last administrator stays, and the page says why beside the choice.
    const refused = await post(app, '/settings/users/ann/role', { role: 'viewer' });
    expect(refused.status).toBe(409);
    has(await refused.text(), 'id="role-of-ann-problem"');
    expect((await post(app, '/settings/users/ann/remove')).status).toBe(409);
    expect((await post(app, '/settings/users/bob/remove')).status).toBe(303);
    expect((await post(app, '/settings/users/bob/remove')).status).toBe(404);
    const [day = ''] = await audit.days(signal);
    const entries = await audit.day(day, signal);
    expect(entries.map(({ who, via, what, object, result }) => `${who} ${via} ${what} ${object} ${result}`)).toEqual([
      'mia login user.add ann done',
      'mia login user.add bob done',
      'mia login user.role bob done',
      'mia login user.password bob done',
      'mia login user.role ann access/last-admin',
      'mia login user.remove ann access/last-admin',
      'mia login user.remove bob done',
      'mia login user.remove bob access/no-user',
    ]);
    const log = await (await get(app, '/settings/audit')).text();
    expect(log.indexOf(en.settings.acts['user.remove'])).toBeLessThan(log.indexOf(en.settings.acts['user.add']));
    has(log, '192.0.2.7');
  });

  it.each([
    ['name', { name: 'a b', role: 'operator', password, again: password }],
    ['name', { name: 'taken', role: 'operator', password, again: password }],
    ['password', { name: 'bob', role: 'operator', password: 'short', again: 'short' }],
    ['again', { name: 'bob', role: 'operator', password, again: `${password}!` }],
  ])('say what is wrong beside the field %s, and lose nothing but passwords: %j', async (field, form) => {
    const { app, users } = open();
    await users.add({ name: 'taken', role: 'admin', password }, { name: 'root', via: 'command' }, signal);
    for (const [language, words] of [
      ['en', en],
      ['zh', zh],
    ] as const) {
      const answer = await post(app, '/settings/users', form, language);
      expect([409, 422]).toContain(answer.status);
      const page = await answer.text();
      has(page, `id="${field}-problem"`);
      has(page, `value="${form.name}"`);
      has(page, `<option value="operator" selected="">${words.settings.roleHints.operator}`);
      expect(page).not.toContain(password);
    }
    expect(await users.list(signal)).toHaveLength(1);
  });

  it('show a token once, and say what is wrong with one', async () => {
    const { app, tokens } = open();
    const bad = await post(app, '/settings/tokens', { name: '', role: 'operator', scope: 'shop-* "x', expires: '365' });
    expect(bad.status).toBe(422);
    const again = await bad.text();
    for (const text of ['id="name-problem"', 'id="scope-problem"', 'value="shop-* &quot;x"', 'value="365" selected'])
      has(again, text);
    const made = await post(app, '/settings/tokens', {
      name: 'ci',
      role: 'operator',
      scope: 'www, shop-*',
      expires: '30',
    });
    const token = /cft_[\w-]+/.exec(await made.text())?.[0] ?? '';
    expect(await tokens.find(token, signal)).toMatchObject({ name: 'ci', role: 'operator', scope: ['www', 'shop-*'] });
    const list = await (await get(app, '/settings/tokens')).text();
    has(list, 'www shop-*');
    expect(list).not.toContain('cft_');
    const twice = await post(app, '/settings/tokens', { name: 'ci', role: 'viewer', scope: '', expires: 'never' });
    expect(twice.status).toBe(409);
    has(await twice.text(), 'value="ci"');
    expect((await post(app, '/settings/tokens/ci/remove')).status).toBe(303);
    expect(await tokens.find(token, signal)).toBeUndefined();
  });

  it('send a test message, and tell why one was not sent', async () => {
    const { app, settings, audit } = open('operator');
    expect((await post(app, '/settings/alarms/ops/test')).headers.get('location')).toBe('/settings/alarms?done=sent');
    expect(settings.sent).toEqual(['ops']);
    const failed = await post(app, '/settings/alarms/mail/test');
    expect(failed.status).toBe(502);
    has(await failed.text(), 'the notifier mail');
    expect((await post(app, '/settings/alarms/other/test')).status).toBe(404);
    const entries = await audit.day((await audit.days(signal))[0]!, signal);
    expect(entries.map(({ object, result }) => [object, result])).toEqual([
      ['ops', 'done'],
      ['mail', 'config/credential-missing'],
    ]);
  });

  it.each([
    ['user.role', 'operator', 'done', zh.roles.operator],
    ['token.add', 'viewer shop-*', 'done', `${zh.roles.viewer} shop-*`],
    ['certificate.revoke', 'keyCompromise', 'done', zh.confirm.reasons.keyCompromise],
    ['login', 'and 7 more before it', 'refused', '之前还有 7 次'],
    ['certificate.pause', 'timed out', 'done', 'timed out'],
  ])('say in Chinese what else is known of %s: %s', async (what, detail, result, words) => {
    const { app, audit } = open();
    await audit.record({ name: 'mia', via: 'login' }, { what, object: 'x', detail, result });
    has(await (await get(app, '/settings/audit', 'zh')).text(), words);
  });

  it('show what others have written harmlessly', async () => {
    const { app, audit } = open();
    const evil = '<script>alert(1)</script>\u202E';
    await audit.record({ name: evil, via: 'login' }, { what: 'login', object: evil, detail: evil, result: evil });
    for (const language of ['en', 'zh']) {
      const page = await (await get(app, '/settings/audit', language)).text();
      expect(page).not.toMatch(/<script>alert|\u202E|undefined|\[object/);
    }
  });
});
