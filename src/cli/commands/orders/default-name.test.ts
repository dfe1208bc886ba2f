import { describe, expect, it } from 'vitest';
import { type CommandLine, commandLine, type Done } from '../../../../test/support/command-line.ts';
import { storedOf } from '../../../../test/support/declared.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { StoredSpec } from '../../../core/spec/spec.ts';
import type { IssueRequest } from '../../../fleet.ts';

const storedFor = (name: string, values: readonly string[]): StoredSpec =>
  storedOf({
    spec: {
      name,
      identifiers: values.map((value) => ({ type: 'dns', value })),
      ...{ issuer: 'letsencrypt', solver: 'standalone', deploy: [], endpoints: [] },
    },
    issuer: {
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      testDirectory: 'https://acme-staging-v02.api.letsencrypt.org/directory',
      ...{ email: [], agreeToTerms: true, test: false },
    },
    solver: { type: 'http01-responder', shared: false },
    deployers: {},
    preflight: { resolvers: [], http01Port: 80 },
  });

/** Certificates as `name: identifiers`. */
const fleetOf = (text: string) => ({
  stored: Object.fromEntries(
    text.split('; ').flatMap((one) => {
      const [name = '', values = ''] = one.split(': ');
      return name === '' ? [] : [[name, storedFor(name, values.split(' '))]];
    }),
  ),
});

const run = (existing: string, argv: string, more: CommandLine = {}): Promise<Done> =>
  commandLine({ fleet: fleetOf(existing), ...more }).run('issue', ...argv.split(' '));

/** What is issued: `name: identifiers`; or the code of the refusal. */
function result({ code, calls, stderr }: Done): string {
  const [request] = calls as readonly IssueRequest[];
  if (!request) return /certfleet explain (\S+)/.exec(stderr)?.[1] ?? String(code);
  const { name, identifiers } = request.adHoc!;
  return `${name}: ${identifiers.map(({ value }) => value).join(' ')}`;
}

const www = 'www.b.example.com: www.b.example.com api.b.example.com';
const wild = 'wildcard.b.example.com: *.b.example.com';
const refused = 'lineage/other-names';

/** Existing, flags, and what they do without a terminal, after a no and after a yes. */
const table: readonly (readonly [string, string, string, string, string])[] = [
  // Without a name. None, the same in another order, more:
  ['', '-d www.b.example.com', ...same('www.b.example.com: www.b.example.com')],
  [www, '-d www.b.example.com,api.b.example.com', ...same('www.b.example.com: www.b.example.com api.b.example.com')],
  [
    'api.b.example.com: www.b.example.com api.b.example.com',
    '-d api.b.example.com,www.b.example.com',
    ...same('api.b.example.com: api.b.example.com www.b.example.com'),
  ],
  [
    www,
    '-d www.b.example.com,api.b.example.com,c.b.example.com',
    ...same('www.b.example.com: www.b.example.com api.b.example.com c.b.example.com'),
  ],
  // Fewer, and some others:
  [www, '-d www.b.example.com', refused, refused, 'www.b.example.com: www.b.example.com'],
  [
    www,
    '-d www.b.example.com,c.b.example.com',
    refused,
    refused,
    'www.b.example.com: www.b.example.com c.b.example.com',
  ],
  [www, '-d www.b.example.com --force', refused, refused, 'www.b.example.com: www.b.example.com'],
  // Quite others, under one default name:
  [wild, '-d wildcard.b.example.com', ...same('wildcard.b.example.com-0001: wildcard.b.example.com')],
  [
    `${wild}; wildcard.b.example.com-0001: wildcard.b.example.com`,
    '-d wildcard.b.example.com',
    ...same('wildcard.b.example.com-0001: wildcard.b.example.com'),
  ],
  [
    `${wild}; wildcard.b.example.com-0001: wildcard.b.example.com`,
    '-d wildcard.b.example.com,c.b.example.com',
    ...same('wildcard.b.example.com-0001: wildcard.b.example.com c.b.example.com'),
  ],
  [
    'wildcard.b.example.com-0001: wildcard.b.example.com',
    '-d wildcard.b.example.com',
    ...same('wildcard.b.example.com-0001: wildcard.b.example.com'),
  ],
  // With a name, which is the confirmation:
  [www, '-d www.b.example.com --name www.b.example.com', ...same('www.b.example.com: www.b.example.com')],
  [www, 'www.b.example.com -d www.b.example.com', ...same('www.b.example.com: www.b.example.com')],
  [
    wild,
    '-d wildcard.b.example.com --name wildcard.b.example.com',
    ...same('wildcard.b.example.com: wildcard.b.example.com'),
  ],
  [www, '-d www.b.example.com --name www.b.example.com-0001', ...same('www.b.example.com-0001: www.b.example.com')],
];

