import { expect, it } from 'vitest';
import { readCliIni, renewalsOfIni, wordsOfIni } from './cli-ini.ts';

const wordsIn = (text: string) => wordsOfIni(readCliIni(text), ({ key, line }) => new Error(`${line}: ${key}`));

it.each<[string, readonly string[]]>([
  ['', []],
  ['# a\n; b\n[section]\n---\n', []],
  ['email = ops@example.com', ['--email=ops@example.com']],
  ['email: ops@example.com\r\nagree-tos = True', ['--email=ops@example.com', '--agree-tos']],
  ['email ops@example.com # mine', ['--email=ops@example.com']],
  ['deploy-hook = "echo \'a\' # b"  ; c', ["--deploy-hook=echo 'a' # b"]],
  ['pre-hook=a=b', ['--pre-hook=a=b']],
  ['expand', ['--expand']],
  ['staging = no\nexpand = false\nreuse-key = on', ['--reuse-key']],
  ['dns-cloudflare-credentials = /cf.ini', ['--dns-cloudflare-credentials=/cf.ini']],
  ['user-agent =', ['--user-agent=']],
])('%j becomes %j on a command line', (text, words) => expect(wordsIn(text)).toEqual(words));

it('names the line that it cannot read', () => {
  expect(() => wordsIn('email = x\n= y')).toThrow('line 2 is not `key = value`');
  expect(() => wordsIn('\ncolour = red')).toThrow('2: colour');
});

it.each<[string, Record<string, string>]>([
  ['agree-tos = true\nmax-log-backups = 0\nstaging = true', {}],
  ['deploy-hook = reload\npreferred-challenges = dns', { renew_hook: 'reload', pref_challs: 'dns' }],
  ['http-01-port = 8080\nrsa_key_size = 4096', { http01_port: '8080', rsa_key_size: '4096' }],
  ['no-directory-hooks = true', { directory_hooks: 'False' }],
  ['directory-hooks = False', { directory_hooks: 'False' }],
  ['preferred-profile = shortlived', { required_profile: 'shortlived' }],
  [
    'manual-auth-hook = /a.sh\nallow-subset-of-names = true',
    { manual_auth_hook: '/a.sh', allow_subset_of_names: 'true' },
  ],
  [
    'authenticator = dns-cloudflare\ndns-cloudflare-credentials = /cf.ini',
    { authenticator: 'dns-cloudflare', dns_cloudflare_credentials: '/cf.ini' },
  ],
])('%j decides of renewals %j', (text, values) =>
  expect(Object.fromEntries(renewalsOfIni(readCliIni(text), 'cli.ini').values)).toEqual(values),
);
