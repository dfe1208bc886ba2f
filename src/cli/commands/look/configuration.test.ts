import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import { present } from '../../../core/text/present.ts';

const example = (await commandLine().run('config', 'example')).stdout;
const faulty = { '/c.yaml': 'stoer: {}\nleaseTtl: 5\n' };
const cloud = `balancers:
  slb: { type: alibaba-clb, region: "env:REGION", loadBalancer: lb-1, credentials: /root/ali.ini }
`;
const literal = 'solvers: { dns: { type: dns01, provider: cloudflare, options: { token: s3cret } } }';
const check = 'config check --config /c.yaml';

it.each<Row>([
  {
    what: 'accepts its own example once the secret is there',
    argv: check,
    files: { '/c.yaml': example, '/etc/certfleet/tsig': 'c2VjcmV0LXNlY3JldA==' },
    stdout: '/c.yaml is valid: 2 certificates, 1 issuer.\n',
  },
  {
    what: 'and until then names the file that is missing',
    argv: check,
    files: { '/c.yaml': example },
    code: 2,
    says: [/^\/c\.yaml:\d+: the secret file \/etc\/certfleet\/tsig cannot be read: no such file\. /],
  },
  {
    what: 'names the file with the credentials of a load balancer, and the line that is wrong',
    argv: check,
    files: { '/c.yaml': cloud, '/root/ali.ini': 'dns_aliyun_access_key_id = LTAI\ntell-nobody\n' },
    code: 2,
    says: [/^\/c\.yaml:2: the credentials file \/root\/ali\.ini for [^:]+ cannot be used: line 2 is not KEY=VALUE\. /],
  },
  {
    what: 'opens it, and reads the region from the environment',
    argv: check,
    env: { REGION: 'cn-hangzhou' },
    files: {
      '/c.yaml': cloud,
      '/root/ali.ini': 'dns_aliyun_access_key_id = LTAI\ndns_aliyun_access_key_secret = s3cret\n',
    },
    stdout: '/c.yaml is valid: 0 certificates, 0 issuers.\n',
  },
  {
    what: 'checks the files in the folder beside it, and warns of one that is not read',
    argv: check,
    files: {
      '/c.yaml': 'issuers: { le: { directory: letsencrypt } }\n',
      '/c.d/dns.yaml': `${literal}\n`,
      '/c.d/a.yaml': 'certificates: [{ name: a, identifiers: [a.example.com], deploy: ["files:/srv"] }]',
      '/c.d/b.yml': 'certificates: [{ name: b, identifiers: [b.example.com] }]',
    },
    mode: 0o644,
    stdout: '/c.yaml with 2 files in /c.d is valid: 1 certificate, 1 issuer.\n',
    warns: [
      'a secret stands in /c.d/dns.yaml, which other users can read: chmod 600 /c.d/dns.yaml',
      '/c.d/b.yml is not read: the names of files in /c.d end in .yaml',
    ],
    never: ['a secret stands in /c.yaml', 'a secret stands in /c.d/a.yaml', 's3cret'],
  },
  {
    what: 'names the file in which a secret is missing',
    argv: check,
    files: { '/c.yaml': '', '/c.d/dns.yaml': `\n${literal.replace('s3cret', 'file:/none')}\n` },
    code: 2,
    says: [/^\/c\.d\/dns\.yaml:2: the secret file \/none cannot be read/],
  },
  ...(
    [
      [literal, 0o640, true],
      [
        'balancers: { slb: { type: alibaba-clb, region: a, loadBalancer: lb-1, accessKeyId: a, accessKeySecret: s3cret } }',
        ...([0o644, true] as const),
      ],
      ['issuers: { z: { directory: "https://ca.test/d", eab: { kid: a, hmacKey: s3cret } } }', 0o604, true],
      [literal, 0o600, false],
      [literal.replace('s3cret', '"env:T"'), 0o644, false],
    ] as const
  ).map(
    ([text, mode, warns]): Row => ({
      ...{ what: `says who can read ${text} with mode ${mode.toString(8)}`, argv: check, mode, env: { T: 't' } },
      files: { '/c.yaml': `${text}\n` },
      warns: warns ? ['a secret stands in /c.yaml, which other users can read: chmod 600 /c.yaml'] : [],
      never: warns ? ['s3cret'] : ['chmod'],
    }),
  ),
  ...(['env:NOPE', 'file:/nope'] as const).map(
    (key): Row => ({
      what: `opens an EAB key that is named: ${key}`,
      argv: check,
      files: { '/c.yaml': `issuers: { z: { directory: "https://ca.test/d", eab: { kid: a, hmacKey: "${key}" } } }\n` },
      code: 2,
      says: [key === 'env:NOPE' ? /^\/c\.yaml:1: .* NOPE/ : '/c.yaml:1: the secret file /nope cannot be read'],
    }),
  ),
  {
    what: 'prints every problem with its line',
    argv: check,
    files: faulty,
    code: 2,
    stdout:
      '/c.yaml:1: unknown key "stoer"; did you mean "store"?\n/c.yaml:2: leaseTtl needs a unit: write 5s, or another of ms, s, m, h and d\n',
    calls: [],
  },
  {
    what: 'says that a file is empty',
    argv: check,
    files: { '/c.yaml': '\n# certificates:\n\n' },
    stdout: '/c.yaml is empty: it declares no certificate.\n',
    warns: ['`certfleet config example` prints one to start from'],
  },
  ...[
    ['b', 2],
    ['b, keyType: rsa2048', 0],
    ['b, profile: shortlived', 0],
  ].map(
    ([more, code]): Row => ({
      what: `two certificates for the same names: ${more}`,
      argv: check,
      files: {
        '/c.yaml':
          'issuers: { le: { directory: letsencrypt } }\nsolvers: { w: { type: http01-responder } }\ncertificates:\n' +
          `  - { name: a, identifiers: [a.example.com, b.example.com] }\n  - { name: ${more}, identifiers: [b.example.com, a.example.com] }\n`,
      },
      code: Number(code),
      ...present({
        stdout:
          code === 2
            ? '/c.yaml:5: the certificates "a" and "b" are the same: both are for b.example.com, a.example.com; declare one, with the targets of both\n'
            : undefined,
      }),
    }),
  ),
  ...[
    [
      'accessKeyId: a',
      2,
      'is missing the credential "accessKeySecret" (CERTFLEET_ALIBABA_CLB_ACCESS_KEY_SECRET), without which "accessKeyId" is of no use',
    ],
    [
      'accessKeySecret: s3cret',
      2,
      '"accessKeyId" (CERTFLEET_ALIBABA_CLB_ACCESS_KEY_ID), without which "accessKeySecret" is of no use',
    ],
    ['securityToken: t', 2, /"accessKeyId" .* and .*"accessKeySecret" .*without which "securityToken" is of no use/],
    ['accessKeyId: a, accessKeySecret: b', 0, 'is valid'],
    ['credentials: /half.ini', 2, '"accessKeySecret" (not in /half.ini: it has no key'],
  ].map(
    ([keys, code, says]): Row => ({
      what: `half of the keys: ${String(keys)}`,
      argv: check,
      mode: 0o600,
      files: {
        '/c.yaml': `balancers: { slb: { type: alibaba-clb, region: a, loadBalancer: lb-1, ${String(keys)} } }\n`,
        '/half.ini': 'dns_aliyun_access_key = LTAI\n',
      },
      code: Number(code),
      says: [says as string | RegExp],
      never: ['s3cret'],
    }),
  ),
  ...(
    [
      [{}, 2, '/c.yaml:1: the CA file /ca.pem cannot be used: no such file'],
      [{ '/ca.pem': 'no PEM' }, 2, '/c.yaml:1: the CA file /ca.pem cannot be used: it contains no PEM certificate'],
      [{ '/ca.pem': '-----BEGIN CERTIFICATE-----\n' }, 0, 'is valid'],
    ] as const
  ).map(
    ([files, code, says]): Row => ({
      what: `opens a file of root certificates: ${says}`,
      argv: check,
      files: {
        '/c.yaml': 'issuers: { own: { directory: "https://ca.test/d", caFile: /ca.pem } }\n',
        ...files,
      },
      code,
      says: [says],
    }),
  ),
  ...(
    [
      ['persistFor: 90d', 'solvers.dns: persistFor has no effect without `challenge: dns-persist-01`'],
      ['persistFor: 90d, challenge: dns-persist-01', undefined],
      [
        'zones: { hand.test: dns }',
        'solvers.dns: zones names the solver "dns" itself for hand.test, which has no effect',
      ],
      ['zones: { hand.test: other }', undefined],
    ] as const
  ).map(
    ([more, warns]): Row => ({
      what: `says what has no effect: ${more}`,
      argv: check,
      files: {
        '/c.yaml':
          'solvers:\n  other: { type: dns01, provider: manual }\n' +
          `  dns: { type: dns01, provider: manual, ${more} }\n`,
      },
      says: ['is valid'],
      ...(warns === undefined ? { never: ['warning'] } : { warns: [warns] }),
    }),
  ),
  ...(
    [
      [443, 80, true],
      [80, 80, false],
      [8080, 5002, false],
    ] as const
  ).map(
    ([listener, http01Port, warns]): Row => ({
      what: `HTTP-01 over the listener ${listener} where the CA connects to ${http01Port}`,
      argv: check,
      files: {
        '/c.yaml':
          `balancers: { slb: { type: alibaba-clb, region: a, loadBalancer: lb-1, listenerPort: ${listener} } }\n` +
          `solvers: { web: { type: http01-forward-rule, balancer: slb } }\npreflight: { http01Port: ${http01Port} }\n`,
      },
      says: ['is valid'],
      ...(warns
        ? {
            warns: [
              'solvers.web: the CA connects to port 80 for HTTP-01, but balancers.slb changes the listener on port 443',
            ],
          }
        : { never: ['warning'] }),
    }),
  ),
  ...(
    [
      ['type: files, path: /srv', 2],
      ['type: files, path: /srv/', 2],
      ['type: files, path: /srv, certbotName: other, layout: certbot', 0],
      ['type: files, path: /other', 0],
    ] as const
  ).map(
    ([second, code]): Row => ({
      what: `a second target for the same files: ${second}`,
      argv: check,
      files: {
        '/c.yaml':
          'issuers: { le: { directory: letsencrypt } }\nsolvers: { w: { type: http01-responder } }\n' +
          `deployers:\n  one: { type: files, path: /srv }\n  two: { ${second} }\n` +
          'certificates:\n  - { name: a, identifiers: [a.example.com], deploy: [one, two] }\n',
      },
      code,
      says: [
        code === 2
          ? '/c.yaml:7: the certificate "a" is delivered twice to /srv, by the deployers "one" and "two"; leave one of them out'
          : 'is valid',
      ],
    }),
  ),
  ...(
    [
      [
        'covered',
        '[cdn]',
        '[cdn]',
        'both cover www.example.com at the deployer "cdn": the first that has a domain keeps',
      ],
      ['covered', '[cdn]', '[list]', undefined],
      ['[www.example.com, .example.com]', '[cdn]', '[list]', 2],
      ['[www.example.com]', '[cdn]', '[cdn]', 2],
      ['[.example.com]', '[cdn]', '[list]', undefined],
    ] as const
  ).map(
    ([domains, first, second, found]): Row => ({
      what: `two certificates for one domain: ${domains} at ${first} and ${second}`,
      argv: check,
      files: {
        '/c.yaml':
          'issuers: { le: { directory: letsencrypt } }\nsolvers: { d: { type: dns01, provider: manual } }\n' +
          `deployers:\n  cdn: { type: alibaba-cdn, domains: ${domains} }\n  list: { type: alibaba-cdn, domains: [WWW.example.com] }\n` +
          `certificates:\n  - { name: wild, identifiers: ["*.example.com"], deploy: ${first} }\n` +
          `  - { name: www, identifiers: [www.example.com], deploy: ${second} }\n`,
      },
      ...(found === 2
        ? { code: 2, says: ['"wild" and "www" are both for www.example.com, which the deployer'] }
        : { says: ['is valid'], ...(found ? { warns: [found] } : { never: ['the first that has'] }) }),
    }),
  ),
  {
    what: 'says that no certificate is declared',
    argv: check,
    files: { '/c.yaml': 'certificates: []\n' },
    stdout: '/c.yaml is valid: 0 certificates, 0 issuers.\n',
    warns: ['take care of those that `certfleet issue -d NAME'],
    never: ['missing certificates'],
  },
  {
    what: 'counts what tells of alarms, and says where it listens',
    argv: check,
    files: {
      '/c.yaml':
        'alarms: { ops: { type: slack, url: "file:/hook" } }\nlisten: { address: "127.0.0.1:9110", token: "env:TOKEN" }\n',
      '/hook': 'https://hooks.slack.com/services/T1/B1/x',
    },
    env: { TOKEN: 'open' },
    stdout: '/c.yaml is valid: 0 certificates, 0 issuers, alarms to 1 service, `listen` at 127.0.0.1:9110.\n',
  },
  {
    what: 'names the secrets of certfleet itself that cannot be read, with their lines',
    argv: check,
    files: { '/c.yaml': 'heartbeat: "file:/none"\nlisten: { address: "127.0.0.1:9110", token: "env:NOPE" }\n' },
    code: 2,
    says: [
      /^\/c\.yaml:1: the secret file \/none cannot be read: no such file\. Write `file:\/path`/m,
      /^\/c\.yaml:2: the configuration is missing the environment variable NOPE\. Write `file:\/path`/m,
    ],
  },
  { what: 'says that there is no file', argv: 'config check', says: ['There is no configuration'] },
  {
    what: 'refuses a file that is named and not there',
    argv: 'config check --config /none',
    code: 2,
    warns: ['/none cannot be read'],
  },
])('$what', behaves);

it('prints a problem as an object with --json', async () => {
  const done = await commandLine({ files: faulty }).run(...check.split(' '), '--json');
  expect(jsonLines(done)[1]).toEqual({
    ...{ v: 1, object: 'problem', file: '/c.yaml', line: 2 },
    message: 'leaseTtl needs a unit: write 5s, or another of ms, s, m, h and d',
  });
});

it('prints the JSON schema', async () => {
  const { stdout } = await commandLine().run('config', 'schema');
  expect(JSON.parse(stdout)).toMatchObject({ title: 'certfleet.yaml', type: 'object' });
});
