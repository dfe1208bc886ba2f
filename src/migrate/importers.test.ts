import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { rsaKeyPem } from '../../test/support/rsa-keys.ts';
import { defaultSettings } from '../config/settings/defaults.ts';
import type { Found, FoundCertificate } from '../core/lineage/found.ts';
import { registry } from '../generated/registry.ts';
import { importers } from './importers.ts';

const le = 'https://acme-v02.api.letsencrypt.org/directory';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = createPrivateKey(rsaKeyPem(2048));
const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const certificate = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;
const whole = certificate('leaf') + certificate('issuer');

/** What an importer finds in files. A text that begins with `->` is a link. */
async function find(client: string, root: string, texts: Readonly<Record<string, string>>): Promise<Found> {
  const files = memoryFiles(() => new Date(0));
  for (const [path, text] of Object.entries(texts)) {
    await files.makeFolders(path.slice(0, path.lastIndexOf('/')), 0o755);
    if (text.startsWith('->')) await files.replaceLink(path, text.slice(2));
    else await files.replace(path, text, { mode: 0o600 });
  }
  const importer = await importers[client]!();
  return importer.read(root, { files, env: {}, registry, settings: defaultSettings({}), inPlace: false });
}

/** Its only certificate. */
async function one(client: string, root: string, texts: Readonly<Record<string, string>>) {
  const found = await find(client, root, texts);
  const [only] = found.certificates as readonly FoundCertificate[];
  if (!only || 'reason' in only) throw new Error(JSON.stringify(only));
  return { ...only, accounts: found.accounts, said: only.remarks.map(({ kind, text }) => `${kind}: ${text}`) };
}

describe('acme.sh', () => {
  const root = '/root/.acme.sh';
  const base64 = (text: string) => `__ACME_BASE64__START_${Buffer.from(text).toString('base64')}__ACME_BASE64__END_`;
  const conf = (lines: Readonly<Record<string, string>>) =>
    Object.entries({ Le_Domain: 'a.test', Le_Alt: 'no', Le_Webroot: '/srv', Le_API: le, ...lines })
      .map(([name, value]) => `${name}='${value}'`)
      .join('\n');
  const machine = (lines: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, string>> = {}) => ({
    [`${root}/a.test_ecc/a.test.conf`]: conf(lines),
    [`${root}/a.test_ecc/a.test.key`]: sec1,
    [`${root}/a.test_ecc/fullchain.cer`]: whole,
    [`${root}/ca/acme-v02.api.letsencrypt.org/directory/account.key`]: sec1,
    [`${root}/ca/acme-v02.api.letsencrypt.org/directory/ca.conf`]:
      "ACCOUNT_URL='https://ca/acct/77'\nCA_EMAIL='ops@a.test'\n",
    [`${root}/account.conf`]: "SAVED_CF_Token='t0ken'\nSAVED_DUCK='1'\n",
    ...more,
  });

  it('has accounts, keys, hooks and the files that servers read', async () => {
    const found = await one(
      'acme.sh',
      root,
      machine({
        ...{ Le_PreHook: base64('stop it'), Le_RealFullChainPath: '/etc/my certs/f.pem', Le_RealKeyPath: '/etc/k.pem' },
        Le_ReloadCmd: base64('systemctl reload nginx'),
        Le_Preferred_Chain: base64('ISRG Root X2'),
      }),
    );
    expect(found).toMatchObject({
      name: 'a.test',
      accounts: [{ directory: le, name: '77', url: 'https://ca/acct/77', contacts: ['ops@a.test'] }],
      settings: {
        issuer: { name: 'letsencrypt', settings: { directory: le, account: '77' } },
        solvers: { webroot: { type: 'http01-webroot', folders: ['/srv'] } },
        deployers: {
          [`copies:${root}`]: { type: 'copies', privkey: '/etc/k.pem', fullchain: '/etc/my certs/f.pem' },
        },
        wishes: {
          preferredChain: 'ISRG Root X2',
          hooks: {
            pre: 'stop it',
            deploy: [
              "export Le_Domain=a.test CERT_KEY_PATH=/etc/k.pem CERT_FULLCHAIN_PATH='/etc/my certs/f.pem'",
              'systemctl reload nginx',
            ].join('\n'),
          },
        },
      },
    });
    expect(found.keyPem.reveal()).toBe(pkcs8);
  });

  it.each([
    ['no', { standalone: { type: 'http01-responder', shared: false } }, 'kept: answers over HTTP on its own port'],
    [
      'dns_cf',
      { cloudflare: { type: 'dns01', provider: 'cloudflare', options: { credentials: `${root}/account.conf` } } },
      'kept: answers over DNS by cloudflare',
    ],
    [
      'dns_duckdns',
      {
        acmesh: {
          ...{ type: 'dns01', provider: 'acmesh' },
          options: { script: 'dns_duckdns', environment: `file:${root}/account.conf` },
        },
      },
      'kept: answers over DNS by acme.sh’s script dns_duckdns',
    ],
    ['nginx:', { standalone: { type: 'http01-responder', shared: false } }, 'dropped: the method nginx'],
  ])('answers as before: %s', async (method, solvers, said) => {
    const found = await one('acme.sh', root, machine({ Le_Webroot: method }));
    expect(found.settings.solvers).toEqual(solvers);
    expect(found.said.join('\n')).toContain(said);
  });

  it('answers for each name in its own way', async () => {
    const { settings } = await one(
      'acme.sh',
      root,
      machine({ Le_Alt: 'b.test,c.test,d.test', Le_Webroot: '/a,/b,/a' }),
    );
    expect(settings.solverOf).toEqual({
      ...{ 'a.test': 'webroot', 'b.test': 'webroot-2', 'c.test': 'webroot', 'd.test': 'webroot' },
    });
  });

  it('says what is missing', async () => {
    const found = await find('acme.sh', root, {
      [`${root}/a.test/a.test.conf`]: conf({}),
      [`${root}/b.test/b.test.conf`]: "Le_Domain='b.test'",
    });
    expect(found.certificates).toMatchObject([
      { name: 'a.test', reason: expect.stringContaining('fullchain.cer is missing') },
      { name: 'b.test', reason: expect.stringContaining('Le_API is missing') },
    ]);
  });
});

