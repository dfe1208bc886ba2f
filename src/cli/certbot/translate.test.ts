import { expect, it } from 'vitest';
import { behaves, commandLine, type Row } from '../../../test/support/command-line.ts';
import { storedOf } from '../../../test/support/declared.ts';
import type { AdapterSettings, StoredSpec } from '../../core/spec/spec.ts';
import type { IssueRequest } from '../../fleet.ts';

const files = { '/etc/dnspod.ini': 'dns_dnspod_api_id = 1\ndns_dnspod_api_token = t0ken\n' };
const certbots = [
  '--dns-dnspod',
  '--dns-dnspod-credentials',
  '/etc/dnspod.ini',
  '--dns-dnspod-propagation-seconds',
  '30',
];
const names = ['-d', 'example.com,*.example.com', '--agree-tos'];
const solver = {
  type: 'dns01',
  ...{ provider: 'dnspod', options: { credentials: '/etc/dnspod.ini' }, propagation: '30s' },
};

/** The solver that reached the fleet. */
async function solverOf(argv: readonly string[], more: object = {}) {
  const done = await commandLine({ files, ...more }).run('issue', ...argv);
  const [call] = done.calls as readonly IssueRequest[];
  return { solver: call?.adHoc?.parts[0]?.solver.settings, identifiers: call?.adHoc?.identifiers, stderr: done.stderr };
}

it.each([
  ['as certbot documents it', [...certbots, ...names]],
  [
    'with = and in another sequence',
    [...names, '--dns-dnspod-propagation-seconds=30', '--dns-dnspod', '--dns-dnspod-credentials=/etc/dnspod.ini'],
  ],
  ['by --authenticator', ['--authenticator', 'dns-dnspod', ...certbots.slice(1), ...names]],
  ['by -a', ['-a', 'dns-dnspod', ...certbots.slice(1), ...names]],
  [
    'of an older third-party plugin',
    [
      ...['-a', 'certbot-dns-dnspod:dns-dnspod', '--certbot-dns-dnspod:dns-dnspod-credentials', '/etc/dnspod.ini'],
      ...['--certbot-dns-dnspod:dns-dnspod-propagation-seconds', '30', ...names],
    ],
  ],
  ['with certfleet’s own flags', ['--dns', 'dnspod', ...certbots.slice(1), ...names]],
])('%s', async (_what, argv) => {
  const asked = await solverOf(argv);
  expect(asked).toMatchObject({
    solver,
    identifiers: [
      { type: 'dns', value: 'example.com' },
      { type: 'dns', value: '*.example.com' },
    ],
  });
  expect(asked.stderr.match(/own words: .*/g)).toEqual([
    expect.stringContaining('--dns-option credentials=/etc/dnspod.ini'),
  ]);
});

it.each([
  ['--manual', ['--manual', '--preferred-challenges', 'dns', ...names]],
  ['-a manual', ['-a', 'manual', '--preferred-challenges=dns-01,http', ...names]],
])('has a person for %s', async (_what, argv) => {
  const asked = await solverOf(argv);
  expect(asked).toMatchObject({ solver: { type: 'dns01', provider: 'manual', options: {} } });
  expect(asked.stderr).toContain('--dns manual\n');
});

/** certbot's own list. */
const plugins = [
  ...['cloudflare', 'cloudxns', 'digitalocean', 'dnsimple', 'dnsmadeeasy', 'gehirn', 'google', 'linode', 'luadns'],
  ...['nsone', 'ovh', 'rfc2136', 'route53', 'sakuracloud'],
];
it.each(plugins)('knows certbot’s plugin %s, or says in one sentence that it is not there', async (name) => {
  const flags = [`--dns-${name}`, `--dns-${name}-credentials`, '/none.ini', `--dns-${name}-propagation-seconds`, '9'];
  const { stderr } = await commandLine().run('issue', ...names, ...flags);
  const isLacking = name === 'gehirn' || name === 'sakuracloud';
  const provider = name === 'nsone' ? 'ns1' : name;
  const words = isLacking
    ? `certfleet has no DNS provider "${name}" `
    : `--dns ${provider} --dns-option credentials=/none.ini --propagation 9s`;
  expect(stderr.replaceAll(/\s+/g, ' ')).toContain(words);
});

