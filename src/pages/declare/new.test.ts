import { expect, it } from 'vitest';
import { openDeclaring, problemsIn } from '../../../test/support/pages/declaring.ts';
import { en } from '../text/en.ts';
import { zh } from '../text/zh.ts';

const { signal } = new AbortController();

it('declares a certificate, and leads to its page', async () => {
  const { declarations, audited, send, get } = await openDeclaring();
  const page = await get();
  for (const name of ['one', 'two', 'web', 'dns', 'files']) expect(page).toContain(`value="${name}"`);
  const endpoints = 'a.example\n [2001:db8::1]:8443';
  const done = await send({
    names: '*.a.example\n a.example',
    solver: 'dns',
    issuer: 'one',
    deploy: 'files',
    endpoints,
  });
  expect(done).toMatchObject({ status: 303, location: '/certificates/wildcard.a.example' });
  expect(await declarations.get('wildcard.a.example', signal)).toMatchObject({
    certificate: {
      ...{ identifiers: ['*.a.example', 'a.example'], solver: 'dns', issuer: 'one', deploy: ['files'] },
      endpoints: ['a.example', '[2001:db8::1]:8443'],
    },
    by: 'mia',
  });
  expect(audited).toEqual(['certificate.declare']);
});

it.each(['en', 'zh'] as const)('answers bad input beside its field, and loses nothing, in %s', async (language) => {
  const { declarations, send } = await openDeclaring();
  const words = { en, zh }[language].declare;
  const typed = { names: 'a..example', name: 'No "Name"', solver: 'web', deploy: 'files' };
  const page = await send(typed, language);
  expect(page.status).toBe(422);
  expect(problemsIn(page.text)).toEqual({ names: expect.any(String), name: expect.any(String), issuer: words.choose });
  expect(page.text).toContain('a..example</textarea>');
  expect(page.text).toContain('value="No &quot;Name&quot;"');
  expect(page.text).toMatch(/<option value="web" selected/);
  expect(page.text).toMatch(/value="files" checked/);

  // They would be lost from the address of its page.
  for (const name of ['.', '..']) {
    const dots = await send({ ...typed, names: 'a.example', issuer: 'one', name }, language);
    expect(problemsIn(dots.text)).toEqual({ name: expect.stringContaining('. .. __proto__') });
    expect(dots.text).toContain(`value="${name}"`);
  }
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
  const endpoints = 'b.example:443, ::1:443\nb.example:x';
  const served = await send({ names: 'b.example', solver: 'web', issuer: 'one', endpoints }, language);
  expect(problemsIn(served.text)).toEqual({
    endpoints: expect.stringMatching(/^::1:443: .*\[::1\]:443.*b\.example:x: .*www\.example\.com:443$/),
  });
  expect(served.text).toContain(`${endpoints}</textarea>`);
  expect(await declarations.list(signal)).toEqual([]);
});

it.each([
  ['例え.example', 'xn--r8jz45g.example'],
  ['*.例え.example', 'wildcard.xn--r8jz45g.example'],
  ['A.Example.', 'a.example'],
  ['a.example，b.example、c.example；d.example', 'a.example'],
  [`${'a'.repeat(60)}.${'b'.repeat(60)}.example`, expect.stringMatching(/^a{60}\.b{22}-b{9}example$/)],
])('derives the name of the certificate from %s', async (names, name) => {
  const { declarations, send } = await openDeclaring();
  expect((await send({ names, solver: 'dns', issuer: 'one' })).status).toBe(303);
  expect((await declarations.list(signal)).map((one) => one.name)).toEqual([name]);
});

it.each(['<script>', 'https://a.example/', '*.*.example', '999.1.1.1', `${'a'.repeat(64)}.example`])(
  'says of %s that it is no name, and nothing of the field that was left empty',
  async (names) => {
    const { send } = await openDeclaring();
    for (const solver of ['dns', '']) {
      const page = await send({ names, solver, issuer: 'one' });
      expect(problemsIn(page.text)).toMatchObject({ names: expect.stringContaining('is not a valid DNS name') });
      expect(problemsIn(page.text)).not.toHaveProperty('name');
    }
  },
);

it('loses nothing of a list that is too long', async () => {
  const { send } = await openDeclaring();
  const names = Array.from({ length: 3000 }, (_one, at) => `host${at}.example`).join('\n');
  const page = await send({ names, solver: 'dns', issuer: 'one' });
  expect(problemsIn(page.text)['names']).toContain('3000');
  expect(page.text).toContain('host2999.example</textarea>');
});

it('removes a declaration that is still as it was seen', async () => {
  const { declarations, send, get, sendTo } = await openDeclaring();
  await send({ names: 'a.example', solver: 'web', issuer: 'one' });
  const undeclare = async (ifRevision: string) =>
    (await sendTo('/certificates/a.example/undeclare', { ifRevision })).status;
  const { revision } = (await declarations.get('a.example', signal))!;
  const page = await get('/certificates/a.example/undeclare');
  expect(page).toContain(`name="ifRevision" value="${revision}"`);
  expect(await undeclare('older')).toBe(409);
  expect(await declarations.list(signal)).toHaveLength(1);
  expect(await undeclare(revision)).toBe(303);
  expect(await declarations.list(signal)).toEqual([]);
});

it('is for operators', async () => {
  const { declarations, send, get, sendTo } = await openDeclaring('viewer');
  expect(await get()).toContain(en.noRight(en.roles.operator));
  expect((await send({ names: 'a.example', solver: 'web', issuer: 'one' })).status).toBe(403);
  expect((await sendTo('/certificates/a.example/undeclare', { ifRevision: '1' })).status).toBe(403);
  expect(await declarations.list(signal)).toEqual([]);
});
