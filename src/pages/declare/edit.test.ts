import { expect, it } from 'vitest';
import { openDeclaring, problemsIn } from '../../../test/support/pages/declaring.ts';
import { changesIn, hiddenIn, plain } from '../../../test/support/pages/meanwhile.ts';
import { en } from '../text/en.ts';
import { zh } from '../text/zh.ts';

const { signal } = new AbortController();
const path = '/certificates/a.example/edit';

/** A store that declares a.example, with a setting that the form has no field for. */
async function declared() {
  const opened = await openDeclaring();
  const { declarations } = opened;
  const ann = { who: { name: 'ann', role: 'operator', via: 'login' }, from: '' } as const;
  const certificate = {
    identifiers: ['a.example', { name: 'b.example', solver: 'dns' }],
    solver: 'web',
    issuer: 'one',
  };
  const put = async (more: object) => {
    const done = await declarations.declare(
      ann,
      { name: 'a.example', certificate: { ...certificate, ...more } },
      signal,
    );
    expect(done).toHaveProperty('revision');
  };
  await put({ keyType: 'rsa2048', deploy: ['files'], endpoints: ['a.example:443'] });
  const stored = async () => (await declarations.get('a.example', signal))?.certificate;
  return { ...opened, ann, put, stored };
}

const typed = { names: 'a.example\nb.example\nc.example', solver: 'web', issuer: 'two', deploy: 'files' };

it('shows what is stored, saves what is typed, and keeps the rest', async () => {
  const { get, sendTo, stored } = await declared();
  const page = await get(path);
  expect(page).toContain('a.example\nb.example</textarea>');
  expect(page).toMatch(/<option value="web" selected/);
  expect(page).toMatch(/value="files" checked/);
  expect(page).not.toContain('name="name"');
  expect(page).toContain('a.example:443</textarea>');
  const endpoints = 'a.example:443\nb.example:443';
  expect(await sendTo(path, { ...typed, ...hiddenIn(page), endpoints })).toMatchObject({
    status: 303,
    location: '/certificates/a.example',
  });
  expect(await stored()).toEqual({
    identifiers: ['a.example', { name: 'b.example', solver: 'dns' }, 'c.example'],
    ...{ solver: 'web', issuer: 'two', keyType: 'rsa2048', deploy: ['files'] },
    endpoints: ['a.example:443', 'b.example:443'],
  });
});

it('answers bad input beside its field, and can be sent again', async () => {
  const { get, sendTo, stored } = await declared();
  const page = await get(path);
  const before = await stored();
  const wrong = { ...typed, names: 'a..example', endpoints: 'a.example:x' };
  const problems = {
    names: expect.stringContaining('a..example'),
    endpoints: expect.stringContaining('a.example:x'),
  };
  const bad = await sendTo(path, { ...wrong, ...hiddenIn(page), issuer: '' });
  expect(bad.status).toBe(422);
  expect(problemsIn(bad.text)).toEqual({ ...problems, issuer: en.declare.choose });
  const chosen = await sendTo(path, { ...wrong, ...hiddenIn(page) });
  expect([chosen.status, problemsIn(chosen.text)]).toEqual([422, problems]);
  for (const text of ['a..example</textarea>', 'a.example:x</textarea>']) expect(chosen.text).toContain(text);
  expect(await stored()).toEqual(before);
  expect((await sendTo(path, { ...typed, ...hiddenIn(bad.text) })).status).toBe(303);
});

it.each(['en', 'zh'] as const)(
  'shows the second of two what the first did, and loses nothing, in %s',
  async (language) => {
    const words = { en, zh }[language].edit;
    const { get, put, sendTo, stored } = await declared();
    const page = await get(path);
    await put({ identifiers: ['a.example', 'new.example'], issuer: 'two', deploy: [] });
    const first = await stored();
    const late = await sendTo(path, { ...typed, ...hiddenIn(page) }, language);
    expect(late.status).toBe(409);
    expect(plain(late.text)).toContain(plain(words.changed('ann')));
    expect(changesIn(late.text)).toEqual([
      ...['del b.example', 'ins new.example'],
      ...['del files', 'del a.example:443', 'del one', 'ins two'],
    ]);
    expect(late.text).toContain('a.example\nb.example\nc.example</textarea>');
    expect(await stored()).toEqual(first);

    // Whoever has seen that may save what they typed.
    expect((await sendTo(path, { ...typed, ...hiddenIn(late.text) }, language)).status).toBe(303);
    expect(await stored()).toMatchObject({ identifiers: ['a.example', 'b.example', 'c.example'], issuer: 'two' });
  },
);

it('says that only other settings were changed, or that all were removed', async () => {
  const { get, ann, put, sendTo, stored, declarations } = await declared();
  const page = await get(path);
  await put({ keyType: 'rsa4096', deploy: ['files'], endpoints: ['a.example:443'] });
  const other = await sendTo(path, { ...typed, ...hiddenIn(page) });
  expect([other.status, plain(other.text).includes(en.edit.otherSettings)]).toEqual([409, true]);

  await declarations.remove(ann, { name: 'a.example' }, signal);
  const gone = await sendTo(path, { ...typed, ...hiddenIn(other.text) });
  expect([gone.status, plain(gone.text).includes(en.edit.gone)]).toEqual([409, true]);
  expect((await sendTo(path, { ...typed, ...hiddenIn(gone.text) })).status).toBe(303);
  expect(await stored()).toMatchObject({ identifiers: ['a.example', 'b.example', 'c.example'] });
});

it('is not for what the file declares, nor for viewers', async () => {
  const { get, sendTo } = await openDeclaring();
  const name = 'shop.example.com';
  const said = plain(await get(`/certificates/${name}/edit`));
  expect(said).toContain(en.edit.inFile('/etc/certfleet/certfleet.yaml').replaceAll('`', ''));
  expect((await sendTo('/certificates/mine.example/edit', { ...typed, ifRevision: '' })).status).not.toBe(303);
  const viewer = await openDeclaring('viewer');
  expect((await viewer.sendTo(path, typed)).status).toBe(403);
  expect(await viewer.get(path)).toContain(en.noRight(en.roles.operator));
});