it('says certfleet’s own form, for a shell', async () => {
  const { stderr } = await solverOf([...names, ...certbots]);
  expect(stderr).toContain(
    "own words: certfleet issue -d 'example.com,*.example.com' --agree-tos --dns dnspod --dns-option credentials=/etc/dnspod.ini --propagation 30s\n",
  );
});

const stored = (options: AdapterSettings): StoredSpec =>
  storedOf({
    spec: {
      ...{ name: 'example.com', identifiers: [{ type: 'dns', value: 'example.com' } as const], issuer: 'letsencrypt' },
      ...{ solver: 'dnspod', deploy: [], endpoints: [] },
    },
    issuer: { directory: 'https://ca.test/directory', email: [], agreeToTerms: true, test: true },
    ...{ solver: options, deployers: {}, preflight: { resolvers: [], http01Port: 80 } },
  });

it('changes the credentials of a stored certificate, as certbot does', async () => {
  const fleet = { stored: { 'example.com': stored({ ...solver, options: { credentials: '/old.ini' } }) } };
  const argv = ['example.com', '--dns-dnspod-credentials', '/etc/dnspod.ini'];
  expect(await solverOf(argv, { fleet })).toMatchObject({ solver });
  const none = ['example.com', '--propagation', 'none'];
  expect((await solverOf(none, { fleet })).solver).not.toHaveProperty('propagation');
});

it('changes the challenge of a stored certificate', async () => {
  const fleet = { stored: { 'example.com': stored(solver) } };
  const persist = { ...solver, challenge: 'dns-persist-01' };
  expect((await solverOf(['example.com', '--challenge', 'dns-persist-01'], { fleet })).solver).toEqual(persist);
  const again = { stored: { 'example.com': stored(persist) } };
  const dns01 = await solverOf(['example.com', '--challenge', 'dns-01'], { fleet: again });
  expect(dns01.solver).not.toHaveProperty('challenge');
});

