import { describe, expect, it } from 'vitest';
import { behaves, type CommandLine, commandLine, type Done, type Row } from '../../../test/support/command-line.ts';
import { type Declared, storedOf } from '../../../test/support/declared.ts';
import { fail } from '../../core/errors/errors.ts';
import { deployHookTarget, programsIn, type RunHooks } from '../../core/spec/hooks.ts';
import type { AdapterSettings, StoredSpec } from '../../core/spec/spec.ts';
import { targetOf } from '../../core/spec/spec-parts.ts';
import { statelessSnippet } from '../../core/spec/stateless.ts';
import { present } from '../../core/text/present.ts';
import type { AccountStatus, Directory, IssueRequest, RenewRequest } from '../../fleet.ts';
import { valid } from '../commands/look/test-statuses.ts';

const files = { '/etc/cloudflare.ini': 'dns_cloudflare_api_token = t0ken\n' };
const certificate = { ...valid, name: 'example.com', identifiers: ['example.com', 'www.example.com'] };
const fleet = {
  status: [certificate],
  delete: { certificate: 'example.com', keptBy: [], left: [], isDeclared: false },
  revoke: { certificate: 'example.com', revoked: [], isCurrent: true, isReplaced: false, outcomes: [] },
} as const;

const directory: Directory = {
  ...{ termsOfService: undefined, caaIdentities: [], externalAccountRequired: false, clockSkewMs: undefined },
  ...{ hasRenewalInfo: true, hasKeyChange: true, profiles: {} },
};
const openAccount: AccountStatus = {
  ...{ id: 'a', name: 'default', directory: 'https://ca.test/dir', issuers: [], state: 'open', contacts: [] },
  ...{ keyType: 'p256', thumbprint: 'print', certificates: [], replaced: [] },
};

/** Imported in place; certbot’s folder of it is still called Old Name. */
const renamed = storedOf({
  spec: { name: 'new-name', identifiers: [], issuer: '', solver: '', deploy: ['files:/le'], endpoints: [] },
  issuer: { directory: '', email: [], agreeToTerms: true, test: false },
  solver: { type: 'command' },
  deployers: { 'files:/le': { type: 'files', path: '/le', layout: 'certbot', certbotName: 'Old Name' } },
  preflight: { resolvers: [], http01Port: 80 },
});

/** What flags stored of a certificate of some names. */
const storedAs = (
  name: string,
  names: readonly string[],
  solver: AdapterSettings,
  deployers: Declared['deployers'] = {},
): StoredSpec =>
  storedOf({
    spec: {
      ...{ name, identifiers: names.map((value) => ({ type: 'dns' as const, value })), issuer: 'letsencrypt' },
      ...{ solver: 'web', deploy: Object.keys(deployers), endpoints: [] },
    },
    issuer: { directory: 'https://ca.test/directory', email: [], agreeToTerms: true, test: false },
    ...{ solver, deployers },
    preflight: { resolvers: [], http01Port: 80 },
  });
const known = (name: string, names: readonly string[], solver: AdapterSettings) => ({
  status: [{ ...valid, name, identifiers: names }],
  stored: { [name]: storedAs(name, names, solver) },
});
const nginxTarget = {
  'nginx:/etc/letsencrypt': {
    ...{ type: 'nginx', path: '/etc/letsencrypt' },
    ...{ test: ['/usr/sbin/nginx', '-t'], reload: ['/usr/sbin/nginx', '-s', 'reload'] },
  },
};
const both = ['example.com', '*.example.com'];
const monthly =
  "certbot renew --dns-dnspod --dns-dnspod-credentials ~/access_token.json --dns-dnspod-propagation-seconds 30 -d 'example.com,*.example.com'";
const declaredFile = {
  '/etc/certfleet/certfleet.yaml':
    'issuers: { letsencrypt: { directory: letsencrypt, agreeToTerms: true } }\nsolvers: { web: { type: http01-responder } }\ncertificates: [{ name: abc, identifiers: [abc.example.com] }]\n',
};

