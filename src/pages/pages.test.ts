import type { Hono } from 'hono';
import { beforeAll, describe, expect, it } from 'vitest';
import { createFleet, type Fleet, later, rowOf, states } from '../../test/support/pages/fleet.ts';
import { contentSecurityPolicy, pagesOf } from '../../test/support/pages/server.ts';
import type { Env } from '../access/who.ts';
import { fail } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { needsPerson } from '../core/plan/status.ts';
import type { FleetKeys } from '../fleet/web/keys.ts';
import type { CertificateRow } from '../fleet/web/view.ts';
import { actsOnMany } from './certificate/confirm.tsx';
import { en } from './text/en.ts';
import { zh } from './text/zh.ts';

const now = new Date('2026-11-30T12:00:00Z');
const texts = { en, zh } as const;
const languages = ['en', 'zh'] as const;

let fleet: Fleet;
let app: Hono<Env>;
const audited: object[] = [];
beforeAll(() => {
  fleet = createFleet({ now, more: 60 });
  app = pagesOf(fleet, { role: 'operator', now: () => now, recorded: ([by, act]) => audited.push({ ...by, ...act }) });
});

const get = (path: string, language: 'en' | 'zh' = 'en', to: Hono<Env> = app) =>
  to.request(path, { headers: { cookie: `language=${language}` } });
const textOf = async (path: string, language: 'en' | 'zh' = 'en', to: Hono<Env> = app) =>
  (await get(path, language, to)).text();

/** A page is long, so a failure tells only what it lacks. */
const has = (page: string, text: string) => expect(page.includes(text), `lacks ${text}`).toBe(true);
const hasNot = (page: string, pattern: RegExp) => expect(pattern.exec(page)?.[0]).toBeUndefined();

