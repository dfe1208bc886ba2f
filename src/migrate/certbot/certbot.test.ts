import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { defaultSettings } from '../../config/settings/defaults.ts';
import type { Found, FoundCertificate, Unusable } from '../../core/lineage/found.ts';
import { aroundOrder, programsIn } from '../../core/spec/hooks.ts';
import { registry } from '../../generated/registry.ts';
import type { Files } from '../../ports/files.ts';
import { certbot } from './certbot.ts';

const root = '/etc/letsencrypt';
const le = 'https://acme-v02.api.letsencrypt.org/directory';
const account = `${root}/accounts/acme-v02.api.letsencrypt.org/directory/0123abcd`;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }));

interface Machine {
  /** The lines of `[renewalparams]`. */
  readonly params?: string;
  /** The lines before it. */
  readonly head?: string;
  readonly conf?: string;
  /** More files by path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly inPlace?: boolean;
  readonly links?: Readonly<Record<string, string>>;
  readonly lacks?: string;
  readonly root?: string;
  /** What others than root can write. */
  readonly untrusted?: string;
  /** What only root can read. */
  readonly denied?: string;
}

/** certbot's folder with the certificate a.test, and what the importer finds in it. */
async function find(machine: Machine): Promise<Found> {
  const plain = memoryFiles(() => new Date(0));
  const guarded =
    <T>(look: (path: string) => Promise<T>) =>
    (path: string): Promise<T> =>
      path === machine.denied ? Promise.reject(Object.assign(new Error(''), { code: 'EACCES' })) : look(path);
  const files: ReturnType<typeof memoryFiles> = {
    ...plain,
    ...{ list: guarded(plain.list), read: guarded(plain.read), readLink: guarded(plain.readLink) },
    untrusted: async (path) =>
      path === machine.untrusted
        ? { path, reason: 'others can write it', command: 'chmod', change: 'go-w', needsRoot: false }
        : undefined,
  };
  const put = async (path: string, text: string, mode = 0o644) => {
    await files.makeFolders(path.slice(0, path.lastIndexOf('/')), 0o755);
    if (path !== machine.lacks) await files.replace(path, text, { mode });
  };
  const at = machine.root ?? root;
  const paths = ['cert', 'privkey', 'chain', 'fullchain'].map((kind) => `${kind} = ${root}/live/a.test/${kind}.pem`);
  const params = machine.params ?? 'authenticator = standalone';
  const usual = `${machine.head ?? ''}\nversion = 4.0.0\narchive_dir = ${root}/archive/a.test\n${paths.join('\n')}\n\n[renewalparams]\naccount = 0123abcd\nserver = ${le}\n${params}\n`;
  await put(`${at}/renewal/a.test.conf`, machine.conf ?? usual);
  for (const kind of ['fullchain', 'privkey']) {
    await put(`${at}/archive/a.test/${kind}3.pem`, `${kind} 3`);
    await files.makeFolders(`${at}/live/a.test`, 0o755);
    await files.replaceLink(`${at}/live/a.test/${kind}.pem`, `../../archive/a.test/${kind}3.pem`);
  }
  await put(`${account}/private_key.json`, jwk);
  await put(`${account}/regr.json`, '{"body": {"contact": ["mailto:ops@a.test"]}, "uri": "https://ca/acct/1"}');
  for (const [path, text] of Object.entries(machine.files ?? {})) await put(path, text, 0o755);
  for (const [path, target] of Object.entries(machine.links ?? {})) await files.replaceLink(path, target);
  const settings = defaultSettings({});
  return certbot.read(at, { files, env: {}, registry, settings, inPlace: machine.inPlace ?? false });
}

/** The one certificate: its settings, and its remarks as `kind: text`. */
async function read(machine: Machine) {
  const [one] = (await find(machine)).certificates as readonly FoundCertificate[];
  if (!one || 'reason' in one) throw new Error(String((one as Unusable | undefined)?.reason));
  return { ...one, said: one.remarks.map(({ kind, text }) => `${kind}: ${text}`) };
}

