import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import { settingsOf } from '../../../config/file/yaml.ts';
import { registry } from '../../../generated/registry.ts';

it.each<Row>([
  {
    what: 'lists the registry and the CAs',
    argv: 'providers',
    says: [
      /DNS providers \(--dns ID\)\n( {2}.*\n)* {2}rfc2136 +RFC 2136/,
      'letsencrypt-staging',
      /^ {2}dns01 +DNS-01 through one of the DNS providers$/m,
    ],
  },
  {
    what: 'shows the options of a DNS provider',
    argv: 'providers rfc2136',
    says: [
      /^ {2}secret +required +The TSIG secret, base64/m,
      /^ +Environment: CERTFLEET_RFC2136_SECRET, RFC2136_TSIG_SECRET$/m,
      /^ +In a file of credentials: dns_rfc2136_secret$/m,
      /^ +One of tcp, udp\. Default: tcp\.$/m,
      'make a key with `tsig-keygen acme`',
      '\n    certfleet dns test rfc2136 example.com\n',
      '(how to take it out: docs/guides/wildcard-over-dns.md)',
      '\n    zone "example.com" {\n      type primary;\n',
    ],
    never: ['```', ']('],
  },
  {
    what: 'knows the solver that is no file',
    argv: 'providers dns01',
    says: [
      /^ {2}provider +required +DNS provider that changes the zone/m,
      '`certfleet providers ID` shows the options of one.',
    ],
    never: ['CERTFLEET_DNS01'],
  },
  {
    what: 'shows a CA',
    argv: 'providers letsencrypt',
    says: [/^letsencrypt: Let's Encrypt \(CA\)\n\n {2}Directory +https:\S+\n {2}With --staging +https:/],
  },
  { what: 'says which CA needs EAB', argv: 'providers zerossl', says: ['only for its customers', 'app.zerossl.com'] },
  {
    what: 'finds everything of a vendor',
    argv: 'providers alibaba',
    says: [/Load balancers.*\n( {2}.*\n)* {2}alibaba-clb +/, /Deployers.*\n( {2}.*\n)* {2}alibaba-clb +/],
    never: ['rfc2136', 'letsencrypt'],
  },
  { what: 'shows the only one found', argv: 'providers Dynamic-Update', says: [/^rfc2136: RFC 2136/] },
  { what: 'knows how other clients call it', argv: 'providers dns_rfc2136', says: [/^rfc2136: RFC 2136/] },
  { what: 'finds a CA by its title', argv: 'providers zero', says: [/^zerossl: ZeroSSL/] },
  { what: 'guesses at a mistyped id', argv: 'providers rfc2163', code: 2, warns: ['did you mean "rfc2136"?'] },
  {
    what: 'lists the ids where it cannot guess',
    argv: 'providers xyzzy',
    code: 2,
    warns: [/; available: ([\w-]+, )*rfc2136, ([\w-]+, )*command, dns01,/],
  },
])('$what', behaves);

it('prints objects with --json', async () => {
  const kinds = jsonLines(await commandLine().run('providers', '--json')).map(
    (line) => 'object' in line && line.object,
  );
  expect(new Set(kinds)).toEqual(new Set(['adapter', 'issuer']));
  expect(jsonLines(await commandLine().run('providers', 'dns01', '--json'))).toEqual([
    expect.objectContaining({
      v: 1,
      object: 'adapter',
      kind: 'solver',
      options: expect.arrayContaining([expect.objectContaining({ name: 'provider', required: true })]),
    }),
  ]);
});

it('shows where each option of a file with credentials may come from', async () => {
  const { stdout } = await commandLine().run('providers', 'aws-alb');
  expect(stdout).toMatch(
    /accessKeyId.*\n.*secret.*\n +Environment: CERTFLEET_AWS_ALB_ACCESS_KEY_ID, AWS_ACCESS_KEY_ID\n/,
  );
  expect(stdout).toMatch(/^ +In a file of credentials: access_key_id$/m);
});

// A service that is closed refuses every configuration.
const open = Object.keys(registry.dns).filter((id) => id !== 'cloudxns');

it.each(open)('prints an example of %s that certfleet.yaml may contain', async (id) => {
  const [page] = jsonLines(await commandLine().run('providers', id, '--json')) as { readonly example: string }[];
  const issuers = 'issuers: { letsencrypt: { directory: letsencrypt, email: ops@example.com, agreeToTerms: true } }';
  const { settings, problems } = await settingsOf([`${page?.example}\n${issuers}\n`], {}, registry);
  expect(problems).toEqual([]);
  const solvers = settings?.solvers ?? {};
  expect(solvers['dns']?.settings).toMatchObject({ type: 'dns01', provider: id });
});

it.each([['haproxy'], ['command'], ['http01-responder'], ['dns01'], []])(
  'wraps on a narrow screen and cuts nothing: %s',
  async (...id) => {
    const [narrow, piped] = await Promise.all(
      [80, undefined].map((columns) => commandLine(columns === undefined ? {} : { columns }).run('providers', ...id)),
    );
    if (!narrow || !piped) throw new Error('two runs');
    expect(narrow.stdout + piped.stdout).not.toContain('…\n');
    const words = (text: string) => text.split(/\s+/);
    expect(words(narrow.stdout)).toEqual(words(piped.stdout));
    // A line of a configuration is to be copied, so it stays one line.
    const isWhole = (line: string) => /^(See | {4}http-request )/.test(line);
    const long = narrow.stdout.split('\n').filter((line) => line.length > 80 && !isWhole(line));
    expect(long).toEqual([]);
  },
);

it.each([
  ['阿里云', 'alidns'],
  ['腾讯云', 'dnspod'],
  ['华为', 'huaweicloud'],
  ['火山引擎', 'volcengine'],
  ['百度', 'baiducloud'],
  ['京东', 'jdcloud'],
  ['西部数码', 'westcn'],
  ['certbot-dns-nsone', 'ns1'],
])('finds the DNS provider that people call %s', async (word, id) => {
  // A vendor may have load balancers and targets, too.
  const all = jsonLines(await commandLine().run('providers', word, '--json')) as readonly { readonly kind?: string }[];
  expect(all.filter(({ kind }) => kind === 'dns')).toEqual([expect.objectContaining({ id })]);
});