/** A command line as it is typed, and certfleet's own form of it. */
const commonest: readonly (readonly [string, string, CommandLine?])[] = [
  [
    'certbot certonly --standalone -d example.com -d www.example.com',
    'certfleet issue -d example.com,www.example.com --http standalone --deploy files:/etc/letsencrypt',
  ],
  [
    'certbot certonly --webroot -w /var/www/a -d example.com -d www.example.com -w /var/www/b -d example.net',
    'certfleet issue -d example.com,www.example.com,example.net --http webroot:/var/www/a,/var/www/b --deploy files:/etc/letsencrypt',
  ],
  [
    "certbot certonly --dns-cloudflare --dns-cloudflare-credentials /etc/cloudflare.ini --dns-cloudflare-propagation-seconds 60 -d example.com -d '*.example.com'",
    "certfleet issue -d 'example.com,*.example.com' --deploy files:/etc/letsencrypt --dns cloudflare --dns-option credentials=/etc/cloudflare.ini --propagation 60s",
  ],
  [
    "certbot certonly --manual --preferred-challenges dns -d '*.example.com'",
    "certfleet issue -d '*.example.com' --name example.com --deploy files:/etc/letsencrypt --dns manual",
  ],
  [
    'certbot certonly --manual --preferred-challenges=dns --manual-auth-hook /opt/add.sh --manual-cleanup-hook /opt/remove.sh -d example.com -n --agree-tos --manual-public-ip-logging-ok -m ops@example.com',
    'certfleet issue -d example.com --dns hook --auth-hook /opt/add.sh --cleanup-hook /opt/remove.sh --agree-tos --email ops@example.com --deploy files:/etc/letsencrypt',
  ],
  [
    'certbot certonly --cert-name example.com -d example.com,www.example.com,shop.example.com --expand -w /srv --force-renewal',
    'certfleet issue -d example.com,www.example.com,shop.example.com --name example.com --http webroot:/srv --force',
    { fleet },
  ],
  ['certbot renew', 'certfleet renew'],
  ['certbot renew --dry-run', 'certfleet renew --dry-run'],
  [
    "certbot certonly --standalone -d example.org --preferred-chain 'ISRG Root X2' --reuse-key --allow-subset-of-names",
    "certfleet issue -d example.org --http standalone --preferred-chain 'ISRG Root X2' --reuse-key --on-failed-name drop --deploy files:/etc/letsencrypt",
  ],
  [
    "certbot -q renew --no-self-upgrade --pre-hook 'systemctl stop haproxy' --post-hook 'systemctl start haproxy' --deploy-hook 'systemctl reload nginx'",
    "certfleet renew --pre-hook 'systemctl stop haproxy' --post-hook 'systemctl start haproxy' --deploy-hook 'systemctl reload nginx'",
  ],
  ['certbot renew --cert-name example.com --force-renewal', 'certfleet renew example.com --force', { fleet }],
  [
    'certbot renew -a webroot --webroot-path=/var/www/html -d abc.example.com',
    'certfleet issue abc.example.com --http webroot:/var/www/html',
    { fleet: known('abc.example.com', ['abc.example.com'], { type: 'http01-responder' }) },
  ],
  [
    monthly,
    "certfleet issue example.com --dns dnspod --dns-option 'credentials=~/access_token.json' --propagation 30s",
    {
      env: { HOME: '/root' },
      files: { '/root/access_token.json': '{"dns_dnspod_api_id": "1", "dns_dnspod_api_token": "t0ken"}' },
      fleet: known('example.com', both, { type: 'dns-01', provider: 'dnspod' }),
    },
  ],
  ['certbot renew -d abc.example.com -n', 'certfleet renew abc', { files: declaredFile }],
  [
    'certbot renew -a webroot --webroot-path=/var/www/html -d abc.example.com',
    'certfleet renew abc',
    { files: declaredFile },
  ],
  ['certbot renew -d www.example.com,example.com --dry-run', 'certfleet renew example.com --dry-run', { fleet }],
  [
    'certbot renew --cert-name example.com --http-01-port 8080 --force-renewal',
    'certfleet issue example.com --http standalone:0.0.0.0:8080 --force',
    { fleet: known('example.com', ['example.com'], { type: 'http01-responder' }) },
  ],
  [
    "certbot certonly --manual -d '*.example.com' --server https://acme-v02.api.letsencrypt.org/directory",
    "certfleet issue -d '*.example.com' --name example.com --issuer https://acme-v02.api.letsencrypt.org/directory --deploy files:/etc/letsencrypt --dns manual",
  ],
  [
    "certbot certonly --manual --manual-auth-hook /opt/add.sh -d example.org,'*.example.org'",
    "certfleet issue -d 'example.org,*.example.org' --dns hook --auth-hook /opt/add.sh --deploy files:/etc/letsencrypt",
  ],
  ['certbot certbot renew', 'certfleet renew'],
  ['certbot sudo certbot renew', 'certfleet renew'],
  ['certbot /opt/certbot-auto renew', 'certfleet renew'],
  ['certbot certfleet certbot renew --dry-run', 'certfleet renew --dry-run'],
  ['certbot /usr/bin/certbot certificates', 'certfleet status'],
  ['certbot certificates', 'certfleet status', { fleet }],
  [
    "certbot renew --cert-name 'Old Name'",
    'certfleet renew old-name',
    { fleet: { status: [{ ...valid, name: 'old-name' }] } },
  ],
  [
    "certbot renew --cert-name 'Old Name'",
    'certfleet renew new-name',
    {
      fleet: {
        status: [
          { ...valid, name: 'old-name' },
          { ...valid, name: 'new-name' },
        ],
        stored: { 'new-name': renamed },
      },
    },
  ],
  ['certbot renew -n --force-renewal --dry-run --agree-tos -m ops@example.com', 'certfleet renew --dry-run'],
  ['certbot delete --cert-name example.com', 'certfleet delete example.com', { fleet }],
  ['certbot delete --cert-name example.com -n', 'certfleet delete example.com --force', { fleet }],
  [
    'certbot renew',
    'certfleet renew',
    { files: { '/etc/letsencrypt/cli.ini': 'webroot-path = /srv\nagree-tos = true\nemail = ops@example.com\n' } },
  ],
  [
    'certbot revoke --cert-name example.com --reason keycompromise --no-delete-after-revoke',
    'certfleet revoke example.com --reason keycompromise --yes',
    { fleet },
  ],
  [
    'certbot certonly --standalone -d example.org -n',
    'certfleet issue -d example.org --http standalone --agree-tos --email ops@example.com --deploy files:/etc/letsencrypt',
    {
      files: {
        '/etc/letsencrypt/cli.ini':
          '# Debian\nmax-log-backups = 0\nagree-tos = True\nemail = ops@example.com\npreconfigured-renewal = True\nstaging = false\n',
      },
    },
  ],
  [
    'certbot certonly --standalone --key-type rsa --rsa-key-size 4096 --staging -d example.org --http-01-port 8080',
    'certfleet issue -d example.org --http standalone:0.0.0.0:8080 --staging --deploy files:/etc/letsencrypt --key-type rsa4096',
  ],
  [
    'certbot certonly --standalone --config-dir /home/me/le --work-dir /tmp --logs-dir /tmp -d example.org --server https://ca.example/dir',
    'certfleet issue -d example.org --http standalone --issuer https://ca.example/dir --deploy files:/home/me/le --store /home/me/le/certfleet',
  ],
];

/** Splits as a shell does, as far as these lines need it. */
const wordsOf = (line: string): readonly string[] =>
  (line.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ''));

/** What was asked of the fleet in the end; what it has is looked up before and after. */
const requestOf = ({ calls }: Done) => calls.findLast((call) => call !== 'status') ?? calls.at(-1);

describe('the commonest command lines of certbot', () => {
  it.each(commonest.map(([typed, own, more = {}]) => [typed, own, more] as const))('%s', async (typed, own, more) => {
    const words = wordsOf(typed);
    const quiet = words.some((word) => word === '-q');
    const done = await commandLine({ files, ...more }).run(...words);
    expect(done.code, done.stderr).toBe(0);
    if (!quiet) expect(done.stderr).toContain(`In certfleet’s own words: ${own}\n`);
    // The form that is printed does the same.
    const again = await commandLine({ files, ...more }).run(...wordsOf(own).slice(1));
    expect(requestOf(again)).toEqual(requestOf(done));
    expect(again.settings?.store).toEqual(done.settings?.store);
  });
});

const absent = () => {
  throw fail('store/absent', { path: '/var/lib/certfleet' });
};