const rows: readonly Row[] = [
  {
    what: 'renews with the stored settings',
    argv: ['renew', ...certbots],
    fleet: { stored: { 'example.com': stored(solver) } },
    warns: ['`certfleet renew` needs none of them'],
    never: ['other settings'],
    calls: ['status', { names: [], force: false }, 'status'],
  },
  {
    what: 'says which certificate has others',
    argv: ['renew', 'example.com', ...certbots],
    fleet: { stored: { 'example.com': stored({ ...solver, propagation: '10s' }) } },
    warns: ['example.com keeps other settings of the DNS provider dnspod'],
  },
  {
    what: 'does not choose by credentials alone',
    argv: ['issue', ...names, '--dns-dnspod-credentials', '/etc/dnspod.ini'],
    code: 2,
    warns: ['--dns-dnspod-credentials alone does not select a DNS provider, here or in certbot Add --dns-dnspod.'],
  },
  {
    what: 'knows certbot’s names',
    argv: ['issue', ...names, '--dns-tencentcloud', '--dns-tencentcloud-credentials', '/etc/none.ini'],
    code: 2,
    warns: ['/etc/none.ini cannot be read: no such file'],
  },
  {
    what: 'has no gehirn',
    argv: ['issue', ...names, '--dns-gehirn'],
    code: 2,
    warns: ['certfleet has no DNS provider "gehirn" `certfleet providers` lists the available types'],
  },
  {
    what: 'has no plugin that exists nowhere',
    argv: ['issue', ...names, '-a', 'dns-nowhere'],
    code: 2,
    warns: ['certfleet has no DNS provider "nowhere"'],
  },
  {
    what: 'refuses two plugins',
    argv: ['issue', ...names, '--dns-dnspod', '--dns-cloudflare'],
    code: 2,
    warns: ['--dns-dnspod and --dns-cloudflare cannot be used together: they name two DNS providers'],
  },
  {
    what: 'refuses credentials of another one',
    argv: ['issue', ...names, '--dns-dnspod', '--dns-cloudflare-credentials', '/x.ini'],
    code: 2,
    warns: ['--dns-dnspod and --dns-cloudflare-credentials cannot be used together: they name two DNS providers'],
  },
  {
    what: 'refuses what is no number',
    argv: ['issue', ...names, '--dns-dnspod', '--dns-dnspod-propagation-seconds', 'soon'],
    code: 2,
    warns: ['--dns-dnspod-propagation-seconds soon: expected a number of seconds, at most 86400'],
  },
  {
    what: 'refuses an option that the provider lacks',
    argv: ['issue', ...names, '--dns-dnspod', '--dns-dnspod-colour', 'red'],
    code: 2,
    warns: ["unknown option '--dns-dnspod-colour': the DNS provider dnspod has no such option"],
  },
  {
    what: 'refuses a value that is missing',
    argv: ['issue', ...names, '--dns-dnspod', '--dns-dnspod-credentials'],
    code: 2,
    warns: ['--dns-dnspod-credentials needs a value'],
  },
  {
    what: 'guesses a mistyped plugin',
    argv: ['issue', ...names, '--dns-clodflare'],
    code: 2,
    warns: ["unknown option '--dns-clodflare'; did you mean --dns-cloudflare?"],
  },
  {
    what: 'guesses a mistyped plugin before a known option',
    argv: ['issue', ...names, '--dns-clodflare-credentials', '/x.ini'],
    code: 2,
    warns: [
      'certfleet has no DNS provider "clodflare" `certfleet providers` lists the available types. Did you mean "cloudflare"?',
    ],
  },
  {
    what: 'guesses a mistyped option',
    argv: ['issue', ...names, '--dns-cloudflare', '--dns-cloudflare-credential', '/x.ini'],
    code: 2,
    warns: ['no such option; did you mean --dns-cloudflare-credentials?'],
  },
  {
    what: 'refuses to wait for years',
    argv: ['issue', ...names, '--dns-dnspod', '--dns-dnspod-propagation-seconds', '99999999'],
    code: 2,
    warns: ['--dns-dnspod-propagation-seconds 99999999: expected a number of seconds, at most 86400'],
  },
  {
    what: 'refuses two values of one option',
    argv: [
      'issue',
      ...names,
      '--dns',
      'dnspod',
      ...['/a', '/b'].flatMap((path) => ['--dns-option', `credentials=${path}`]),
    ],
    code: 2,
    warns: ['--dns-option credentials was given twice, with different values Leave out one'],
  },
  {
    what: 'wants the folder of a module',
    argv: ['issue', ...names, '--dns', 'mine.js'],
    code: 2,
    warns: ['--dns mine.js: expected --dns ./mine.js for a provider in a file'],
  },
  {
    what: 'leaves a mistyped flag of its own to the parser',
    argv: ['issue', ...names, '--dns-optoin', 'x=y'],
    code: 2,
    warns: ["unknown option '--dns-optoin'"],
  },
  {
    what: 'belongs to issue and renew only',
    argv: ['status', '--dns-dnspod'],
    code: 2,
    warns: ["unknown option '--dns-dnspod'; it is an option of `certfleet issue`"],
  },
  {
    what: 'has no person for HTTP',
    argv: ['issue', ...names, '--manual'],
    code: 2,
    warns: ['--manual does not apply here: only DNS records can be added by hand Add --preferred-challenges dns'],
  },
  {
    what: 'leaves preferred challenges alone without a plugin',
    argv: ['issue', ...names, '--dns-option', 'a=b', '--preferred-challenges', 'dns'],
    code: 2,
    warns: ["unknown option '--preferred-challenges'; use `--http` or `--dns` instead"],
  },
  {
    what: 'refuses another authenticator',
    argv: ['issue', ...names, '-a', 'webroot'],
    code: 2,
    warns: ['-a webroot: expected --http standalone'],
  },
  {
    what: 'wants a duration',
    argv: ['issue', ...names, ...certbots.slice(0, 3), '--propagation', '30'],
    files,
    code: 2,
    warns: ['--propagation 30: a duration is a whole number and ms, s, m, h or d, for example 30s'],
  },
  {
    what: 'wants a challenge over DNS',
    argv: ['issue', ...names, ...certbots.slice(0, 3), '--challenge', 'dns-persist-1'],
    files,
    code: 2,
    warns: [
      '--challenge dns-persist-1: expected one of dns-01, dns-account-01, dns-persist-01; did you mean "dns-persist-01"?',
    ],
  },
  {
    what: 'wants a DNS provider for the challenge',
    argv: ['issue', ...names, '--challenge', 'dns-persist-01'],
    code: 2,
    warns: ['--challenge needs --dns PROVIDER'],
  },
];
it.each(rows)('$what', behaves);
