import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { present } from '../../core/text/present.ts';
import { checkConfiguration, loadSettings, placeText } from './load.ts';

const main = `
issuers: { le: { directory: letsencrypt } }
solvers:
  web: { type: http01-webroot, folders: /srv }
leaseTtl: 30s
certificates:
  - { name: a, identifiers: [a.example.com] }
`;

async function disk(texts: Readonly<Record<string, string>>) {
  const files = memoryFiles(() => new Date(0));
  await files.makeFolders('/etc/certfleet/certfleet.d', 0o755);
  for (const [name, text] of Object.entries(texts))
    await files.replace(`/etc/certfleet/${name}`, text, { mode: 0o600 });
  return files;
}

const check = async (texts: Readonly<Record<string, string>>, file: string | undefined = undefined) =>
  checkConfiguration({ files: await disk(texts), env: {}, ...present({ file }) });

it('merges the files of the folder beside the configuration, in the order of their names', async () => {
  const { settings, texts, place } = await check({
    'certfleet.yaml': main,
    'certfleet.d/b.yaml':
      'certificates:\n  - { name: c, identifiers: [c.example.com], solver: more }\n  - { name: d, identifiers: [d.example.com], solver: web }',
    'certfleet.d/a.yaml': '# nothing yet\n',
    'certfleet.d/c.yaml': 'solvers: { more: { type: http01-webroot, folders: /var/www } }\nshutdownBudget: 5s',
    'certfleet.d/.c.yaml': 'issuers: 1',
    'certfleet.d/c.yaml~': 'issuers: 1',
    'certfleet.d/d.yml': 'issuers: 1',
  });
  // Two solvers, so `a` has to name one.
  expect(settings).toBeUndefined();
  const { settings: merged } = await check({
    'certfleet.yaml': main.replace('[a.example.com]', '[a.example.com], solver: web'),
    'certfleet.d/b.yaml': 'certificates:\n  - { name: c, identifiers: [c.example.com], solver: more }',
    'certfleet.d/c.yaml': 'solvers: { more: { type: http01-webroot, folders: /var/www } }\nshutdownBudget: 5s',
  });
  expect(texts.map(({ file }) => file?.slice(15))).toEqual([
    'certfleet.yaml',
    ...['a', 'b', 'c'].map((name) => `certfleet.d/${name}.yaml`),
  ]);
  expect([merged?.certificates.map(({ name }) => name), Object.keys(merged?.solvers ?? {})]).toEqual([
    ['a', 'c'],
    ['web', 'more'],
  ]);
  expect([merged?.leaseTtlMs, merged?.shutdownBudgetMs]).toEqual([30_000, 5_000]);
  const found = await place([{ path: ['certificates', 2, 'name'], message: '' }]);
  expect(found.map(placeText)).toEqual(['/etc/certfleet/certfleet.d/b.yaml:3']);
});

it('takes the name of the folder from that of the file, and needs no file beside the default folder', async () => {
  const texts = { 'other.yaml': main, 'certfleet.d/x.yaml': main.replace('name: a', 'name: x') };
  const names = async (file?: string) => (await check(texts, file)).settings?.certificates.map(({ name }) => name);
  expect([await names('/etc/certfleet/other.yaml'), await names()]).toEqual([['a'], ['x']]);
  await expect(names('/etc/certfleet/certfleet.yaml')).rejects.toThrow('no such file');
});

describe('a problem', () => {
  it.each<readonly [string, Readonly<Record<string, string>>, readonly string[]]>([
    [
      'the same name twice',
      { 'x.yaml': '\nsolvers: { web: { type: http01-responder } }' },
      ['certfleet.d/x.yaml:2: solvers.web is declared twice (also in /etc/certfleet/certfleet.yaml:4)'],
    ],
    [
      'the same certificate twice, in two files of the folder',
      {
        'x.yaml': 'certificates: [{ name: x, identifiers: [x.example.com] }]',
        'y.yaml':
          'certificates:\n  - name: y\n    identifiers: [y.example.com]\n  - name: x\n    identifiers: [x.example.com]',
      },
      [
        'certfleet.d/y.yaml:4: the certificate name "x" is used twice; every certificate needs its own (also in /etc/certfleet/certfleet.d/x.yaml:1)',
      ],
    ],
    [
      'a setting twice',
      { 'x.yaml': 'node: a\nleaseTtl: 30s', 'y.yaml': 'node: a\nstor: 1' },
      [
        'certfleet.d/x.yaml:2: leaseTtl is declared twice (also in /etc/certfleet/certfleet.yaml:5)',
        'certfleet.d/y.yaml:1: node is declared twice (also in /etc/certfleet/certfleet.d/x.yaml:1)',
        'certfleet.d/y.yaml:2: unknown key "stor"; did you mean "store"?',
      ],
    ],
    [
      'a wrong value and an unknown key',
      {
        'x.yaml':
          '\ncertificates:\n  - { name: x, identifiers: [x.example.com], solver: wb }\n  - { name: z, identifier: 1 }',
      },
      ['certfleet.d/x.yaml:4: unknown key "identifier" in certificates[1]; did you mean "identifiers"?'],
    ],
    [
      'a reference to nothing',
      { 'x.yaml': '\ncertificates:\n  - { name: x, identifiers: [x.example.com], solver: wb }' },
      ['certfleet.d/x.yaml:3: the certificate "x" names the solver "wb", which is not declared; did you mean "web"?'],
    ],
    [
      'not YAML',
      { 'x.yaml': 'a: [', 'y.yaml': 'solvers: 1' },
      ['certfleet.d/x.yaml:1: this is not valid YAML: unexpected end of the stream within a flow collection'],
    ],
    ['a list', { 'x.yaml': '- a' }, ['certfleet.d/x.yaml:1: the configuration must be a group of keys, not a list']],
    [
      'the wrong type',
      { 'x.yaml': '\nsolvers: 1' },
      ['certfleet.d/x.yaml:2: solvers must be a group of names, not a number'],
    ],
    ['no value', { 'x.yaml': 'certificates:' }, ['certfleet.d/x.yaml:1: "certificates" has no value']],
  ])('names its file and line: %s', async (_what, more, expected) => {
    const inFolder = Object.entries(more).map(([name, text]) => [`certfleet.d/${name}`, text]);
    const { problems } = await check({ 'certfleet.yaml': main, ...Object.fromEntries(inFolder) });
    expect(problems.map((one) => `${placeText(one)}: ${one.message}`.slice(15))).toEqual(expected);
  });

  it('of rights is that of the main file: the default place is checked, and a place that a person named is not', async () => {
    const files = await disk({ 'certfleet.yaml': main, 'certfleet.d/x.yaml': '{}' });
    const path = '/etc/certfleet/certfleet.d/x.yaml';
    const read: typeof files.read = (at, options) => {
      if (at === path && options?.trusted)
        throw options.trusted({
          path,
          reason: 'others can write it',
          command: 'chmod',
          change: 'go-w',
          needsRoot: false,
        });
      return files.read(at);
    };
    const given = { files: { ...files, read }, env: {} };
    await expect(loadSettings(given)).rejects.toThrow(
      `the configuration ${path} cannot be trusted: others can write it`,
    );
    await expect(loadSettings({ ...given, file: '/etc/certfleet/certfleet.yaml' })).resolves.toBeDefined();
  });
});
