import { expect, it } from 'vitest';
import type { Settings } from '../../core/spec/spec.ts';
import { registry } from '../../generated/registry.ts';
import { checkDeclarations } from './declarations.ts';
import { settingsIn } from './settings.ts';

const surroundings = { env: {}, registry };

/** What a file declares. */
async function fileWith(certificates: readonly object[] = []): Promise<Settings> {
  const ca = (host: string) => ({ directory: `https://${host}.example/`, agreeToTerms: true, test: true });
  const { settings, problems } = await settingsIn(
    {
      issuers: { one: ca('one'), two: ca('two') },
      solvers: { web: { type: 'http01-webroot', folders: ['/srv'] }, proxy: { type: 'http01-stateless' } },
      deployers: { files: { type: 'files', path: '/srv/certificates' } },
      certificates,
    },
    surroundings,
  );
  expect(problems).toEqual([]);
  return settings!;
}

/** Returns the names that are declared, and the fields of the others that are refused. */
async function check(entries: Readonly<Record<string, object>>, certificates?: readonly object[]) {
  const given = new Map(Object.entries(entries) as [string, Readonly<Record<string, unknown>>][]);
  const found = await checkDeclarations(given, await fileWith(certificates), surroundings);
  const refused = [...found.refused].map(([name, problems]) => [name, problems.map(({ path }) => path.join('.'))]);
  return { declared: found.certificates.map(({ name }) => name), refused: Object.fromEntries(refused) };
}

const good = { identifiers: ['a.example'], issuer: 'one', solver: 'web' };

it.each<readonly [why: string, entry: object, fields: readonly string[]]>([
  ['an unknown key', { ...good, solvr: 'web' }, ['solvr']],
  ['a wrong type', { ...good, identifiers: 'a.example' }, ['identifiers']],
  ['no names', { issuer: 'one', solver: 'web' }, ['identifiers']],
  ['a name that is none', { ...good, identifiers: ['a.example', 'a b'] }, ['identifiers.1']],
  ['a name that the solver cannot prove', { ...good, identifiers: ['*.example'] }, ['identifiers']],
  ['no issuer, although there are two', { ...good, issuer: undefined }, ['']],
  [
    'what the file does not have',
    { ...good, issuer: 'three', solver: 'dns', deploy: ['x'] },
    ['issuer', 'solver', 'deploy.0'],
  ],
  [
    'all that is wrong at once',
    { ...good, identifiers: ['a b', 'b.example'], endpoints: ['a.example:x'], keyType: 'x', deploy: ['x'] },
    ['endpoints.0', 'keyType', 'deploy.0', 'identifiers.0'],
  ],
  ['programs and a wrong name', { ...good, identifiers: ['a b'], hooks: { deploy: 'x' } }, ['hooks', 'identifiers.0']],
  ['programs', { ...good, hooks: { deploy: 'reboot' } }, ['hooks']],
  ['a folder', { ...good, deploy: ['files', 'files:/etc'] }, ['deploy.1']],
])('refuses %s without harm to others', async (_why, entry, fields) => {
  expect(await check({ bad: entry, good })).toEqual({ declared: ['good'], refused: { bad: fields } });
});

it.each(['.', '..', '__proto__', 'constructor', '-a'])('refuses the name %s', async (name) => {
  expect((await check(Object.fromEntries([[name, good]]))).refused).toEqual(Object.fromEntries([[name, ['name']]]));
});

it('refuses a name that no certificate may have', async () => {
  expect(await check({ 'A b': good })).toEqual({ declared: [], refused: { 'A b': ['name'] } });
  const both = { 'A b': { ...good, identifiers: ['a b'] } };
  expect((await check(both)).refused).toEqual({ 'A b': ['name', 'identifiers.0'] });
});

it('does not let a proxy answer for a second account', async () => {
  const proxied = { ...good, solver: 'proxy' };
  const inFile = [{ ...proxied, name: 'b', identifiers: ['b.example'] }];
  expect(await check({ a: proxied, good }, inFile)).toEqual({ declared: ['a', 'good'], refused: {} });
  expect(await check({ a: { ...proxied, issuer: 'two' }, good }, inFile)).toEqual({
    declared: ['good'],
    refused: { a: ['solver'] },
  });
});