describe('a certificate in each state', () => {
  const cases = states.flatMap((state) => languages.map((language) => [state, language] as const));
  it.each(cases)('%s, in %s', async (state, language) => {
    const { name, identifiers } = rowOf(state, now);
    const text = texts[language];
    const page = await textOf(`/certificates/${encodeURIComponent(name)}`, language);
    has(page, `<html lang="${language === 'en' ? 'en' : 'zh-Hans'}">`);
    has(page, text.states[state]);
    has(page, `<h1>${name}</h1>`);
    for (const one of identifiers) has(page, one);
    // A word that is missing would be this.
    hasNot(page, /undefined|\[object|NaN|Invalid Date/);
    const list = await textOf(`/certificates?state=${state}&search=${encodeURIComponent(name)}`, language);
    has(list, `id="row-${name}"`);
    has(list, text.states[state]);
    hasNot(list, /undefined|\[object|NaN|Invalid Date/);
  });

  it.each(languages)('are all on the overview, in %s', async (language) => {
    const page = await textOf('/', language);
    const text = texts[language];
    for (const state of states) has(page, `href="/certificates?state=${state}"`);
    // The headline counts what the panel below it lists.
    expect(page.match(/<li id="need-/g)).toHaveLength(needsPerson.length);
    has(page, text.all.need(needsPerson.length, 73));
    has(page, 'id="need-shop.example.com"');
    has(page, 'id="run-api.example.com"');
    has(page, text.steps.validate);
    hasNot(page, /undefined|\[object|NaN|Invalid Date/);
  });
});

it('shows an international name in its own letters, too', async () => {
  const own = createFleet({ now });
  own.change('www.example.com', {
    ...rowOf('valid', now),
    identifiers: ['www.example.com', 'xn--fiq228c.example.com'],
  });
  const to = pagesOf(own, { role: 'operator', now: () => now });
  for (const path of ['/certificates', '/certificates/www.example.com'])
    has(await textOf(path, 'en', to), 'xn--fiq228c.example.com (中文.example.com)');
});

describe('what comes from outside', () => {
  const evil = '</p><script src="//evil.test/x.js"></script><img src=x onerror=alert(1)>"\'&';
  const bidi = 'moc.live\u202Egpj\u2066\u0007';

  it('is inert, and what hides in it is shown', async () => {
    const hostile = createFleet({ now });
    const row: CertificateRow = {
      ...rowOf('failing', now),
      identifiers: [evil],
      issuer: evil,
      targets: [evil],
    };
    hostile.change('shop.example.com', row);
    const wrong = { message: `${evil} ${bidi}`, hint: evil, count: 1, at: row.notAfter!, retryAt: row.notAfter! };
    const own = hostile.view.certificate.bind(hostile.view);
    const view = {
      ...hostile.view,
      certificate: async (name: string, signal: AbortSignal) => {
        const found = (await own(name, signal))!;
        const [run] = found.runs;
        return {
          ...found,
          failure: { ...wrong, code: evil },
          runs: [{ ...run!, caSays: `${evil} ${bidi}`, message: evil, node: evil, code: evil }],
          run: { step: evil, startedAt: evil, holder: evil, isCutOff: false },
          status: { ...found.status, chain: [evil], issuerName: evil, explanationUrl: 'javascript:alert(1)' },
        };
      },
    };
    const to = pagesOf({ ...hostile, view }, { role: 'operator', now: () => now });
    for (const path of [
      '/',
      '/certificates',
      `/certificates?search=${encodeURIComponent(evil)}`,
      '/certificates/shop.example.com',
    ]) {
      const page = await textOf(path, 'en', to);
      hasNot(page, /<script src="\/\//);
      hasNot(page, /<img/);
      hasNot(page, /javascript:/);
      hasNot(page, /[\u202a-\u202e\u2066-\u2069\u0007]/);
    }
    const page = await textOf('/certificates/shop.example.com', 'en', to);
    has(page, '<span class="unseen">U+202E</span>gpj<span class="unseen">U+2066</span>');
    has(page, '<span class="unseen">\u2407</span>');
  });
});

describe('actions', () => {
  const post = (path: string, fields: Record<string, string>, to: Hono<Env> = app) =>
    to.request(path, { method: 'POST', body: new URLSearchParams(fields) });

  it.each(['renew', 'redeploy', 'rollback', 'revoke', 'pause', 'resume'] as const)('%s begins', async (action) => {
    const typed = { ifRevision: 'r7', reason: 'superseded', why: 'the proxy moves' };
    const answer = await post(`/certificates/www.example.com/${action}`, typed);
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe(`/certificates/www.example.com?begun=${action}`);
    const reason = action === 'revoke' ? 'superseded' : undefined;
    const why = action === 'pause' ? typed.why : undefined;
    expect(fleet.begun.at(-1)).toEqual({ action, name: 'www.example.com', ifRevision: 'r7', reason, why, by: 'mia' });
    expect(audited.at(-1)).toEqual({
      ...{ name: 'mia', via: 'login', from: '192.0.2.7' },
      ...{ what: `certificate.${action}`, object: 'www.example.com', detail: reason ?? why, result: 'done' },
    });
    has(await textOf(`/certificates/www.example.com?begun=${action}`), en.begun[action]);
  });

  it('are not for viewers', async () => {
    const other = createFleet({ now });
    const to = pagesOf(other, { role: 'viewer', now: () => now });
    for (const action of ['renew', 'redeploy', 'rollback', 'revoke', 'pause', 'resume'])
      expect((await post(`/certificates/www.example.com/${action}`, {}, to)).status).toBe(403);
    expect(
      (await post('/certificates', { name: 'www.example.com', action: 'renew', confirmed: 'yes' }, to)).status,
    ).toBe(403);
    expect(other.begun).toEqual([]);
    for (const path of ['/', '/certificates', '/certificates/shop.example.com'])
      hasNot(
        await textOf(path, 'en', to),
        /<form method="post" action="\/certificates\/|type="checkbox"|href="[^"]*\/revoke"/,
      );
    for (const action of ['revoke', 'rollback', 'pause'])
      expect((await get(`/certificates/www.example.com/${action}`, 'en', to)).status).toBe(403);
  });

  it.each(['/', '/certificates', '/certificates/www.example.com', '/events'])(
    '%s is not for API tokens',
    async (path) => {
      const to = pagesOf(fleet, { role: 'operator', via: 'token', now: () => now });
      expect((await get(path, 'en', to)).status).toBe(403);
    },
  );

  it('download a private key for administrators, where the configuration allows it', async () => {
    const asked: object[] = [];
    const keys: FleetKeys = {
      isOn: () => true,
      download: async (request, { who }) => {
        asked.push({ ...request, who: who.name });
        if (request.password === 'wrong') throw fail('access/wrong-password', {});
        if (request.password === 'again') throw fail('access/slow', { seconds: 30 });
        return { name: 'www.example.com.pem', pem: new Secret('the key') };
      },
    };
    const path = '/certificates/www.example.com/key';
    const to = pagesOf(fleet, { role: 'admin', now: () => now, keys });
    has(await textOf('/certificates/www.example.com', 'en', to), `href="${path}"`);
    has(await textOf(path, 'en', to), 'type="password"');
    for (const [password, text] of [
      ['wrong', 'the password is wrong'],
      ['again', 'Try again in 30 s.'],
    ] as const) {
      const refused = await post(path, { password }, to);
      expect(refused.status).toBe(422);
      has(await refused.text(), text);
    }
    const answer = await post(path, { password: 'right' }, to);
    expect([answer.status, answer.headers.get('cache-control'), await answer.text()]).toEqual([
      ...[200, 'no-store', 'the key'],
    ]);
    expect(asked.at(-1)).toEqual({ name: 'www.example.com', password: 'right', who: 'mia' });
    const operator = pagesOf(fleet, { role: 'operator', now: () => now, keys });
    expect((await get(path, 'en', operator)).status).toBe(403);
    hasNot(await textOf('/certificates/www.example.com', 'en', operator), /\/key"/);
    const off = pagesOf(fleet, { role: 'admin', now: () => now });
    expect([(await get(path, 'en', off)).status, (await post(path, { password: 'x' }, off)).status]).toEqual([
      404, 403,
    ]);
    hasNot(await textOf('/certificates/www.example.com', 'en', off), /\/key"/);
  });

  it('show who has paused a certificate and why, with a button that ends it', async () => {
    const page = await textOf('/certificates/moving.example.com');
    for (const text of ['by ada', 'the proxy is replaced', en.certificate.why.paused]) has(page, text);
    has(page, 'action="/certificates/moving.example.com/resume"');
    hasNot(page, /moving\.example\.com\/pause"/);
    has(await textOf('/certificates/www.example.com/pause'), en.confirm.pauseText);
    const other = createFleet({ now });
    other.change('old.example.net', { isPaused: true });
    const to = pagesOf(other, { role: 'operator', now: () => now });
    has(await textOf('/certificates/old.example.net', 'en', to), `>${en.states.paused}</span>`);
    has(await textOf('/certificates?state=expired', 'en', to), `>${en.states.paused}</span>`);
  });

  it('that are refused say why, beside the certificate as it is now', async () => {
    const refusing = createFleet({ now });
    const actions = {
      ...refusing.actions,
      begin: async () => {
        throw fail('lineage/no-certificate', { name: 'www.example.com' });
      },
    };
    const to = pagesOf({ ...refusing, actions }, { role: 'operator', now: () => now });
    const answer = await post('/certificates/www.example.com/redeploy', { ifRevision: 'r1' }, to);
    expect(answer.status).toBe(409);
    const page = await answer.text();
    has(page, 'role="alert"');
    // It is kept up to date from there, too.
    has(page, 'hx-get="/certificates/www.example.com"');
    has(page, '<h1>www.example.com</h1>');
  });

  it.each(actsOnMany)('on many ask first: %s', async (action) => {
    const before = fleet.begun.length;
    const fields = new URLSearchParams([
      ['name', 'www.example.com'],
      ['name', 'mail.example.com'],
      ['action', action],
    ]);
    const asked = await app.request('/certificates', { method: 'POST', body: fields });
    has(await asked.text(), en.confirm[`${action}Many`](2));
    expect(fleet.begun).toHaveLength(before);
    fields.set('confirmed', 'yes');
    const done = await app.request('/certificates', { method: 'POST', body: fields });
    has(await done.text(), en.begunMany(2, 0));
    expect(fleet.begun.slice(before).map((one) => [one.name, one.action])).toEqual([
      ...[['www.example.com', action] as const, ['mail.example.com', action] as const],
    ]);
    expect((await post('/certificates', { action })).status).toBe(422);
  });
});

describe('a page', () => {
  it('has nothing inline and nothing from elsewhere, and is small', async () => {
    let bytes = 0;
    const page = await get('/');
    const html = await page.text();
    hasNot(html, /<script(?![^>]* src="\/assets\/)|<style|style="|\son\w+="|javascript:/);
    const zipped = async (path: string) => {
      const answer = await app.request(path, { headers: { 'accept-encoding': 'gzip' } });
      expect(answer.headers.get('content-encoding')).toBe('gzip');
      bytes += (await answer.arrayBuffer()).byteLength;
      return answer;
    };
    await zipped('/');
    const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
    expect(assets).toHaveLength(2);
    for (const path of assets) {
      const answer = await zipped(path);
      expect(answer.headers.get('cache-control')).toContain('immutable');
    }
    expect(bytes).toBeLessThan(30_000);
    expect((await get('/assets/000000000000-pages.js')).status).toBe(404);
    expect(contentSecurityPolicy).not.toContain('unsafe');
  });

  it.each([
    ['/nothing', en.errors.notFound],
    ['/certificates/absent.example.com', en.errors.noCertificate('absent.example.com')],
    ['/certificates/%E2%80%AE', 'U+202E'],
  ])('%s is not found', async (path, text) => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    has(await answer.text(), text);
  });

  it('keeps the language and the colours that a reader chooses', async () => {
    const chosen = await get('/certificates?search=app&language=zh&theme=dark');
    expect(chosen.status).toBe(303);
    expect(chosen.headers.get('location')).toBe('/certificates?search=app');
    const cookies = chosen.headers.getSetCookie().map((one) => one.split(';')[0]);
    expect(cookies).toEqual(['language=zh', 'theme=dark']);
    const answer = await app.request('/', { headers: { cookie: cookies.join('; ') } });
    has(await answer.text(), '<html lang="zh-Hans" data-theme="dark">');
  });

  it('tells times in the zone of the browser', async () => {
    const at = later(now, 61);
    const zones = { 'Asia/Shanghai': '30 Jan 2027, 20:00', 'Bad/Zone': '30 Jan 2027, 12:00' };
    for (const [zone, text] of Object.entries(zones)) {
      const answer = await app.request('/certificates/www.example.com', { headers: { cookie: `zone=${zone}` } });
      has(await answer.text(), `<time datetime="${at}">in 61 days <span class="exact">${text}`);
    }
  });
});

describe('the list', () => {
  it('is paged by links, each certificate once', async () => {
    const seen: string[] = [];
    let path: string | undefined = '/certificates?sort=expiry';
    while (path !== undefined) {
      const page: string = await textOf(path);
      seen.push(...[...page.matchAll(/id="row-([^"]+)"/g)].map(([, name]) => name!));
      path = /<a href="([^"]+)" rel="next">/.exec(page)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toHaveLength(73);
    expect(new Set(seen).size).toBe(73);
  });

  it('finds by a part of a name, and says when there is nothing', async () => {
    has(await textOf('/certificates?search=app-007'), 'id="row-app-007.example.com"');
    has(await textOf('/certificates?search=absent'), en.list.nothing);
  });

  it('counts what is found, by state, whatever state is chosen', async () => {
    const countsIn = (page: string) =>
      [...page.matchAll(/<a href="([^"]+)"[^>]*><span class="badge \w+">([^<]+)<\/span> <b>(\d+)</g)].map(
        ([, href = '', state, count]) => [href.replaceAll('&amp;', '&'), state, Number(count)],
      );
    const all = await textOf('/certificates?search=example.net');
    has(all, en.list.found(3, 73));
    const found = [
      ['/certificates?search=example.net&state=expired', en.states.expired, 1],
      ['/certificates?search=example.net&state=revoked', en.states.revoked, 1],
      ['/certificates?search=example.net&state=undeclared', en.states.undeclared, 1],
    ];
    expect(countsIn(all)).toEqual(found);
    const one = await textOf('/certificates?search=example.net&state=expired');
    has(one, en.list.found(1, 73));
    expect(countsIn(one)).toEqual([['/certificates?search=example.net', en.states.expired, 1], ...found.slice(1)]);
    has(await textOf('/certificates?search=app-'), en.list.found(60, 73));
  });

  it('acts on all that a filter finds, on all its pages, after a question', async () => {
    const post = async (fields: readonly (readonly [string, string])[]) => {
      const body = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await app.request('/certificates', { method: 'POST', headers, body });
      return { status: answer.status, text: await answer.text() };
    };
    const list = await textOf('/certificates?search=app-');
    has(list, en.list.allFound(60));
    has(list, '<input type="hidden" name="search" value="app-"');
    hasNot(await textOf('/certificates?search=example.net'), /id="bulk-all"/);
    const asked = await post([
      ['search', 'app-'],
      ['all', 'yes'],
      ['action', 'renew'],
    ]);
    const names = [...asked.text.matchAll(/name="name" value="([^"]+)"/g)].map(([, name = '']) => name);
    expect([asked.status, names.length, new Set(names).size]).toEqual([200, 60, 60]);
    const none = await post([
      ['search', 'absent'],
      ['all', 'yes'],
      ['action', 'renew'],
    ]);
    expect([none.status, none.text.includes(en.confirm.noneSelected)]).toEqual([422, true]);
    const many = await post(Array.from({ length: 1_001 }, (_, at) => ['name', `n${at}`] as const));
    expect([many.status, many.text.includes(en.confirm.tooMany(1_000))]).toEqual([422, true]);
  });

  it('shows what endpoints serve', async () => {
    const cellOf = (page: string) => new RegExp(`<td data-label="${en.list.served}">(.*?)</td>`, 's').exec(page)?.[1];
    has(cellOf(await textOf('/certificates?search=www.example.com&state=valid'))!, en.list.servedStates.current);
    const stale = cellOf(await textOf('/certificates?search=old.example.net'))!;
    has(stale, en.list.servedStates.stale);
    has(stale, 'serial 03ab');
    const facts =
      /<section[^>]* id="facts".*?<\/section>/s.exec(await textOf('/certificates/old.example.net'))?.[0] ?? '';
    has(facts, en.list.servedStates.stale);
    has(facts, 'serial 03ab');
    has(cellOf(await textOf('/certificates?search=app-001'))!, en.list.servedStates.none);
  });
});

describe('events', () => {
  const read = async (since: string | undefined, act: () => void, isEnough: (text: string) => boolean) => {
    const end = new AbortController();
    const answer = await app.request(`/events${since === undefined ? '' : `?since=${since}`}`, { signal: end.signal });
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    let hasActed = false;
    while (!isEnough(text)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      if (!hasActed) act();
      hasActed = true;
    }
    end.abort();
    await reader.cancel();
    return text;
  };

  it('say which certificates have changed', async () => {
    const { sequence } = fleet.view;
    const text = await read(
      `life.${sequence}`,
      () => fleet.change('www.example.com', {}),
      (all) => all.includes('changed'),
    );
    expect(text).toContain(`event: changed\nid: life.${sequence + 1}\ndata: ["www.example.com"]\n\n`);
  });

  it.each(['life.0', 'life.1000000', 'other.1', '1', 'x'])('say that there is a gap after %s', async (since) => {
    const text = await read(
      since,
      () => {},
      (all) => all.includes('gap'),
    );
    expect(text).toContain(`event: gap\nid: life.${fleet.view.sequence}\n`);
  });
});