const rows: readonly Row[] = [
  {
    what: 'a flag may be shortened, as for certbot',
    argv: 'certbot certonly --standa --agree-t --domain example.org --preferred-challenge http',
    warns: ['certfleet issue -d example.org --http standalone --agree-tos '],
  },
  {
    what: 'a mistyped flag is named with its nearest',
    argv: 'certbot certonly --standalnoe -d example.org',
    code: 2,
    warns: ['unknown option \'--standalnoe\'; did you mean "--standalone"?'],
  },
  {
    what: 'a shortened flag must be one',
    argv: 'certbot certonly --re -d example.org',
    code: 2,
    warns: ["unknown option '--re'; it may be --reason, --redirect, --register-unsafely-without-email and 6 more"],
  },
  {
    what: 'an option of a DNS plugin is named with its nearest',
    argv: 'certbot certonly --dns-cloudflare-credentail /x -d example.org',
    code: 2,
    warns: ['did you mean --dns-cloudflare-credentials?'],
  },
  { what: 'an unknown command', argv: 'certbot certonyl', code: 2, warns: ['did you mean "certonly"?'] },
  {
    what: 'an installer',
    argv: 'certbot --nginx -d example.org',
    code: 2,
    warns: [
      'nginx was not found on this machine: looked for nginx in /usr/sbin, /usr/local/sbin, ',
      'or use --webroot -w FOLDER',
    ],
  },
  {
    what: 'an installer in a place that others can change',
    argv: 'certbot --nginx --nginx-ctl /shared/nginx -d example.org',
    ...{ files: { '/shared/nginx': '' }, code: 2 },
    warns: ['/shared/nginx belongs to user 1000'],
  },
  {
    what: 'a renewal with an installer, which each certificate keeps',
    argv: 'certbot renew --nginx --quiet',
    calls: [{ names: [], force: false }],
  },
  {
    what: 'Apache, by the folder of its virtual host',
    argv: 'certbot --apache -d example.org,www.example.org --deploy-hook own',
    files: {
      '/usr/sbin/apachectl': '',
      '/etc/apache2/a.conf': '<VirtualHost *:80>\nDocumentRoot /srv/www\n</VirtualHost>\n',
    },
    prints: {
      '/usr/sbin/apachectl -S': '*:80  example.org (/etc/apache2/a.conf:1)\nMain DocumentRoot: "/var/www/html"\n',
    },
    warns: [
      "certfleet issue -d example.org,www.example.org --http webroot:/srv/www --deploy-hook '/usr/sbin/apachectl graceful && own' --deploy files:/etc/letsencrypt",
    ],
    says: [
      /<VirtualHost \*:443>\n {4}ServerName example\.org\n {4}ServerAlias www\.example\.org\n {4}DocumentRoot \/srv\/www\n/,
      'SSLCertificateFile /etc/letsencrypt/live/example.org/fullchain.pem',
    ],
  },
  {
    what: 'Apache where the virtual host redirects everything',
    argv: 'certbot --apache -d example.org',
    files: {
      '/usr/sbin/apachectl': '',
      '/etc/apache2/a.conf': '<VirtualHost *:80>\nRedirect / https://example.org/\n</VirtualHost>\n',
    },
    prints: { '/usr/sbin/apachectl -S': '*:80  example.org (/etc/apache2/a.conf:1)\n' },
    code: 2,
    warns: [
      'as configured, Apache does not answer challenges for example.org: its virtual host serves no folder for them (/etc/apache2/a.conf:2: Redirect / https://example.org/) certfleet does not edit the configuration of a web server. Add `Alias',
    ],
  },
  {
    what: 'a wildcard with an installer',
    argv: 'certbot --nginx -d *.example.org',
    files: { '/usr/sbin/nginx': '' },
    code: 2,
    warns: [
      'the wildcard "*.example.org" can be validated only over DNS, but --nginx answers http-01 Use --dns-PROVIDER in place of --nginx',
    ],
  },
  {
    what: 'nginx as the installer only',
    argv: 'certbot -i nginx --dns-cloudflare --dns-cloudflare-credentials /etc/cloudflare.ini -d *.example.org',
    files: { ...files, '/usr/sbin/nginx': '' },
    prints: {
      '/usr/sbin/nginx -T':
        '# configuration file /etc/nginx/nginx.conf:\nhttp { server { listen 443 ssl; server_name *.example.org; } }\n',
    },
    warns: ['--deploy nginx:/etc/letsencrypt --nginx-ctl /usr/sbin/nginx --dns cloudflare'],
    says: [
      '/etc/nginx/nginx.conf:1: ssl_certificate /etc/letsencrypt/live/example.org/fullchain.pem;',
      'Then `/usr/sbin/nginx -s reload`',
    ],
  },
  // The nginx that was read is the one that gets the certificate.
  ...[
    ['', nginxTarget, ['--http webroot:/srv example.org: solver'], ['--nginx-ctl', '--deploy']],
    [
      '--nginx-server-root /own',
      nginxTarget,
      ['--http webroot:/srv --nginx-ctl /usr/sbin/nginx --nginx-server-root /own example.org: solver'],
      ['--deploy'],
    ],
    [
      '--nginx-server-root /own',
      { 'files:/etc/letsencrypt': { type: 'files', path: '/etc/letsencrypt' } },
      ['--deploy nginx:/etc/letsencrypt --nginx-ctl /usr/sbin/nginx --nginx-server-root /own example.org: solver'],
      [],
    ],
  ].map(
    ([flags, deployers, warns, never]): Row => ({
      what: `nginx ${String(flags)} for a certificate that has ${Object.keys(deployers as object).join()}`,
      argv: `certbot --nginx -d example.org ${String(flags)}`.trim(),
      fleet: {
        status: [{ ...valid, name: 'example.org', identifiers: ['example.org'] }],
        stored: {
          'example.org': storedAs(
            'example.org',
            ['example.org'],
            { type: 'http01-responder' },
            deployers as Declared['deployers'],
          ),
        },
      },
      files: { '/usr/sbin/nginx': '' },
      prints: {
        [`/usr/sbin/nginx ${flags === '' ? '' : '-c /own/nginx.conf '}-T`]:
          '# configuration file /own/nginx.conf:\nhttp { server { listen 80; server_name example.org; root /srv; } }\n',
      },
      warns: warns as readonly string[],
      never: never as readonly string[],
    }),
  ),
  {
    what: 'an installer without a certificate',
    argv: 'certbot install --nginx',
    code: 2,
    warns: [
      '`certbot install` is not supported: certfleet does not edit the configuration of a web server Get the certificate with --nginx or',
    ],
  },
  {
    what: 'names that a certificate has in part, without --expand',
    argv: 'certbot certonly --standalone -d example.com,www.example.com,more.example.com',
    fleet,
    code: 2,
    warns: [
      'the certificate example.com covers only some of these names (example.com, www.example.com) To add the others to it, use --expand',
    ],
  },
  {
    what: 'more names than a certificate has, after a yes',
    argv: 'certbot certonly --standalone -d example.com,www.example.com,more.example.com',
    ...{ fleet, typed: 'y' },
    warns: [
      'example.com has some of these names (example.com, www.example.com). Give it all of them? [y/N]',
      'certfleet issue -d example.com,www.example.com,more.example.com --http standalone',
    ],
  },
  ...['-n', '--json'].map(
    (flag): Row => ({
      what: `more names than a certificate has, without a question (${flag})`,
      argv: `certbot certonly --standalone -d example.com,www.example.com,more.example.com ${flag}`,
      ...{ fleet, typed: 'y', code: 2, never: ['[y/N]'] },
    }),
  ),
  // certbot, too, gets another certificate with the next number, and finds it again.
  ...['', '-n', '--expand', '--keep-until-expiring'].map(
    (flag): Row => ({
      what: `fewer names than a certificate has ${flag}`,
      argv: `certbot certonly --standalone -d example.com ${flag}`.trim(),
      fleet,
      warns: ['certfleet issue -d example.com --name example.com-0001 --http standalone'],
      never: ['[y/N]'],
    }),
  ),
  {
    what: 'other names than a certificate of that name has',
    argv: 'certbot certonly --standalone -d example.com -d other.example.com',
    fleet: { status: [certificate, { ...certificate, name: 'example.com-0001', identifiers: ['example.net'] }] },
    warns: ['certfleet issue -d example.com,other.example.com --name example.com-0002'],
  },
  {
    what: 'fewer names again, which the certificate with the number has',
    argv: 'certbot certonly --standalone -d example.com',
    fleet: { status: [certificate, { ...certificate, name: 'example.com-0001', identifiers: ['example.com'] }] },
    warns: ['certfleet issue -d example.com --name example.com-0001 --http standalone'],
    never: ['--deploy'],
  },
  {
    what: 'fewer names for a named certificate',
    argv: 'certbot certonly --standalone -d example.com --cert-name example.com',
    fleet,
    warns: ['certfleet issue -d example.com --name example.com --http standalone'],
  },
  {
    what: 'the names of a certificate in another order',
    argv: 'certbot certonly --standalone -d www.example.com -d example.com',
    fleet,
    warns: ['certfleet issue -d www.example.com,example.com --name example.com --http standalone'],
    never: ['--deploy'],
  },
  {
    what: '--expand finds the certificate by its names',
    argv: 'certbot certonly --standalone -d more.example.com,www.example.com,example.com --expand',
    fleet,
    warns: ['certfleet issue -d more.example.com,www.example.com,example.com --name example.com'],
  },
  {
    what: 'a certificate that certbot has',
    argv: 'certbot certonly --standalone -d example.org',
    files: { '/etc/letsencrypt/renewal/example.org.conf': '' },
    code: 2,
    warns: [
      'certbot has a certificate example.org in /etc/letsencrypt, but certfleet has not taken over that folder yet Take it over first: run `certfleet import certbot /etc/letsencrypt --in-place`.',
    ],
  },
  {
    what: 'a certificate that certbot has in another folder',
    argv: 'certbot certonly --standalone -d example.org --config-dir /le',
    files: { '/le/renewal/example.org.conf': '' },
    code: 2,
    warns: ['run `certfleet import certbot /le --in-place --store /le/certfleet`'],
  },
  {
    what: 'a certificate that certbot has in another folder, which its cli.ini names',
    argv: 'certbot certonly --standalone -d example.org --config /c.ini',
    files: { '/c.ini': 'config-dir = /le\n', '/le/renewal/example.org.conf': '' },
    code: 2,
    warns: ['run `certfleet import certbot /le --in-place --store /le/certfleet`'],
  },
  ...['renew', 'certificates', 'renew without a store', 'certificates without a store'].map(
    (where): Row => ({
      what: `${where} where only certbot has certificates`,
      argv: `certbot ${where.split(' ')[0]}`,
      files: { '/etc/letsencrypt/renewal/example.org.conf': '' },
      fleet: where.endsWith('store') ? { open: absent } : { status: [] },
      code: 2,
      warns: [
        'certbot has certificates in /etc/letsencrypt, but certfleet has not taken over that folder yet Take it over',
      ],
    }),
  ),
  {
    what: 'a webroot map',
    argv: ['certbot', 'certonly', '--webroot-map', '{"a.example.org,b.example.org":"/a","c.example.org":"/c"}'],
    warns: ['certfleet issue -d a.example.org,b.example.org,c.example.org --http webroot:/a,/c'],
  },
  {
    what: 'manual over HTTP without hooks',
    argv: 'certbot certonly --manual -d example.org',
    code: 2,
    warns: ['--manual does not apply here: only DNS records can be added by hand'],
  },
  {
    what: 'deletes after a yes',
    argv: 'certbot delete --cert-name example.com',
    fleet,
    typed: 'y',
    warns: ['Delete example.com from the store, with its keys? [y/N]'],
    calls: ['status', { name: 'example.com', force: true }],
  },
  {
    what: 'deletes nothing after a no',
    argv: 'certbot delete --cert-name example.com',
    ...{ fleet, typed: '', code: 2, calls: ['status'] },
    warns: ['the deletion was not confirmed; nothing was changed'],
  },
  {
    what: 'deletes nothing with --dry-run',
    argv: 'certbot delete --cert-name example.com -n --dry-run',
    ...{ fleet, code: 2, calls: ['status'] },
    warns: ['--dry-run does not apply here: `certbot delete` has no dry run'],
  },
  ...[
    [
      '--webroot -w /other',
      '--webroot does not apply here: `certbot renew` without a certificate name keeps the settings of every certificate',
    ],
    ['--http-01-port 8080', '`certfleet certbot reconfigure --cert-name NAME`'],
    [
      '--preferred-chain X',
      '--preferred-chain does not apply here: `certbot renew` without a certificate name keeps the settings of every certificate',
    ],
    [
      '--key-type rsa',
      '--key-type does not apply here: `certbot renew` without a certificate name keeps the settings of every certificate',
    ],
    [
      '--allow-subset-of-names',
      '--allow-subset-of-names does not apply here: `certbot renew` without a certificate name keeps the settings of every certificate',
    ],
    [
      '--dns-cloudflare',
      '--dns-cloudflare does not apply here: `certbot renew` without a certificate name keeps the settings of every certificate',
    ],
  ].map(
    ([flags, warns]): Row => ({
      ...{ what: `renew ${flags}`, argv: `certbot renew ${flags}`, fleet, code: 2, calls: [], warns: [warns!] },
    }),
  ),
  {
    what: 'renew -d with only some names of a certificate',
    argv: 'certbot renew -d example.com --force-renewal',
    ...{ fleet, code: 2, calls: ['status'] },
    warns: [
      '-d names only some of the domains of example.com Leave out -d, and select the certificate with --cert-name example.com',
    ],
  },
  // The same, whether there is a store or not; certbot orders nothing either.
  ...[fleet, { open: absent }].flatMap((answers): readonly Row[] => {
    const where = 'open' in answers ? 'without a store' : 'with a store';
    const refused: Omit<Row, 'what' | 'argv'> = { code: 2, fleet: answers, calls: 'open' in answers ? [] : ['status'] };
    return [
      {
        what: `renew -d of other names ${where}`,
        argv: '--store /s certbot certbot renew -a webroot --webroot-path=/var/www/html -d new.example.com -q',
        ...refused,
        warns: [
          'there is no certificate with exactly these names (new.example.com) To get one, run `certfleet --store /s certbot certonly -a webroot --webroot-path=/var/www/html -d new.example.com --agree-tos`',
        ],
      },
      {
        what: `renew -d of other names over DNS ${where}`,
        argv: 'certbot renew --dns-cloudflare --dns-cloudflare-api-token SECRETSECRET --dns-cloudflare-propagation-seconds=30 -d *.example.net --eab-hmac-key=SECRETSECRET',
        ...refused,
        warns: [
          "`certfleet certbot certonly --dns-cloudflare --dns-cloudflare-api-token '***' --dns-cloudflare-propagation-seconds=30 -d '*.example.net' --eab-hmac-key=*** --agree-tos`",
        ],
        never: ['SECRETSECRET'],
      },
    ];
  }),
  {
    what: 'renew -d where certbot has the certificate, and others are stored',
    argv: 'certbot renew -d example.org',
    ...{ fleet, code: 2, files: { '/etc/letsencrypt/renewal/example.org.conf': '' } },
    warns: [
      'certbot has a certificate example.org in /etc/letsencrypt, but certfleet has not taken over that folder yet Take it over first: run `certfleet import',
    ],
  },
  {
    what: 'renew of a declared certificate with its settings',
    argv: 'certbot renew -a webroot -w /srv -d abc.example.com',
    files: declaredFile,
    warns: ['abc is declared in the configuration, so -a, -w changes nothing.'],
  },
  ...['certonly --standalone -d example.org', 'renew'].map(
    (words): Row => ({
      what: `${words} with programs in certbot’s folder`,
      argv: `certbot ${words}`,
      ...{ files: { '/etc/letsencrypt/renewal-hooks/deploy/a.sh': '' }, mode: 0o755 },
      warns: ['The programs in /etc/letsencrypt/renewal-hooks/deploy run, too.'],
    }),
  ),
  {
    what: 'programs in certbot’s folder that others can change',
    argv: 'certbot renew --config-dir /shared',
    ...{ files: { '/shared/renewal-hooks/pre/a.sh': '' }, mode: 0o755, code: 2, calls: [] },
    warns: [
      '/shared/renewal-hooks/pre/a.sh cannot be trusted: /shared/renewal-hooks/pre/a.sh belongs to user 1000 Check its contents, then run `sudo chown root /shared/renewal-hooks/pre/a.sh`, or skip renewal-hooks with --no-directory-hooks.',
    ],
  },
  {
    what: 'flags of one letter in one word',
    argv: 'certbot certonly --standalone -nvd example.org -dwww.example.org -mops@example.com',
    warns: ['certfleet issue -d example.org,www.example.org --http standalone --email ops@example.com'],
  },
  {
    what: 'revokes a test certificate',
    argv: 'certbot revoke --cert-name example.com --staging --agree-tos',
    fleet,
    warns: ["certfleet revoke 'example.com~staging' --yes"],
  },
  ...[
    ['-d --config-dir /le', '-d needs a value'],
    ['-d example.org --standalone --preferred-challenges foo', '--preferred-challenges foo: expected http or dns'],
    [
      '-d example.org --webroot -w /srv --standalone',
      '--webroot and --standalone cannot be used together: both choose how to answer challenges',
    ],
    [
      '-d example.org --standalone --force-renewal=yes',
      '--force-renewal=yes does not apply here: it takes no value Write only --force-renewal.',
    ],
    ['-d example.org --dns-cloudflare=1', '--dns-cloudflare=1 does not apply here: it takes no value'],
    ['-d example.org --standalone --pre-hook missing', '--pre-hook missing: not found in /usr/local/sbin:'],
    ['-d example.org --standalone --deploy-hook /missing.sh', '--deploy-hook /missing.sh: there is no such program'],
    ['--manual --manual-auth-hook missing -d example.org', '--auth-hook missing: not found in'],
  ].map(
    ([flags, warns]): Row => ({
      ...{ what: `certonly ${flags}`, argv: `certbot certonly ${flags}`, code: 2, warns: [warns!] },
    }),
  ),
  ...[
    ['certonly --standalone -d a.example --eab-kid x --eab-hmac-key ', ' --eab-hmac-key *** '],
    ['certonly --standalone -d a.example --eab-kid=x --eab-hmac-key=', ' --eab-hmac-key *** '],
    ['register -n --agree-tos --eab-kid x --eab-hmac-key ', ' --eab-hmac-key ***'],
    ['certonly -d a.example --dns-cloudflare --dns-cloudflare-api-key ', ' --dns-option apiKey=***'],
  ].map(
    ([typed, warns]): Row => ({
      what: `the secret of ${typed} is not shown`,
      argv: `certbot ${typed}SECRETSECRET`,
      ...{ code: 2, warns: [warns!, 'see a secret on the command line'], never: ['SECRETSECRET'] },
    }),
  ),
  ...['--pre-hook missing --disable-hook-validation', '--pre-hook $(missing)', '--pre-hook MISSING=1'].map(
    (hook): Row => ({ what: `certonly ${hook}`, argv: `certbot certonly --standalone -d example.org ${hook}` }),
  ),
  {
    what: 'switches in the configuration file of certbot',
    argv: 'certbot certonly --standalone -d example.org',
    files: { '/etc/letsencrypt/cli.ini': 'agree-tos = yes\nstaging = no\nreuse-key = 1\n' },
    warns: ['--http standalone --agree-tos --reuse-key --deploy'],
    never: ['--staging'],
  },
  ...[false, true].map(
    (verbose): Row => ({
      what: `the configuration file of certbot is named ${verbose ? 'with' : 'only with'} --verbose`,
      argv: `${verbose ? '--verbose ' : ''}certbot certonly --standalone -d example.org`,
      files: { '/etc/letsencrypt/cli.ini': 'agree-tos = yes\n' },
      [verbose ? 'warns' : 'never']: ['reading flags from /etc/letsencrypt/cli.ini, too'],
    }),
  ),
  {
    what: 'a switch with an odd value in the configuration file of certbot',
    argv: 'certbot certonly --standalone -d example.org',
    ...{ files: { '/etc/letsencrypt/cli.ini': 'agree-tos = perhaps\n' }, code: 2 },
    warns: ['/etc/letsencrypt/cli.ini:1: --agree-tos=perhaps does not apply here: it takes no value'],
  },
  ...(
    [
      ['email = ops', ':2: --email ops: must be an e-mail address'],
      ['server = http://ca.test', ':2: --issuer http://ca.test: expected an https:// URL'],
      ['rsa-key-size = 999', ':2: --rsa-key-size 999: expected'],
      ['preferred-challenges = dsn', ':2: --preferred-challenges dsn: expected http or dns'],
      ['domains = a.example, b..example', ':2: "b..example" is not a valid DNS name'],
      ['duplicate = true', ':2: '],
      ['webroot-map = {"a.example": 5}', ':2: --webroot-map: expected an object like'],
      ['= x', ': line 2 is not `key = value` Correct or remove the line.'],
      [
        'eab-hmac-key = SECRETSECRET\neab-kid = k',
        ':2: eab-hmac-key does not apply here: certfleet takes the place of a secret, not the secret itself Move the secret to a file that only this user can read, and write `eab-hmac-key = file:/path`.',
      ],
      [`email = ${'x'.repeat(300)}`, ':2: --email xxx'],
    ] as const
  ).map(
    ([line, says]): Row => ({
      what: `a wrong value in the configuration file of certbot: ${line.slice(0, 40)}`,
      argv: 'certbot certonly --standalone -d example.org --agree-tos',
      ...{ files: { '/etc/letsencrypt/cli.ini': `# mine\n${line}\n` }, code: 2 },
      warns: [`/etc/letsencrypt/cli.ini${says}`],
      never: ['SECRETSECRET'],
    }),
  ),
  {
    what: 'a value on the line in place of that in the configuration file of certbot',
    argv: 'certbot certonly --standalone -d example.org --agree-tos --email b@example.org',
    ...{ files: { '/etc/letsencrypt/cli.ini': 'email = a@example.org\n' } },
    warns: ['--agree-tos --email b@example.org --deploy'],
    never: ['a@example.org'],
  },
  {
    what: 'a wrong value on the line, which the configuration file of certbot has, too',
    argv: 'certbot certonly --standalone -d example.org --agree-tos --email ops',
    ...{ files: { '/etc/letsencrypt/cli.ini': 'email = ops\n' }, code: 2 },
    warns: ['certfleet: --email ops: must be an e-mail address'],
    never: ['cli.ini'],
  },
  {
    what: 'certfleet’s own configuration behind the word certbot',
    argv: 'certbot certonly --standalone -d example.org --config /c.yaml',
    ...{ files: { '/c.yaml': '# mine\nstore: /srv\n' }, code: 2 },
    warns: [
      '/c.yaml:2: certbot has no option "store" A --config after `certbot` names certbot’s cli.ini: put certfleet’s own',
    ],
  },
  {
    what: 'an unknown option in the configuration file of certbot',
    argv: 'certbot certonly --standalone -d example.org',
    ...{ files: { '/etc/letsencrypt/cli.ini': 'agree-tos = true\ncolour = red\n' }, code: 2 },
    warns: ['/etc/letsencrypt/cli.ini:2: certbot has no option "colour" Correct or remove the line.'],
  },
  ...[
    ['--config-dir /shared/le', '/shared/le/cli.ini'],
    ['-c /shared/my.ini', '/shared/my.ini'],
  ].map(
    ([flag, path]): Row => ({
      what: `a configuration file of certbot that others can change: ${flag}`,
      argv: `certbot certonly --standalone -d example.org ${flag}`,
      ...{ files: { [path!]: 'deploy-hook = true\n' }, code: 2, calls: [] },
      warns: [
        `the configuration ${path} cannot be trusted: ${path} belongs to user 1000 It can name commands that certfleet runs as this user. Check its contents, then run \`sudo chown root ${path}\`.`,
      ],
    }),
  ),
  ...[
    ['--config-dir /le', '/le/cli.ini: it is a folder'],
    ['-c /le/cli.ini', '--config /le/cli.ini: it is a folder'],
  ].map(
    ([flag, says]): Row => ({
      what: `a folder in place of the configuration file of certbot: ${flag}`,
      argv: `certbot certificates ${flag}`,
      ...{ files: { '/le/cli.ini/x': '' }, code: 2, calls: [], warns: [says!] },
    }),
  ),
  {
    what: 'a wildcard has the name of its domain',
    argv: 'certbot certonly --dns-cloudflare -d *.example.org -d example.org',
    files,
    warns: ["certfleet issue -d '*.example.org,example.org' --name example.org --deploy"],
  },
  {
    what: 'a wildcard has a number where its domain has a certificate, as with certbot',
    argv: 'certbot certonly --manual --preferred-challenges dns -d *.example.com',
    ...{ files, fleet },
    warns: ["certfleet issue -d '*.example.com' --name example.com-0001 --deploy"],
  },
  {
    what: 'the roots of a CA',
    argv: 'certbot certonly --standalone -d example.org --server https://ca.example/dir --ca-file /ca.pem',
    warns: ['--issuer https://ca.example/dir --ca-file /ca.pem --deploy'],
  },
  // As certbot, which keeps the names of a certificate that is named.
  ...['', '--force-renewal'].map(
    (flag): Row => ({
      what: `--cert-name without -d ${flag}`,
      argv: `certbot certonly --cert-name example.com -n ${flag}`.trim(),
      fleet,
      warns: [`certfleet issue -d example.com,www.example.com --name example.com${flag && ' --force'} `],
    }),
  ),
  {
    what: '--cert-name without -d, of a certificate that is not there',
    argv: 'certbot certonly --cert-name exmaple.com --standalone',
    ...{ fleet, code: 2 },
    warns: ['there is no certificate "exmaple.com"; did you mean "example.com"? To get it, give its'],
  },
  {
    what: '--cert-name without -d, of a certificate that certbot has',
    argv: 'certbot certonly --cert-name example.org --standalone',
    ...{ files: { '/etc/letsencrypt/renewal/example.org.conf': '' }, code: 2 },
    warns: [
      'certbot has a certificate example.org in /etc/letsencrypt, but certfleet has not taken over that folder yet Take',
    ],
  },
  {
    what: '--cert-name without -d, of a declared certificate',
    argv: 'certbot certonly --cert-name abc --force-renewal',
    files: declaredFile,
    warns: ['certfleet issue abc --force '],
  },
  {
    what: '--cert-name without -d, with an installer',
    argv: 'certbot --nginx --cert-name example.com',
    files: { '/usr/sbin/nginx': '' },
    fleet,
    prints: {
      '/usr/sbin/nginx -T':
        '# configuration file /etc/nginx/nginx.conf:\nhttp { server { listen 80 default_server; root /srv; } }\n',
    },
    warns: ['certfleet issue -d example.com,www.example.com --name example.com --http webroot:/srv'],
  },
  // As certbot, which asks before it opens an account.
  ...(
    [
      [
        'y',
        '',
        [],
        0,
        [
          'ca.test/terms Have you read them, and do you agree? [y/N]',
          '--issuer https://ca.test/dir --deploy files:/etc/letsencrypt --dns manual --agree-tos',
        ],
        [],
      ],
      [
        'n',
        '',
        [],
        2,
        ['the agreement to the terms of service was not confirmed; nothing was changed'],
        ['In certfleet'],
      ],
      ['y', '-n', [], 0, ['--dns manual '], ['[y/N]', 'manual --agree-tos']],
      ['y', '-q', [], 0, [], ['[y/N]']],
      ['y', '--agree-tos', [], 0, ['--agree-tos'], ['[y/N]']],
      ['y', '', [openAccount], 0, ['--dns manual '], ['[y/N]', 'manual --agree-tos']],
      [undefined, '', [], 0, ['--dns manual '], ['[y/N]', 'manual --agree-tos']],
    ] as const
  ).map(
    ([typed, flag, accounts, code, warns, never]): Row => ({
      what: `terms of service at a terminal: ${typed} ${flag} ${accounts.length}`,
      argv: `certbot certonly --manual -d *.example.com --server https://ca.test/dir ${flag}`.trim(),
      ...present({ typed }),
      fleet: { accounts, directory: { ...directory, termsOfService: 'https://ca.test/terms' } },
      ...{ code, warns, never },
    }),
  ),
  {
    what: 'no terms of service',
    argv: 'certbot register --server https://ca.test/dir',
    ...{ typed: 'n', fleet: { directory }, never: ['[y/N]'] },
    warns: ['certfleet account open https://ca.test/dir'],
  },
  {
    what: 'renew -d of other names where the account is open',
    argv: 'certbot renew --webroot -w /srv -d new.example.com',
    ...{ fleet: { ...fleet, accounts: [openAccount] }, code: 2 },
    warns: ['To get one, run `certfleet certbot certonly --webroot -w /srv -d new.example.com`'],
  },
  // certbot asks for a plugin, or fails.
  ...[
    [
      'certonly -d c.example.org -n --server https://ca.test/dir',
      'certonly --standalone -d c.example.org -n --server https://ca.test/dir --agree-tos',
    ],
    ['-d c.example.org --agree-tos', '--standalone -d c.example.org --agree-tos'],
    ['certbot run -d c.example.org --agree-tos', '--standalone -d c.example.org --agree-tos'],
  ].map(
    ([typed, proposed]): Row => ({
      ...{ what: `no plugin: ${typed}`, argv: `certbot ${typed}`, code: 2, calls: ['status'] },
      warns: [
        `the command does not say how to answer the CA’s challenges If port 80 is free, run \`certfleet certbot ${proposed}\`.`,
      ],
    }),
  ),
  {
    what: 'no plugin, where one solver is declared',
    argv: 'certbot certonly -d c.example.org',
    files: declaredFile,
    warns: ['certfleet issue -d c.example.org --deploy'],
  },
  ...['renew', 'certonly --standalone -d example.org', 'run --standalone -d example.org'].map(
    (words): Row => ({
      what: `${words} without the programs in certbot’s folder`,
      argv: `certbot ${words} --no-directory-hooks --config-dir /shared`,
      ...{ files: { '/shared/renewal-hooks/pre/a.sh': '' }, mode: 0o755 },
      never: ['run, too'],
    }),
  ),
  {
    what: 'flags that only certbot’s installers carry out',
    argv: 'certbot --nginx -d tls.example.org --redirect --hsts --uir --staple-ocsp --no-redirect',
    files: { '/usr/sbin/nginx': '' },
    prints: {
      '/usr/sbin/nginx -T':
        '# configuration file /etc/nginx/nginx.conf:\nhttp { server { listen 80; server_name tls.example.org; root /srv; } }\n',
    },
    says: [
      'Not done, because certfleet edits no configuration; add this by hand:',
      '--redirect, in the server block for HTTP (/etc/nginx/nginx.conf:1), in place of its own `location /`, beside `location ^~ /.well-known/acme-challenge/ { root /srv; }`:\n    location / { return 301 https://$host$request_uri; }\n',
      '--hsts, in the server block for HTTPS:\n    add_header Strict-Transport-Security "max-age=31536000" always;\n',
      '--uir, in the server block for HTTPS:\n    add_header Content-Security-Policy upgrade-insecure-requests;\n',
      'ssl_trusted_certificate /etc/letsencrypt/live/tls.example.org/chain.pem;',
    ],
  },
  {
    what: 'flags that only certbot’s installers carry out, with Apache',
    argv: 'certbot --apache -d example.org --redirect --hsts',
    files: { '/usr/sbin/apachectl': '' },
    prints: { '/usr/sbin/apachectl -S': 'Main DocumentRoot: "/var/www/html"\n' },
    says: ['RewriteCond %{REQUEST_URI} !^/\\.well-known/', 'Header always set Strict-Transport-Security'],
  },
  {
    what: 'flags that only certbot’s installers carry out, without one',
    argv: 'certbot run --standalone -d example.org --redirect --hsts',
    warns: ['--redirect, --hsts changes nothing: certfleet edits no configuration. With --nginx or --apache'],
  },
  // Nothing but a redirect and certfleet's own answers is in the block for HTTP.
  ...[
    ['', /ssl_certificate_key \S+;\n {4}# Add what serves these names: `root FOLDER;` or/, 'location'],
    ['location / { return 301 https://$host$request_uri; }', /# Add what serves these names/, 'return'],
    [
      'location / { rewrite ^ https://b.test/ permanent; } location /a { alias /a; }',
      /_key \S+;\n {4}location \/a \{/,
      '# Add',
    ],
  ].map(
    ([inside, says, never]): Row => ({
      what: `the block to add for a block with only a redirect, ${String(inside)}`,
      argv: 'certbot --nginx -d a.example.org',
      files: { '/usr/sbin/nginx': '' },
      prints: {
        '/usr/sbin/nginx -T': `# configuration file /etc/nginx/nginx.conf:\nhttp { server { listen 80; server_name a.example.org;\n${statelessSnippet('nginx', [{ thumbprint: 'print', identifiers: [{ type: 'dns', value: 'a.example.org' }] }])}${String(inside)} return 301 https://$host$request_uri; } }\n`,
      },
      says: [says as RegExp],
      never: ['certfleet_', '301', ...(never === 'location' ? [] : [never as string])],
    }),
  ),
  {
    what: 'the configuration to add, where another root of nginx is named',
    argv: 'certbot --nginx --nginx-server-root /own -d a.example.org --agree-tos --server https://ca.test/dir --ca-file /ca.pem',
    files: { '/usr/sbin/nginx': '' },
    prints: {
      '/usr/sbin/nginx -c /own/nginx.conf -T':
        '# configuration file /own/nginx.conf:\nhttp { server { listen 80; server_name a.example.org; return 301 https://$host$request_uri; } }\n',
    },
    code: 2,
    warns: [
      'Run `certfleet stateless -d a.example.org --issuer https://ca.test/dir --proxy nginx > /own/certfleet-challenges.conf`, write `include /own/certfleet-challenges.conf;` as',
    ],
  },
  {
    what: 'no names',
    argv: 'certbot certonly',
    code: 2,
    warns: ['name the domains of the certificate: `certfleet certbot certonly -d NAME`'],
  },
  {
    what: 'nothing',
    argv: 'certbot',
    code: 2,
    warns: ['name the domains of the certificate: `certfleet certbot run -d NAME`'],
  },
  {
    what: 'accounts',
    argv: 'certbot update_account --email ops@example.com --server https://ca.example/dir',
    warns: ['certfleet account update https://ca.example/dir --email ops@example.com'],
    code: 2,
  },
  {
    what: 'opening an account',
    argv: 'certbot register -n --agree-tos -m ops@example.com --no-eff-email --staging',
    warns: ['certfleet account open letsencrypt-staging --agree-tos --email ops@example.com'],
    says: ['letsencrypt-staging: the account https://ca.test/account/1 is open.'],
  },
  {
    what: 'an account, whatever the configuration file of certbot says of orders',
    argv: 'certbot show_account',
    files: { '/etc/letsencrypt/cli.ini': 'deploy-hook = true\nreuse-key = true\nagree-tos = true\n' },
    warns: ['In certfleet’s own words: certfleet account show certfleet: this store has no account'],
    code: 2,
  },
  {
    what: 'closing an account without a question',
    argv: 'certbot unregister -n',
    warns: ['certfleet account deactivate --yes'],
    code: 2,
  },
  {
    what: 'a hook without a place',
    argv: 'issue -d example.org --auth-hook /x',
    code: 2,
    warns: ['--auth-hook needs --http hook or --dns hook'],
  },
  ...['--help', 'help', 'help renew', 'certbot help renew'].map(
    (words): Row => ({ what: words, argv: `certbot ${words}`, says: ['certbot [options] [words...]'] }),
  ),
  {
    what: 'a certbot command without `certbot` in front',
    argv: 'certonly -d example.org',
    code: 2,
    warns: ['use `certfleet issue -d NAME`, or `certfleet certbot certonly`, instead'],
  },
];
it.each(rows)('$what', behaves);

it.each([
  ['certonly --standalone -d example.org --deploy-hook own', true],
  ['certonly --standalone -d example.org --deploy-hook own --no-directory-hooks', false],
  ['renew --deploy-hook own', true],
  ['renew --deploy-hook own --no-directory-hooks', false],
])('%s runs the programs in certbot’s folder first: %s', async (words, runs) => {
  const given = { files: { '/le/renewal-hooks/deploy/a.sh': '', '/le/renewal-hooks/pre/b~': '' }, mode: 0o755 };
  const done = await commandLine(given).run('certbot', ...words.split(' '), '--config-dir', '/le');
  const call = requestOf(done) as IssueRequest & RenewRequest;
  const first = { deploy: programsIn('/le/renewal-hooks/deploy') };
  const { without, ...hooks }: RunHooks = call.hooks ?? call.adHoc?.hooks ?? {};
  expect(hooks).toEqual({ deploy: 'own', ...present({ first: runs ? first : undefined }) });
  if (!call.adHoc) expect(without?.deploy).toBe(runs ? undefined : programsIn('/le/renewal-hooks/deploy'));
  if (call.adHoc && runs)
    expect(targetOf(call.adHoc, deployHookTarget)?.settings).toMatchObject({
      env: { RENEWED_LINEAGE: '/le/live/example.org' },
    });
});

it('has hooks answer', async () => {
  const { calls } = await commandLine().run(
    ...['issue', '-d', 'example.org', '--http', 'hook', '--auth-hook', 'put it', '--cleanup-hook', 'take it'],
  );
  expect((calls[0] as IssueRequest).adHoc?.parts[0]?.solver.settings).toEqual({
    ...{ type: 'command', challenge: 'http-01', present: 'put it', cleanup: 'take it' },
  });
});
