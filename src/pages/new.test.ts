import { expect, it } from 'vitest';
import { createFleet } from '../../test/support/pages/fleet.ts';
import { pagesOf } from '../../test/support/pages/server.ts';
import { declaredCertificates, declaredConnections } from '../compose/declarations.ts';
import { settingsIn } from '../config/settings/settings.ts';
import { createDeclarations } from '../fleet/declarations.ts';
import { openSources } from '../fleet/sources.ts';
import { registry } from '../generated/registry.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { en } from './text/en.ts';
import { zh } from './text/zh.ts';

const { signal } = new AbortController();

/** The page, with what it declares. */
async function open(role: 'viewer' | 'operator' = 'operator') {
  const ca = (host: string) => ({ directory: `https://${host}.example/`, agreeToTerms: true, test: true });
  const file = {
    issuers: { one: ca('one'), two: ca('two') },
    solvers: { web: { type: 'http01-webroot', folders: ['/srv'] }, dns: { type: 'dns01', provider: 'manual' } },
    deployers: { files: { type: 'files', path: '/srv/certificates' } },
    certificates: [{ name: 'mine.example', identifiers: ['mine.example'], issuer: 'one', solver: 'web' }],
  };
  const { settings } = await settingsIn(file, { env: {}, registry });
  const [store, clock] = [createMemoryStore(), fakeClock()];
  const check: Parameters<typeof openSources>[1]['check'] = (entries, of, now) =>
    declaredCertificates(entries, of, { env: {} }, now);
  const engine = { store, clock, reporter: { report() {} } };
  const sources = await openSources(
    settings!,
    { engine, check, checkConnections: declaredConnections, changed() {} },
    signal,
  );
  const audited: string[] = [];
  const audit = { record: async (_by: object, act: { what: string }) => void audited.push(act.what) };
  const declarations = createDeclarations({ engine, sources, audit, checkDeclarations: check });
  const app = pagesOf(createFleet({ now: clock.now(), more: 0 }), { role, now: () => clock.now(), declarations });
  const send = async (fields: Readonly<Record<string, string>>, language = 'en') => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', cookie: `language=${language}` };
    const answer = await app.request('/new', { method: 'POST', headers, body: new URLSearchParams(fields).toString() });
    return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
  };
  const get = async (path = '/new') => (await app.request(path)).text();
  const undeclare = async (name: string, ifRevision: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ ifRevision }).toString();
    return (await app.request(`/certificates/${name}/undeclare`, { method: 'POST', headers, body })).status;
  };
  return { declarations, audited, send, get, undeclare };
}

/** What is said of each field, as a screen reader finds it. */
const problemsIn = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/id="(\w+)-problem" role="alert">(.*?)<\/div>/gs)].map(([, field, html = '']) => [
      field,
      html.replaceAll(/<[^>]+>/g, ''),
    ]),
  );

it('declares a certificate, and leads to its page', async () => {
  const { declarations, audited, send, get } = await open();
  const page = await get();
  for (const name of ['one', 'two', 'web', 'dns', 'files']) expect(page).toContain(`value="${name}"`);
  const done = await send({ names: '*.a.example\n a.example', solver: 'dns', issuer: 'one', deploy: 'files' });
  expect(done).toMatchObject({ status: 303, location: '/certificates/wildcard.a.example' });
  expect(await declarations.get('wildcard.a.example', signal)).toMatchObject({
    certificate: { identifiers: ['*.a.example', 'a.example'], solver: 'dns', issuer: 'one', deploy: ['files'] },
    by: 'mia',
  });
  expect(audited).toEqual(['certificate.declare']);
});

it.each(['en', 'zh'] as const)('answers bad input beside its field, and loses nothing, in %s', async (language) => {
  const { declarations, send } = await open();
  const words = { en, zh }[language].declare;
  const typed = { names: 'a..example', name: 'No "Name"', solver: 'web', deploy: 'files' };
  const page = await send(typed, language);
  expect(page.status).toBe(422);
  expect(problemsIn(page.text)).toEqual({ name: expect.any(String), issuer: words.choose });
  expect(page.text).toContain('a..example</textarea>');
  expect(page.text).toContain('value="No &quot;Name&quot;"');
  expect(page.text).toMatch(/<option value="web" selected/);
  expect(page.text).toMatch(/value="files" checked/);

  const names = await send({ ...typed, name: 'a', issuer: 'one' }, language);
  expect(problemsIn(names.text)).toEqual({ names: expect.stringContaining('a..example') });
  const wildcard = await send({ names: '*.a.example', solver: 'web', issuer: 'one' }, language);
  expect(problemsIn(wildcard.text)).toEqual({ names: expect.stringContaining('*.a.example') });
  const none = await send({ names: ' ', solver: 'web' }, language);
  expect(problemsIn(none.text)).toEqual({ names: words.noNames, issuer: words.choose });
  const taken = await send({ names: 'mine.example', solver: 'web', issuer: 'one' }, language);
  expect(problemsIn(taken.text)).toEqual({ name: words.taken });
  const folder = await send({ names: 'b.example', solver: 'web', issuer: 'one', deploy: 'files:/etc' }, language);
  expect(Object.keys(problemsIn(folder.text))).toEqual(['deploy']);
  expect(await declarations.list(signal)).toEqual([]);
});

it('removes a declaration that is still as it was seen', async () => {
  const { declarations, send, get, undeclare } = await open();
  await send({ names: 'a.example', solver: 'web', issuer: 'one' });
  const { revision } = (await declarations.get('a.example', signal))!;
  const page = await get('/certificates/a.example/undeclare');
  expect(page).toContain(`name="ifRevision" value="${revision}"`);
  expect(await undeclare('a.example', 'older')).toBe(409);
  expect(await declarations.list(signal)).toHaveLength(1);
  expect(await undeclare('a.example', revision)).toBe(303);
  expect(await declarations.list(signal)).toEqual([]);
});

it('is for operators', async () => {
  const { declarations, send, get, undeclare } = await open('viewer');
  expect(await get()).toContain(en.noRight(en.roles.operator));
  expect((await send({ names: 'a.example', solver: 'web', issuer: 'one' })).status).toBe(403);
  expect(await undeclare('a.example', '1')).toBe(403);
  expect(await declarations.list(signal)).toEqual([]);
});