describe('lego', () => {
  const root = '/root/.lego';
  const stem = `${root}/certificates/a.test`;
  const account = `${root}/accounts/acme-v02.api.letsencrypt.org/ops@a.test`;
  const files = {
    [`${stem}.json`]: JSON.stringify({ domain: 'a.test', certUrl: 'https://acme-v02.api.letsencrypt.org/cert/1' }),
    [`${stem}.crt`]: whole,
    [`${stem}.key`]: sec1,
  };
  const of4 = {
    [`${account}/account.json`]: JSON.stringify({
      email: 'ops@a.test',
      registration: { body: { contact: ['mailto:ops@a.test'] }, uri: 'https://ca/acct/9' },
    }),
    [`${account}/keys/ops@a.test.key`]: sec1,
  };
  const registration = { contact: ['mailto:ops@a.test'], accountURL: 'https://ca/acct/9' };
  const of5 = (folder: string, server?: string) => ({
    [`${folder}/account.json`]: JSON.stringify({ id: 'ops@a.test', keyType: 'EC256', server, registration }),
    [`${folder}/ops@a.test.key`]: sec1,
  });
  it.each([
    ['4', of4],
    ['5', of5(account, le)],
    ['5.0', of5(`${account}/EC256`)],
  ])('version %s', async (_version, accounts) => {
    const found = await one('lego', root, { ...files, ...accounts });
    expect(found).toMatchObject({
      name: 'a.test',
      chainPem: whole,
      accounts: [{ directory: le, name: 'ops@a.test', url: 'https://ca/acct/9', contacts: ['ops@a.test'] }],
      settings: { issuer: { name: 'letsencrypt', settings: { account: 'ops@a.test' } } },
    });
    expect(found.said[0]).toContain('dropped: how challenges are answered');
  });

  it('has the chain in another file after --no-bundle', async () => {
    const found = await one('lego', root, {
      ...{ ...files, ...of4 },
      [`${stem}.crt`]: certificate('leaf'),
      [`${stem}.issuer.crt`]: certificate('issuer'),
    });
    expect(found.chainPem.replaceAll('\n\n', '\n')).toBe(whole);
    expect(found.settings.deployers).toEqual({
      [`copies:${root}`]: {
        ...{ type: 'copies', privkey: `${stem}.key` },
        ...{ cert: `${stem}.crt`, chain: `${stem}.issuer.crt` },
      },
    });
  });

  it('does not guess the directory of an unknown CA', async () => {
    const { certificates } = await find('lego', root, {
      ...files,
      [`${stem}.json`]: JSON.stringify({ domain: 'a.test', certUrl: 'https://ca.test:14000/cert/1' }),
    });
    expect(certificates).toMatchObject([{ reason: expect.stringContaining('ca.test:14000: declare it as an issuer') }]);
  });
});

