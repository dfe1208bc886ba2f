import { expect, it } from 'vitest';
import { behaves, type CommandLine, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import { fail } from '../../../core/errors/errors.ts';
import { present } from '../../../core/text/present.ts';
import type { TrialReport } from '../../../fleet.ts';

const env = {
  CERTFLEET_RFC2136_SERVER: '192.0.2.53',
  CERTFLEET_RFC2136_KEY_NAME: 'acme',
  CERTFLEET_RFC2136_SECRET: 'c2VjcmV0',
};
const name = '_acme-challenge.certfleet-test-1.example.com';
const fine: TrialReport = {
  steps: [],
  traits: { writes: 'value', minTtl: 60, maxConcurrent: 4 },
  ...{ zone: 'example.com', name, ttl: { sent: 60, served: 60 } },
  visible: { ms: 1_200, limitMs: 120_000, servers: [{ server: 'ns1', ms: 1_200 }] },
};
const trying = (report: Partial<TrialReport> = {}): CommandLine => ({
  env,
  fleet: { tryDns: () => ({ ...fine, ...report }) },
});
const absent = () => {
  let isFirst = true;
  return () => {
    if (isFirst) {
      isFirst = false;
      throw fail('store/absent', { path: '/var/lib/certfleet' });
    }
  };
};

it.each<Row>([
  {
    what: 'says what was measured and what comes next',
    argv: 'dns test rfc2136 *.Example.com',
    ...trying(),
    says: [
      'Visible everywhere after 1.2 s; certfleet waits for at most 2 minutes.\nTTL 60 s, as asked.\nNothing is left.\n',
    ],
    warns: [/Next: get a certificate: certfleet issue -d example\.com,'\*\.example\.com' --dns rfc2136 --agree-tos $/],
    calls: [
      {
        ...{ below: 'example.com', record: undefined },
        solver: {
          name: 'rfc2136',
          settings: { type: 'dns01', provider: 'rfc2136', options: { server: '192.0.2.53', keyName: 'acme' } },
        },
      },
    ],
  },
  {
    what: 'says that the service has a longer TTL',
    argv: 'dns test rfc2136 example.com',
    ...trying({ ttl: { sent: 60, served: 600 } }),
    says: ['TTL 600 s, although 60 s was asked for (minTtl is 60)'],
  },
  {
    what: 'says that a shorter TTL is served',
    argv: 'dns test rfc2136 example.com',
    ...trying({ ttl: { sent: 600, served: 60 } }),
    says: ['TTL 60 s, although 600 s was asked for'],
    never: [', as asked'],
  },
  {
    what: 'names the declared solver of a provider without credentials',
    argv: 'dns test dnspod example.com --config /c.yaml',
    files: {
      '/c.yaml':
        'solvers: { dp: { type: dns01, provider: dnspod, options: { secretId: "env:A", secretKey: "env:B" } } }\n',
    },
    env: { A: 'a', B: 'b' },
    fleet: {
      tryDns: () => {
        throw fail('config/credential-missing', { what: 'dnspod', credential: 'the credential "secretId"' });
      },
    },
    code: 2,
    warns: ['dnspod is missing', /The configuration declares the solver "dp": `certfleet dns test dp example\.com/],
  },
  ...[0o644, 0o600].map(
    (mode): Row => ({
      what: `says who can read a file of credentials with a typo and the mode ${mode.toString(8)}`,
      argv: 'dns test dnspod example.com --credentials /c.ini',
      files: { '/c.ini': 'dns_dnspod_secret_id = x\ndns_dnspod_secrt_key = y\n' },
      mode,
      code: 2,
      warns: [
        'did you mean "dns_dnspod_secret_key"',
        ...(mode === 0o644 ? ['the secret file /c.ini of dnspod can be read by every user: chmod 600 /c.ini'] : []),
      ],
      ...present({ never: mode === 0o600 ? ['chmod'] : undefined }),
    }),
  ),
  {
    what: 'ends with the error’s exit code',
    argv: 'dns test rfc2136 example.com',
    ...trying({ error: fail('dns/refused', { provider: 'rfc2136', name: 'x', reason: 'no', advice: 'Check it.' }) }),
    code: 5,
    warns: ['rfc2136 refused to change x: no Nothing was changed. Check it.'],
    never: ['Nothing is left', 'Next:'],
  },
  {
    what: 'prints nothing with --quiet if all is well',
    argv: 'dns test rfc2136 example.com --quiet',
    ...trying(),
    stdout: '',
    stderr: '',
  },
  {
    what: 'says what to remove where there is no store',
    argv: 'dns test rfc2136 example.com',
    env,
    fleet: {
      open: absent(),
      tryDns: ({ told }) => {
        const value = { zone: 'example.com', name, value: 'v4lue' };
        told({ adds: value });
        told({ left: { ...value, reason: 'HTTP 500' } });
        return fine;
      },
    },
    warns: [
      `If this is killed, remove the TXT value v4lue at ${name} yourself.`,
      `The TXT value v4lue at ${name} is left (HTTP 500); remove it yourself.`,
    ],
  },
  {
    what: 'repeats what was given, for a name within a zone',
    argv: [
      ...['dns', 'test', 'rfc2136', 'www.example.com', '--dns-option', 'keyName=a key'],
      ...['--dns-option', 'secret=file:/k', '--store', '/srv/my store'],
    ],
    env: { CERTFLEET_RFC2136_SERVER: '192.0.2.53' },
    files: { '/k': 'c2VjcmV0' },
    fleet: { tryDns: () => fine },
    warns: [
      "issue -d www.example.com --dns rfc2136 --dns-option 'keyName=a key' --dns-option 'secret=file:/k' --store '/srv/my store'",
    ],
  },
  {
    what: 'repeats the file of credentials and the name of the record',
    argv: 'dns test rfc2136 example.com --credentials /c.ini --record _acme-challenge.a.example.com',
    env,
    files: { '/c.ini': 'dns_rfc2136_name = acme\n' },
    fleet: { tryDns: () => fine },
    warns: ["issue -d a.example.com --dns rfc2136 --dns-option 'credentials=/c.ini'"],
  },
  {
    what: 'runs without a journal where the store that is named is absent',
    argv: 'dns test rfc2136 example.com --store /srv/x',
    env,
    fleet: {
      open: absent(),
      tryDns: ({ told }) => {
        told({ adds: { zone: 'example.com', name, value: 'v4lue' } });
        return fine;
      },
    },
    warns: ['There is no store at /var/lib/certfleet, so nothing is journalled.'],
  },
  ...[
    fail('dns/failed', { provider: 'rfc2136', name: 'x', reason: 'HTTP 500' }),
    fail('dns/limited', { provider: 'rfc2136', reason: 'HTTP 429' }),
  ].map((error) => ({
    what: `gives the hint of ${error.code}, which does not say that \`renew\` repeats the test`,
    argv: 'dns test rfc2136 example.com',
    ...trying({ error }),
    code: 5,
    warns: [error.message, error.hint],
    never: ['certfleet renew'],
  })),
  { what: 'needs a zone', argv: 'dns test rfc2136', code: 2, warns: ["missing required argument 'zone'"] },
  {
    what: 'refuses an address',
    argv: 'dns test rfc2136 192.0.2.1',
    code: 2,
    warns: ['192.0.2.1: expected the name of a zone'],
  },
  {
    what: 'names the missing option before anything is changed',
    argv: 'dns test rfc2136 example.com',
    code: 2,
    warns: [/"server" \(CERTFLEET_RFC2136_SERVER\)/],
    calls: [],
  },
  {
    what: 'refuses a file of credentials where there is none',
    argv: 'dns test rfc2136 example.com --nameserver ns1.example.com',
    env,
    code: 2,
    warns: ['--nameserver ns1.example.com: expected an IP address'],
  },
])('$what', behaves);

it('prints the whole report as an object', async () => {
  const done = await commandLine(trying()).run('dns', 'test', 'rfc2136', 'example.com', '--json');
  expect(jsonLines(done)).toEqual([
    expect.objectContaining({ v: 1, object: 'dns-test', provider: 'rfc2136', ok: true, ttl: fine.ttl }),
  ]);
});

it('says after a stop that nothing is journalled where there is no store', async () => {
  const line = commandLine({
    env,
    fleet: {
      open: absent(),
      tryDns: (_request, signal) => {
        line.kill('SIGINT');
        throw signal.reason;
      },
    },
  });
  const done = await line.run('dns', 'test', 'rfc2136', 'example.com');
  expect([done.code, done.stderr]).toEqual([130, expect.stringContaining('Stopped. Nothing is journalled')]);
  expect(done.stderr).not.toContain('Unfinished work');
});