describe('certbot’s folder', () => {
  it('has accounts, and certificates with key, chain, issuer and account', async () => {
    const { accounts, certificates } = await find({});
    expect(accounts).toMatchObject([
      { directory: le, name: '0123abcd', url: 'https://ca/acct/1', contacts: ['ops@a.test'], from: account },
    ]);
    expect(accounts[0]?.keyPem.reveal()).toBe(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const [one] = certificates as readonly FoundCertificate[];
    expect(one).toMatchObject({
      name: 'a.test',
      from: `${root}/renewal/a.test.conf`,
      chainPem: 'fullchain 3',
      settings: {
        issuer: {
          name: 'letsencrypt',
          settings: { directory: le, account: '0123abcd', agreeToTerms: true, email: [] },
        },
        solver: 'standalone',
        deployers: {},
        wishes: {},
      },
    });
    expect(one?.keyPem.reveal()).toBe('privkey 3');
  });

  it('may have a key that is a link to the one before', async () => {
    const found = await find({
      links: { [`${root}/archive/a.test/privkey3.pem`]: 'privkey1.pem' },
      files: { [`${root}/archive/a.test/privkey1.pem`]: 'first' },
    });
    expect((found.certificates[0] as FoundCertificate).keyPem.reveal()).toBe('first');
  });

  it('is refused if it is not there, cannot be read, or can be written by others', async () => {
    const [settings, plain] = [defaultSettings({}), memoryFiles(() => new Date(0))];
    const codeWith = (files: Partial<Files>) =>
      certbot.read(root, { files: { ...plain, ...files }, env: {}, registry, settings, inPlace: false }).then(
        () => undefined,
        (error: unknown) => (error as { code?: string }).code,
      );
    expect(await codeWith({})).toBe('import/absent');
    const denied = Object.assign(new Error('EACCES'), { code: 'EACCES' });
    expect(await codeWith({ list: () => Promise.reject(denied) })).toBe('import/unreadable');
    expect(await codeWith({ untrusted: () => Promise.reject(denied) })).toBe('import/unreadable');
    const untrusted = { path: root, reason: 'x', command: 'chmod', change: 'go-w', needsRoot: true } as const;
    expect(await codeWith({ untrusted: async () => untrusted })).toBe('import/untrusted');
  });

  it.each([
    ...[`${root}/renewal`, `${root}/renewal/a.test.conf`, `${root}/accounts`, `${account}/private_key.json`],
    ...[`${root}/live/a.test/privkey.pem`, `${root}/archive/a.test/privkey3.pem`, `${root}/renewal-hooks/deploy`],
  ])('without root, does not read %s and says who may', async (denied) => {
    await expect(find({ denied })).rejects.toMatchObject({
      code: 'import/unreadable',
      message: `the certbot files in ${denied} cannot be read: permission denied`,
    });
  });

  it('may have been moved', async () => {
    expect((await find({ root: '/mnt/le' })).certificates).toMatchObject([{ chainPem: 'fullchain 3' }]);
  });

  it.each<[string, Machine, string]>([
    [
      'a half-written renewal file',
      { conf: 'version = 4.0.0\narchive_dir = /etc' },
      'the line `fullchain = …` is missing; was the file half written?',
    ],
    [
      'one without its section',
      { conf: `fullchain = ${root}/live/a.test/fullchain.pem\nprivkey = ${root}/live/a.test/privkey.pem` },
      'the section [renewalparams] is missing; was the file half written?',
    ],
    ['one that is no renewal file', { conf: 'hello' }, 'line 1 is not `key = value`'],
    [
      'a broken link',
      { lacks: `${root}/archive/a.test/privkey3.pem` },
      `${root}/live/a.test/privkey.pem leads to ${root}/archive/a.test/privkey3.pem, which does not exist`,
    ],
    [
      'a server that is no URL',
      { params: 'server = nonsense' },
      `its server nonsense (${root}/renewal/a.test.conf:12) is not an https:// URL`,
    ],
  ])('with %s: says so', async (_, machine, reason) => {
    expect((await find(machine)).certificates).toEqual([
      { name: 'a.test', from: `${root}/renewal/a.test.conf`, reason },
    ]);
  });

  it('in place, leaves alone a second renewal file of the same folder', async () => {
    const params = `archive_dir = x\nfullchain = ${root}/live/a.test/fullchain.pem\nprivkey = ${root}/live/a.test/privkey.pem\n[renewalparams]\nserver = ${le}\n`;
    const files = { [`${root}/renewal/twin.conf`]: params };
    expect((await find({ files, inPlace: true })).certificates).toMatchObject([
      { name: 'a.test', settings: {} },
      {
        name: 'twin',
        isLeft: true,
        reason: expect.stringContaining(`a.test has its files in the same folder, ${root}/live/a.test`),
      },
    ]);
    expect((await find({ files })).certificates).toMatchObject([{ settings: {} }, { settings: {} }]);
  });

  it('leaves alone what certbot does not renew', async () => {
    const reason = 'autorenew is False, so certbot does not renew it';
    expect((await find({ params: 'autorenew = False' })).certificates).toEqual([
      { name: 'a.test', from: `${root}/renewal/a.test.conf`, reason, isLeft: true },
    ]);
  });

  it('with an account that cannot be read: says so, and a new one will be opened', async () => {
    const machine = { files: { [`${account}/private_key.json`]: '{"kty": "no"}' } };
    expect((await find(machine)).remarks).toEqual([
      { kind: 'dropped', text: `the account 0123abcd at ${le}: it contains no private key` },
    ]);
    const { settings, said } = await read(machine);
    expect(settings.issuer.settings.account).toBeUndefined();
    expect(said[0]).toBe(
      'dropped: the account 0123abcd, which is not there for this CA: the next renewal opens a new one',
    );
  });
});

describe('a renewal file', () => {
  it('with a webroot map has a solver for each folder', async () => {
    const params =
      'authenticator = webroot\nwebroot_path = /srv/a, /srv/b\n[[webroot_map]]\na.test = /srv/a\nb.test = /srv/b\nc.test = /srv/b';
    const files = { '/srv/a/index.html': '', '/srv/b/index.html': '' };
    const { settings, said } = await read({ params, files });
    expect(settings).toMatchObject({
      solver: 'webroot-2',
      solvers: {
        webroot: { type: 'http01-webroot', folders: ['/srv/a'] },
        'webroot-2': { type: 'http01-webroot', folders: ['/srv/b'] },
      },
      solverOf: { 'a.test': 'webroot', 'b.test': 'webroot-2', 'c.test': 'webroot-2' },
    });
    expect(said).toEqual([
      'kept: answers over HTTP with files in /srv/a, for a.test',
      'kept: answers over HTTP with files in /srv/b, for b.test, c.test',
    ]);
  });

  it.each<[string, string, object, string | undefined]>([
    [
      'standalone',
      'authenticator = standalone',
      { standalone: { type: 'http01-responder', shared: false } },
      undefined,
    ],
    [
      'standalone on another port',
      'authenticator = standalone\nhttp01_port = 8080\nhttp01_address = ::1',
      { standalone: { listen: '[::1]:8080' } },
      undefined,
    ],
    [
      'manual hooks',
      'authenticator = manual\npref_challs = dns-01,\nmanual_auth_hook = /a.sh\nmanual_cleanup_hook = /c.sh',
      { hooks: { type: 'command', challenge: 'dns-01', present: '/a.sh', cleanup: '/c.sh' } },
      undefined,
    ],
    [
      'manual hooks over HTTP',
      'authenticator = manual\nmanual_auth_hook = /a.sh',
      { hooks: { challenge: 'http-01' } },
      undefined,
    ],
    [
      'a person',
      'authenticator = manual\npref_challs = dns-01,',
      { manual: { type: 'dns01', provider: 'manual' } },
      undefined,
    ],
    [
      'a DNS plugin',
      'authenticator = dns-cloudflare\ndns_cloudflare_credentials = /root/cf.ini\ndns_cloudflare_propagation_seconds = 30',
      {
        cloudflare: {
          type: 'dns01',
          provider: 'cloudflare',
          options: { credentials: '/root/cf.ini' },
          propagation: '30s',
        },
      },
      undefined,
    ],
    [
      'a DNS plugin by its older name',
      'authenticator = certbot-dns-nsone:dns-nsone\ncertbot_dns_nsone:dns_nsone_credentials = /root/n.ini',
      { ns1: { provider: 'ns1', options: { credentials: '/root/n.ini' } } },
      undefined,
    ],
    [
      'an unknown option',
      'authenticator = dns-cloudflare\ndns_cloudflare_colour = red',
      { cloudflare: {} },
      'dns_cloudflare_colour: the DNS provider',
    ],
    ['nginx', 'authenticator = nginx', { standalone: {} }, 'the authenticator nginx'],
    ['a webroot without a folder', 'authenticator = webroot', { standalone: {} }, 'the webroot, because'],
    [
      'an unknown setting',
      'authenticator = standalone\nhsts = True',
      { standalone: {} },
      'hsts: certfleet has no such setting',
    ],
    [
      'a key that certfleet does not make',
      'authenticator = standalone\nkey_type = ecdsa\nelliptic_curve = secp521r1',
      { standalone: {} },
      `elliptic_curve = secp521r1 (${root}/renewal/a.test.conf:14): certfleet makes no such key`,
    ],
    [
      'no account',
      'authenticator = standalone\naccount = None',
      { standalone: {} },
      'the account, because none is named',
    ],
    [
      'must_staple',
      'authenticator = standalone\nmust_staple = True',
      { standalone: {} },
      'must_staple: CAs have ended OCSP',
    ],
  ])('for %s', async (_, params, solvers, dropped) => {
    const { settings, remarks } = await read({ params });
    expect(settings.solvers).toMatchObject(solvers);
    const lines = remarks.filter(({ kind }) => kind === 'dropped').map(({ text }) => text);
    expect(lines).toEqual(dropped === undefined ? [] : [expect.stringContaining(dropped)]);
  });

  it.each<[string, Machine, readonly string[]]>([
    [
      'a credentials file',
      { params: 'authenticator = dns-cloudflare\ndns_cloudflare_credentials = /root/cf.ini' },
      [
        'the credentials file /root/cf.ini: it does not exist. Put it there, or name another: certfleet issue a.test --dns cloudflare --dns-option credentials=FILE',
      ],
    ],
    [
      'nothing',
      {
        params: 'authenticator = dns-cloudflare\ndns_cloudflare_credentials = /root/cf.ini',
        files: { '/root/cf.ini': '' },
      },
      [],
    ],
    [
      'the folder of a credentials file',
      { params: 'authenticator = dns-cloudflare\ndns_cloudflare_credentials = cf.ini' },
      [expect.stringContaining('the credentials file cf.ini: its path is not absolute')],
    ],
    [
      'a webroot',
      { params: 'authenticator = webroot\nwebroot_path = /srv/a, srv/b, /srv/c', files: { '/srv/a/index.html': '' } },
      [
        expect.stringMatching(
          /^the folder \/srv\/c: it does not exist.*certfleet issue a\.test --http webroot:FOLDER$/,
        ),
      ],
    ],
    [
      'one of several webroots',
      {
        params: 'authenticator = webroot\n[[webroot_map]]\na.test = /srv/a\nb.test = srv/b',
        files: { '/srv/a/index.html': '' },
      },
      [expect.stringContaining('the folder srv/b: its path is not absolute')],
    ],
    [
      'a DNS provider',
      { params: 'authenticator = dns-gehirn\ndns_gehirn_credentials = /x' },
      [
        'a DNS provider in place of certbot’s plugin dns-gehirn, for which certfleet has none. Until you choose one, it cannot be renewed: certfleet issue a.test --dns PROVIDER. `certfleet providers` lists them',
      ],
    ],
    [
      'a mistyped DNS provider',
      { params: 'authenticator = dns-cloudfare' },
      [expect.stringContaining('(is it cloudflare?)')],
    ],
    [
      'a solver',
      { params: 'authenticator = icecast' },
      [expect.stringContaining('a solver in place of certbot’s plugin icecast')],
    ],
  ])('lacks %s: says so', async (_, machine, lines) => {
    const { settings, remarks } = await read(machine);
    expect(remarks.filter(({ kind }) => kind === 'missing').map(({ text }) => text)).toEqual(lines);
    // Nothing else takes its place.
    expect(settings.solvers).not.toHaveProperty('standalone');
  });

  it('has wishes for the certificate', async () => {
    const params =
      'reuse_key = True\npreferred_chain = "ISRG Root X1"\npreferred_profile = shortlived\nallow_subset_of_names = True\nkey_type = ecdsa\nelliptic_curve = secp384r1';
    const { settings, nextKeyType } = await read({ params });
    expect(settings.wishes).toEqual({
      reuseKey: true,
      preferredChain: 'ISRG Root X1',
      profile: 'shortlived',
      onFailedName: 'drop',
    });
    expect(nextKeyType).toBe('p384');
    expect((await read({ params: 'key_type = rsa\nrsa_key_size = 4096' })).nextKeyType).toBe('rsa4096');
  });

  it.each([
    ['', undefined],
    ['renew_before_expiry = 20 days', 20 * 86_400_000],
    ['renew_before_expiry = 1 week', 7 * 86_400_000],
    ['renew_before_expiry = 10', 10 * 86_400_000],
    ['renew_before_expiry = soon', undefined],
  ])('with %j is renewed before its end by %s ms', async (head, ms) => {
    expect((await read({ head })).renewBeforeMs).toBe(ms);
  });

  it('with a wrong value names its line, also if cli.ini has it', async () => {
    const head = 'renew_before_expiry = soon';
    expect((await read({ head })).said).toContain(
      `dropped: renew_before_expiry = soon (${root}/renewal/a.test.conf:1), which is not a period`,
    );
    const files = { [`${root}/cli.ini`]: '# mine\nserver = nonsense\n' };
    expect((await find({ files })).certificates).toMatchObject([
      { reason: `its server nonsense (${root}/cli.ini:2) is not an https:// URL` },
    ]);
  });

  it('of a server that ended is renewed by its successor, as certbot does', async () => {
    const { settings } = await read({ params: 'server = https://acme-v01.api.letsencrypt.org/directory' });
    expect(settings.issuer.settings.directory).toBe(le);
  });
});

describe('hooks', () => {
  const own = 'pre_hook = stop web\npost_hook = start web\nrenew_hook = reload # now';

  it('are those of the renewal file', async () => {
    const { settings } = await read({ params: own });
    expect(settings.wishes.hooks).toEqual({ pre: 'stop web', post: 'start web', deploy: 'reload' });
  });

  it('of the folders run first', async () => {
    const { settings, said } = await read({ params: own, files: { [`${root}/renewal-hooks/deploy/1.sh`]: 'true' } });
    expect(settings.wishes.hooks).toEqual({
      ...{ pre: 'stop web', post: 'start web', deploy: 'reload' },
      first: { deploy: expect.stringContaining(`for f in ${root}/renewal-hooks/deploy/*`) },
    });
    expect(said).toContain(`kept: deploy hook: the programs in ${root}/renewal-hooks/deploy, then \`reload\``);
  });

  it('are left out if they are a program of the folder, as certbot leaves them out', async () => {
    const program = `${root}/renewal-hooks/pre/10.sh`;
    const { settings, said } = await read({ params: `pre_hook = ${program}`, files: { [program]: 'true' } });
    expect(aroundOrder(settings.wishes.hooks ?? {})).toEqual([
      { pre: `s=0\n${programsIn(`${root}/renewal-hooks/pre`)}\nexit $s` },
    ]);
    expect(said).toContain(`kept: pre hook: the programs in ${root}/renewal-hooks/pre`);
  });

  it('of the folders are refused if others can write one', async () => {
    const untrusted = `${root}/renewal-hooks/deploy/1.sh`;
    await expect(find({ files: { [untrusted]: 'true' }, untrusted })).rejects.toMatchObject({
      code: 'import/untrusted',
    });
  });

  it('of the folders do not run if cli.ini says so, whose settings come before those of the file', async () => {
    const files = {
      [`${root}/renewal-hooks/deploy/1.sh`]: 'true',
      [`${root}/cli.ini`]: 'directory-hooks = False\ndeploy-hook = reload all\nagree-tos = true\n',
    };
    expect((await read({ params: own, files })).settings.wishes.hooks?.deploy).toBe('reload all');
  });

  it('take the place of an installer', async () => {
    const { settings, said } = await read({ params: 'installer = nginx' });
    expect(settings.wishes.hooks).toEqual({ first: { deploy: 'nginx -s reload || s=$?' } });
    const files = { [`${root}/renewal-hooks/deploy/1.sh`]: 'true' };
    expect((await read({ params: `installer = apache\n${own}`, files })).settings.wishes.hooks).toMatchObject({
      deploy: 'reload',
      first: { deploy: expect.stringMatching(/^for f in .*; done\napache2ctl graceful \|\| s=\$\?$/) },
    });
    expect(said).toContain(
      'changed: the installer nginx: its configuration stays as it is, and `nginx -s reload` runs after a renewal',
    );
  });

  it('go on in certbot’s own folder if it is taken over', async () => {
    const { settings } = await read({ params: own, inPlace: true });
    expect(settings.deployers).toEqual({
      [`files:${root}`]: { type: 'files', path: root, layout: 'certbot', certbotName: 'a.test' },
    });
  });
});