function same(text: string): [string, string, string] {
  return [text, text, text];
}

describe('issue -d beside certificates that are there', () => {
  it.each(table)('%j: issue %s', async (existing, argv, elsewhere, no, yes) => {
    const results = [
      await run(existing, argv),
      await run(existing, argv, { typed: '' }),
      await run(existing, argv, { typed: 'y' }),
      // A program is not asked.
      await run(existing, `${argv} --json`, { typed: 'y' }),
    ];
    const code = results.pop()!.code;
    expect(results.map(result)).toEqual([elsewhere, no, yes]);
    expect(code).toBe(elsewhere === refused ? 2 : 0);
  });

  it('names both lines to type, with the flags and the store', async () => {
    const done = await run(www, '-d www.b.example.com --http webroot:/srv --store /s --profile x');
    const words = done.stderr.replaceAll(/\s+/g, ' ');
    expect(words).toContain('the certificate www.b.example.com also covers api.b.example.com; nothing was changed');
    const typed = 'certfleet issue -d www.b.example.com --http webroot:/srv --store /s --profile x';
    expect(words).toContain(`To reduce the certificate to these names, run \`${typed} --name www.b.example.com\`.`);
    expect(words).toContain(`To get a separate certificate, run \`${typed} --name www.b.example.com-0001\`.`);
  });

  it('says which names it adds, and how a certificate for other names is called', async () => {
    const more = await run(www, '-d www.b.example.com,api.b.example.com,c.b.example.com');
    expect(more.stderr).toContain(
      'identifiers: www.b.example.com, api.b.example.com → www.b.example.com, api.b.example.com, c.b.example.com',
    );
    const other = await run(wild, '-d wildcard.b.example.com');
    expect(other.stderr).toContain(
      'wildcard.b.example.com is a certificate for other names, so this one is called wildcard.b.example.com-0001.',
    );
  });

  it('leaves a certificate of the configuration alone', async () => {
    const files = {
      '/c.yaml':
        'issuers: { own: { directory: "https://127.0.0.1/d", test: true } }\nsolvers: { w: { type: http01-responder } }\ncertificates: [{ name: wildcard.b.example.com, identifiers: [c.b.example.com] }]\n',
    };
    const more = { fleet: {}, files };
    expect(result(await run('', '-d wildcard.b.example.com --config /c.yaml', more))).toBe(
      'wildcard.b.example.com-0001: wildcard.b.example.com',
    );
    expect((await run('', '-d wildcard.b.example.com,c.b.example.com --config /c.yaml', more)).stderr).toContain(
      'is declared in the configuration',
    );
  });

  it('chooses again if another process has just taken the name for others', async () => {
    const requests: IssueRequest[] = [];
    const stored: Record<string, StoredSpec> = {};
    const done = await commandLine({
      fleet: {
        stored,
        issue: (request) => {
          requests.push(request);
          if (requests.length > 1) return [];
          stored['wildcard.b.example.com'] = storedFor('wildcard.b.example.com', ['*.b.example.com']);
          const error = fail('lineage/name-taken', { name: 'wildcard.b.example.com' });
          return [{ certificate: 'wildcard.b.example.com', result: 'failed', message: error.message, error }];
        },
      },
    }).run('issue', '-d', 'wildcard.b.example.com');
    expect(done.code).toBe(0);
    expect(requests.map(({ adHoc, found }) => [adHoc?.name, found])).toEqual([
      ['wildcard.b.example.com', []],
      ['wildcard.b.example.com-0001', []],
    ]);
  });
});

describe('flags that are wrong are said before the names', () => {
  it.each([
    ['--key-type rsa1024', '--key-type rsa1024'],
    ['--email nonsense', '--email nonsense: must be an e-mail address'],
    // A line with a secret is never proposed.
    ['--dns cloudflare --dns-option token=hush', 'see a secret on the command line'],
    ['--http webroot:/srv --dns-option key=hush', '--dns-option needs --dns PROVIDER'],
    ['--http webrot:/x', '--http webrot:/x: expected standalone'],
    ['--issuer http://ca.example/dir', '--issuer http://ca.example/dir: expected an https:// URL'],
  ])('%s', async (flags, says) => {
    for (const typed of [undefined, 'y', 'n']) {
      const done = await run(www, `-d www.b.example.com ${flags}`, typed === undefined ? {} : { typed });
      expect(done).toMatchObject({ code: 2, calls: [] });
      expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(says);
      expect(done.stderr).not.toContain('api.b.example.com');
      expect(done.stderr).not.toContain('hush');
    }
  });
});
