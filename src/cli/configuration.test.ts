import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../test/support/command-line.ts';

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
    says: [/^\/c\.yaml:2: the credentials file \/root\/ali\.ini of [^:]+ cannot be used: line 2 is not KEY=VALUE\. /],
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
      ...(code === 2
        ? {
            stdout:
              '/c.yaml:5: the certificates "a" and "b" are the same: both are for b.example.com, a.example.com; declare one, with the targets of both\n',
          }
        : {}),
    }),
  ),
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
