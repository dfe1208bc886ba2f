import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codePoint } from '../../test/support/any-text.ts';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { isLong, sampled } from '../../test/support/seeded.ts';
import { defaultSettings } from '../config/settings/defaults.ts';
import { CertfleetError } from '../core/errors/errors.ts';
import type { Found } from '../core/lineage/found.ts';
import { registry } from '../generated/registry.ts';
import type { Files } from '../ports/files.ts';
import { importers } from './importers.ts';

// Whatever the files of another client contain, an import finds something or says what is wrong with which file.

const le = 'https://acme-v02.api.letsencrypt.org/directory';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
const der = privateKey.export({ type: 'sec1', format: 'der' }).toString('base64');
const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }));
const chain = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'.repeat(2);
const inBase64 = (text: string) => Buffer.from(text).toString('base64');

type Texts = Readonly<Record<string, string>>;
const root = '/client';
const machines: Readonly<Record<string, Texts>> = {
  certbot: {
    'cli.ini': 'key-type = rsa\n',
    'renewal/a.test.conf': `version = 4.0.0\nprivkey = ${root}/live/a.test/privkey.pem\nfullchain = ${root}/live/a.test/fullchain.pem\n[renewalparams]\naccount = 0123\nserver = ${le}\nauthenticator = webroot\nwebroot_path = /srv,\n[[webroot_map]]\na.test = /srv\n`,
    'live/a.test/privkey.pem': '->../../archive/a.test/privkey1.pem',
    'live/a.test/fullchain.pem': '->../../archive/a.test/fullchain1.pem',
    'archive/a.test/privkey1.pem': key,
    'archive/a.test/fullchain1.pem': chain,
    'accounts/acme-v02.api.letsencrypt.org/directory/0123/private_key.json': jwk,
    'accounts/acme-v02.api.letsencrypt.org/directory/0123/regr.json':
      '{"body": {"contact": []}, "uri": "https://ca/1"}',
  },
  'acme.sh': {
    'account.conf': "SAVED_CF_Token='t0ken'\n",
    'a.test_ecc/a.test.conf': `Le_Domain='a.test'\nLe_Alt='b.test'\nLe_Webroot='/srv,dns_cf'\nLe_API='${le}'\nLe_ReloadCmd='x'\n`,
    'a.test_ecc/a.test.key': key,
    'a.test_ecc/fullchain.cer': chain,
    'ca/acme-v02.api.letsencrypt.org/directory/account.key': key,
    'ca/acme-v02.api.letsencrypt.org/directory/ca.conf': "ACCOUNT_URL='https://ca/acct/77'\n",
  },
  lego: {
    'certificates/a.test.json': JSON.stringify({ domain: 'a.test', certUrl: 'https://acme-v02.api.letsencrypt.org/1' }),
    'certificates/a.test.crt': chain,
    'certificates/a.test.key': key,
    'accounts/acme-v02.api.letsencrypt.org/me/account.json': JSON.stringify({
      email: 'ops@a.test',
      registration: { body: { contact: ['mailto:ops@a.test'] }, uri: 'https://ca/acct/9' },
    }),
    'accounts/acme-v02.api.letsencrypt.org/me/keys/me.key': key,
  },
  dehydrated: {
    config: `CA=${le}\nHOOK=/opt/hook\nCONFIG_D=${root}/conf.d\n`,
    'conf.d/a.sh': 'CHALLENGETYPE=http-01\n',
    'domains.txt': 'a.test > alias\n',
    'certs/a.test/fullchain.pem': chain,
    'certs/a.test/privkey.pem': key,
    [`accounts/${Buffer.from(`${le}\n`).toString('base64url')}/account_key.pem`]: key,
    [`accounts/${Buffer.from(`${le}\n`).toString('base64url')}/account_id.json`]: '{"url": "https://ca/acct/5"}',
    [`accounts/${Buffer.from(`${le}\n`).toString('base64url')}/registration_info.json`]: '{"contact": ["mailto:a@b"]}',
  },
  uacme: { 'a.test/cert.pem': chain, 'private/a.test/key.pem': key, 'private/key.pem': key },
  traefik: {
    'acme.json': JSON.stringify({
      web: {
        Account: {
          Email: 'a@b',
          Registration: { body: { contact: [] }, uri: 'https://acme-v02.api.letsencrypt.org/1' },
          PrivateKey: der,
        },
        Certificates: [{ domain: { main: 'a.test' }, certificate: inBase64(chain), key: inBase64(key) }],
      },
    }),
  },
};

/** In memory, but for the limits of a real file system. */
function limited(files: Files): Files {
  const refuse = (path: string): void => {
    const code = path.includes('\0')
      ? 'ERR_INVALID_ARG_VALUE'
      : path.split('/').some((part) => part.length > 255)
        ? 'ENAMETOOLONG'
        : undefined;
    if (code) throw Object.assign(new Error(`${code}: ${JSON.stringify(path)}`), { code });
  };
  const guarded =
    <A extends readonly [string, ...unknown[]], T>(method: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      refuse(args[0]);
      return method(...args);
    };
  return {
    ...files,
    ...{ list: guarded(files.list), stat: guarded(files.stat), readLink: guarded(files.readLink) },
    ...{ untrusted: guarded(files.untrusted), place: guarded(files.place) },
    read: guarded(async (path) => {
      const bytes = await files.read(path);
      if (bytes && bytes.length > 1_048_576) throw Object.assign(new Error('EFBIG'), { code: 'EFBIG' });
      return bytes;
    }),
  };
}