describe('dehydrated', () => {
  const root = '/etc/dehydrated';
  const base = '/var/lib/dehydrated';
  const account = `${base}/accounts/${Buffer.from(`${le}\n`).toString('base64url')}`;
  const files = (config: string) => ({
    [`${root}/config`]: `CONFIG_D=${root}/conf.d\nBASEDIR=${base}\nWELLKNOWN="\${BASEDIR}/acme-challenges"\n`,
    [`${root}/conf.d/own.sh`]: config,
    [`${base}/certs/a.test/fullchain-1.pem`]: whole,
    [`${base}/certs/a.test/privkey-1.pem`]: sec1,
    [`${base}/certs/a.test/fullchain.pem`]: '->fullchain-1.pem',
    [`${base}/certs/a.test/privkey.pem`]: '->privkey-1.pem',
    [`${account}/account_key.pem`]: sec1,
    [`${account}/account_id.json`]: '{"url": "https://ca/acct/5"}',
  });

  it('answers with files in its folder of tokens', async () => {
    const found = await one('dehydrated', root, files('RENEW_DAYS=20\nPRIVATE_KEY_RENEW="no"\n'));
    expect(found).toMatchObject({
      name: 'a.test',
      accounts: [{ directory: le, name: '5', url: 'https://ca/acct/5' }],
      renewBeforeMs: 20 * 86_400_000,
      settings: {
        solvers: {
          webroot: { type: 'http01-webroot', folders: [`${base}/acme-challenges`], layout: 'answers' },
        },
        wishes: { reuseKey: true },
      },
    });
  });

  it('says that its folder of tokens is not there', async () => {
    const { remarks } = await one('dehydrated', root, files(''));
    const text = `the folder ${base}/acme-challenges: make it before the next renewal`;
    expect(remarks).toContainEqual({ kind: 'missing', text });
  });

  it('answers over DNS with its hook, which deploys too', async () => {
    const { settings } = await one('dehydrated', root, files('CHALLENGETYPE="dns-01"\nHOOK=/opt/hook.sh\n'));
    const call = (what: string) => `/opt/hook.sh ${what} "$CERTBOT_DOMAIN" "$CERTBOT_TOKEN" "$CERTBOT_VALIDATION"`;
    expect(settings.solvers).toEqual({
      hook: {
        ...{ type: 'command', challenge: 'dns-01' },
        ...{ present: call('deploy_challenge'), cleanup: call('clean_challenge') },
      },
    });
    const certs = `${base}/certs/a.test`;
    expect(settings.wishes).toMatchObject({
      hooks: {
        deploy: expect.stringContaining(
          `/opt/hook.sh deploy_cert a.test ${certs}/privkey.pem ${certs}/cert.pem ${certs}/fullchain.pem ${certs}/chain.pem "$(date +%s)"`,
        ),
      },
    });
  });

  it('calls the hook with the name of a certificate, and not with its alias', async () => {
    const domains = '# comment\nb.test\n*.Own.test own.test >a.test\n# c.test > a.test\n';
    const { settings } = await one('dehydrated', root, {
      ...files('HOOK=/opt/hook.sh\n'),
      [`${base}/domains.txt`]: domains,
    });
    expect(settings.wishes.hooks?.deploy).toContain(`deploy_cert '*.own.test' ${base}/certs/a.test/privkey.pem `);
  });

  it('knows short names of CAs, and says what is missing', async () => {
    const found = await find('dehydrated', root, {
      ...files('CA=letsencrypt-test\n'),
      [`${base}/certs/b.test/cert.csr`]: '',
    });
    expect(found.accounts).toEqual([]);
    expect(found.certificates).toMatchObject([
      { settings: { issuer: { name: 'letsencrypt-staging' } } },
      { name: 'b.test', reason: expect.stringContaining('fullchain.pem is missing') },
    ]);
  });
});

it('uacme: is at Let’s Encrypt, unless one issuer is declared', async () => {
  const root = '/etc/ssl/uacme';
  const found = await one('uacme', root, {
    [`${root}/a.test/cert.pem`]: whole,
    [`${root}/a.test/cert-1700000000.pem`]: whole,
    [`${root}/private/a.test/key.pem`]: sec1,
    [`${root}/private/key.pem`]: sec1,
  });
  expect(found).toMatchObject({
    name: 'a.test',
    accounts: [{ directory: le, name: 'uacme' }],
    settings: { issuer: { name: 'letsencrypt', settings: { account: 'uacme' } } },
  });
});

describe('Traefik', () => {
  const path = '/etc/traefik/acme.json';
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const account = (uri: string) => ({
    Email: 'ops@a.test',
    Registration: { body: { status: 'valid', contact: ['mailto:ops@a.test'] }, uri },
    PrivateKey: rsa.export({ type: 'pkcs1', format: 'der' }).toString('base64'),
    KeyType: '4096',
  });
  const entry = (main: string) => ({
    ...{ domain: { main, sans: [`www.${main}`] }, Store: 'default' },
    ...{ certificate: base64(whole), key: base64(sec1) },
  });

  it('has a resolver for each account', async () => {
    const found = await find('traefik', path, {
      [path]: JSON.stringify({
        web: {
          Account: account('https://acme-v02.api.letsencrypt.org/acme/acct/1'),
          Certificates: [entry('a.test'), entry('b.test')],
        },
        staging: {
          Account: account('https://acme-staging-v02.api.letsencrypt.org/acme/acct/2'),
          Certificates: [entry('c.test')],
        },
        unused: { Account: null, Certificates: null },
        own: { Account: account('https://ca.internal:9000/acme/acct/3'), Certificates: [entry('d.test')] },
      }),
    });
    expect(found.accounts).toMatchObject([
      { directory: le, name: '1', contacts: ['ops@a.test'], from: `${path} (web)` },
      { directory: 'https://acme-staging-v02.api.letsencrypt.org/directory', name: '2' },
    ]);
    expect(found.accounts[0]?.keyPem.reveal()).toBe(rsa.export({ type: 'pkcs8', format: 'pem' }));
    expect(found.certificates).toMatchObject([
      { name: 'a.test', chainPem: whole, settings: { issuer: { name: 'letsencrypt', settings: { account: '1' } } } },
      { name: 'b.test' },
      { name: 'c.test', settings: { issuer: { name: 'letsencrypt-staging', settings: { account: '2' } } } },
      { name: 'd.test', reason: expect.stringContaining('declare the CA at ca.internal:9000 as an issuer') },
    ]);
  });

  it('may be named by its folder', async () => {
    const web = { Account: account('https://acme-v02.api.letsencrypt.org/acme/acct/1'), Certificates: [] };
    const found = await find('traefik', '/etc/traefik', { [path]: JSON.stringify({ web }) });
    expect(found.accounts).toMatchObject([{ name: '1', from: `${path} (web)` }]);
    await expect(find('traefik', '/etc/traefik', { '/etc/traefik/traefik.toml': '' })).rejects.toThrow(
      `there are no traefik files in ${path}`,
    );
  });

  it.each(['', '[]', '{"web": '])('is not guessed from %j', async (text) => {
    await expect(find('traefik', path, { [path]: text })).rejects.toThrow('there are no traefik files in');
  });
});