async function find(client: string, texts: Texts): Promise<Found> {
  const files = memoryFiles(() => new Date(0));
  for (const [name, text] of Object.entries(texts)) {
    const path = `${root}/${name}`;
    await files.makeFolders(path.slice(0, path.lastIndexOf('/')), 0o755);
    if (text.startsWith('->')) await files.replaceLink(path, text.slice(2));
    else await files.replace(path, Buffer.from(text, 'latin1'), { mode: 0o600 });
  }
  const importer = await importers[client]!();
  return importer.read(root, {
    files: limited(files),
    env: {},
    registry,
    settings: defaultSettings({}),
    inPlace: false,
  });
}

/** What JavaScript says of a value that was not looked at. */
const ofBugs =
  /undefined|null\b|\bis not (a function|iterable|an object)|Cannot |Invalid URL|Unexpected|Maximum call|prototype may only|non-object prototype|ERR_|\[object /;

async function check(client: string, name: string, text: string): Promise<void> {
  let words: readonly string[];
  try {
    const found = await find(client, { ...machines[client], [name]: text });
    words = [
      ...found.remarks.map((remark) => remark.text),
      ...found.certificates.flatMap((one) => ('reason' in one ? [one.reason] : [])),
    ];
    for (const one of found.certificates) {
      if ('reason' in one) continue;
      const { solver, solvers, solverOf } = one.settings;
      expect(Object.keys(solvers), 'its solvers').toEqual(expect.arrayContaining([solver, ...Object.values(solverOf)]));
    }
  } catch (error) {
    if (!(error instanceof CertfleetError)) throw error;
    expect(error.code).toMatch(/^import\//);
    expect(error.message).toContain(root);
    words = [error.message];
  }
  // Its own text may be quoted.
  for (const line of words) expect(line.replaceAll(text.slice(0, 100), '')).not.toMatch(ofBugs);
}

const deep = (open: string, close: string) => open.repeat(100_000) + close.repeat(100_000);
const odd: Readonly<Record<string, string>> = {
  empty: '',
  binary: '\0\x01\xff\xfe\x80'.repeat(50),
  'too large': 'x'.repeat(1_100_000),
  'JSON that is deep': deep('[', ']'),
  'JSON that is deep, and cut': '{"a":'.repeat(100_000),
  'sections that are deep': deep('[', ']\n'),
  null: 'null',
  text: '"a"',
  number: '1e999',
  list: '[null, {}, [], 1, "a"]',
  prototype:
    '{"__proto__": {"url": 1}, "constructor": null, "domain": "__proto__", "id": "constructor", "server": "toString", "certUrl": "https://__proto__/"}',
  'wrong types':
    '{"url": {}, "uri": 5, "domain": [], "id": {"a": 1}, "certUrl": 7, "contact": {}, "body": [], "registration": "x", "email": [], "web": {"Account": [], "Certificates": {"a": 1}}, "x": 5, "y": {"Certificates": [null, 5, {"domain": 5, "key": {}}]}}',
  'names of objects': [
    ...['__proto__', 'constructor', 'toString'].map((name) => `${name}='x'\n${name} = x`),
    ...["Le_Domain='__proto__'", "Le_Alt='constructor,toString'", "Le_Webroot='__proto__,dns_constructor,dns_'"],
    ...["Le_API='constructor'", 'CA=constructor', 'HOOK=__proto__', '[__proto__]', '[[constructor]]', 'a = b'],
  ].join('\n'),
  'paths that are none': [
    'CERT_HOME',
    'BASEDIR',
    'CERTDIR',
    'ACCOUNTDIR',
    'CONFIG_D',
    'DOMAINS_TXT',
    'WELLKNOWN',
    'HOOK',
  ]
    .map((name) => `${name}='/client/\0${'x'.repeat(300)}'`)
    .join('\n'),
  'names that are too long': `CERT_HOME=/client/${'x'.repeat(300)}\nBASEDIR=/client/${'x'.repeat(5_000)}\nLe_RealKeyPath='/${'y'.repeat(300)}'\nLe_API='https://${'a'.repeat(300)}/${'b'.repeat(300)}'`,
  'a key without certificate': key,
};

/** The first file and two others, or all in a long run. */
function some(texts: Texts, what: string): readonly string[] {
  const [first = '', ...others] = Object.keys(texts);
  return [first, ...sampled(others, 2, `${first} ${what}`)];
}

describe.each(Object.entries(machines))('%s', (client, texts) => {
  it('finds the certificate if nothing is wrong', async () => {
    const { certificates } = await find(client, texts);
    expect(certificates).toMatchObject([{ name: 'a.test', chainPem: chain }]);
  });

  it.each(Object.keys(odd))('has in each of its files: %s', async (what) => {
    for (const name of some(texts, what)) await check(client, name, odd[what]!);
  });

  it('has a link to itself in place of each of its files', async () => {
    for (const name of some(texts, 'link')) await check(client, name, `->${name.slice(name.lastIndexOf('/') + 1)}`);
  });

  it('has half of each of its files', async () => {
    for (const [name, text] of Object.entries(texts))
      for (const part of sampled([0.1, 0.3, 0.5, 0.7, 0.9], 2, name))
        await check(client, name, text.slice(0, text.length * part));
  });

  it('has anything', async () => {
    const names = Object.keys(texts);
    // Single bytes, lines of the file itself, and JSON.
    const pieces = names
      .flatMap((name) => texts[name]!.split(/(?<=[\n,:{}[\]'"=])/))
      .filter((text) => text.length < 500);
    const mixed = fc
      .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: codePoint, maxLength: 8 })), { maxLength: 12 })
      .map((parts) => parts.join(''));
    const json = fc.json({ maxDepth: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.oneof(mixed, json), async (name, text) =>
        check(client, name, text),
      ),
      { numRuns: isLong ? 1_000 : 25 },
    );
  });
});
