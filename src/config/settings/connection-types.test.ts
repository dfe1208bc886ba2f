import { expect, it } from 'vitest';
import { connectionSections } from '../../core/spec/connection.ts';
import { registry } from '../../generated/registry.ts';
import { knownTypes, offeredTypes } from './connection-types.ts';

type Row = readonly [type: string, where: 'offered' | 'file', local: string, endpoint: string];

const aws =
  'credentials profile sourceProfile credentialSource externalId credentialProcess roleArn roleSessionName webIdentityTokenFile containerCredentialsPath containerCredentialsUrl containerTokenFile containerToken';
const alibaba = 'credentials profile roleArn oidcProviderArn oidcTokenFile roleSessionName stsEndpoint';

/**
 * Every type: whether pages and API offer it, the options that only the file may set (they run programs, or name files,
 * sockets or what else is on the machine), and those that say where secrets are sent. A new adapter or option must decide.
 */
// biome-ignore format: a row for each type
const rows: readonly Row[] = [
  ['issuers acme', 'offered', 'caFile onlyThisCa', 'directory testDirectory'],
  ['balancers alibaba-alb', 'offered', alibaba, 'endpoint'],
  ['balancers alibaba-clb', 'offered', alibaba, 'endpoint'],
  ['balancers aws-alb', 'offered', aws, 'endpoint'],
  ['balancers haproxy', 'file', 'sockets map', ''],
  ['balancers huawei-elb', 'offered', 'credentials', 'endpoint'],
  ['balancers nginx', 'file', 'file test reload passEnvironment', ''],
  ['balancers tencent-clb', 'offered', 'credentials', 'endpoint'],
  ['solvers command', 'file', 'present cleanup env passEnvironment', ''],
  ['solvers acme-dns', 'offered', 'credentials', 'endpoint'],
  ['solvers acmesh', 'file', 'script home passEnvironment', ''],
  ['solvers alidns', 'offered', alibaba, 'endpoint'],
  ['solvers azure', 'offered', 'federatedTokenFile identityEndpoint identityHeader credentials', 'environment authority endpoint'],
  ['solvers baiducloud', 'offered', 'credentials', 'endpoint'],
  ['solvers cloudflare', 'offered', 'credentials', 'endpoint'],
  ['solvers cloudxns', 'file', 'credentials', ''],
  ['solvers desec', 'offered', 'credentials', 'endpoint'],
  ['solvers digitalocean', 'offered', 'credentials', 'endpoint'],
  ['solvers dnsimple', 'offered', 'credentials', 'endpoint'],
  ['solvers dnsmadeeasy', 'offered', 'credentials', 'endpoint'],
  ['solvers dnspod', 'offered', 'credentials', 'endpoint'],
  ['solvers gandi', 'offered', 'credentials', 'endpoint'],
  ['solvers godaddy', 'offered', 'credentials', 'endpoint'],
  ['solvers google', 'offered', 'credentials audience', 'tokenUri endpoint'],
  ['solvers hetzner', 'offered', 'credentials', 'endpoint'],
  ['solvers http-request', 'offered', 'credentials', 'endpoint'],
  ['solvers huaweicloud', 'offered', 'credentials', 'endpoint'],
  ['solvers jdcloud', 'offered', 'credentials', 'endpoint'],
  ['solvers linode', 'offered', 'credentials', 'endpoint'],
  ['solvers luadns', 'offered', 'credentials', 'endpoint'],
  ['solvers manual', 'file', '', ''],
  ['solvers namecheap', 'offered', 'credentials', 'endpoint'],
  ['solvers ns1', 'offered', 'credentials', 'endpoint'],
  ['solvers ovh', 'offered', 'credentials', 'endpoint'],
  ['solvers porkbun', 'offered', 'credentials', 'endpoint'],
  ['solvers powerdns', 'offered', 'credentials', 'endpoint'],
  ['solvers rfc2136', 'offered', 'credentials', 'server port'],
  ['solvers route53', 'offered', aws, 'endpoint'],
  ['solvers volcengine', 'offered', 'credentials', 'endpoint'],
  ['solvers vultr', 'offered', 'credentials', 'endpoint'],
  ['solvers westcn', 'offered', 'credentials', 'endpoint'],
  ['solvers http01-forward-rule', 'offered', '', ''],
  ['solvers http01-responder', 'offered', '', ''],
  ['solvers http01-stateless', 'offered', '', ''],
  ['solvers http01-webroot', 'file', 'folders', ''],
  ['solvers tls-alpn01', 'offered', '', ''],
  ['deployers alibaba-alb', 'offered', 'casEndpoint', ''],
  ['deployers alibaba-cas', 'offered', alibaba, 'endpoint'],
  ['deployers alibaba-cdn', 'offered', alibaba, 'endpoint casEndpoint'],
  ['deployers alibaba-clb', 'offered', '', ''],
  ['deployers alibaba-esa', 'offered', alibaba, 'endpoint'],
  ['deployers alibaba-nlb', 'offered', alibaba, 'endpoint casEndpoint'],
  ['deployers alibaba-oss', 'offered', alibaba, 'endpoint casEndpoint'],
  ['deployers aws-acm', 'offered', 'endpoint', ''],
  ['deployers command', 'file', 'run env passEnvironment path', ''],
  ['deployers copies', 'file', 'privkey cert chain fullchain', ''],
  ['deployers files', 'file', 'path', ''],
  ['deployers haproxy', 'file', 'socket certificates crtList', ''],
  ['deployers huawei-cdn', 'offered', 'credentials', 'endpoint'],
  ['deployers huawei-elb', 'offered', 'credentials', 'endpoint'],
  ['deployers nginx', 'file', 'path test reload passEnvironment', ''],
  ['deployers qiniu-cdn', 'offered', 'credentials', 'endpoint'],
  ['deployers ssh', 'file', 'knownHosts path command', ''],
  ['deployers tencent-clb', 'offered', 'sslEndpoint', ''],
  ['deployers tencent-ssl', 'offered', 'credentials', 'endpoint'],
  ['deployers webhook', 'offered', 'caFile', 'url lookUrl'],
  ['alarms dingtalk', 'offered', '', 'url'],
  ['alarms email', 'offered', 'caFile', 'host port security'],
  ['alarms feishu', 'offered', '', 'url'],
  ['alarms slack', 'offered', '', 'url'],
  ['alarms telegram', 'offered', '', 'endpoint'],
  ['alarms webhook', 'offered', 'caFile', 'url'],
  ['alarms wecom', 'offered', '', 'url'],
];

const withoutGroup = (name: string) => name.replace(/^options\./, '');

it('offers what needs nothing of the machine, and marks what does', async () => {
  const found: Row[] = [];
  for (const section of connectionSections)
    for (const { type, provider, options, isOffered } of await knownTypes(section, registry)) {
      const names = (those: typeof options) => those.map(({ name }) => withoutGroup(name)).join(' ');
      const local = options.filter(({ isLocal }) => isLocal);
      const endpoints = options.filter(({ isLocal, isEndpoint }) => isEndpoint && !isLocal);
      found.push([
        ...([`${section} ${provider ?? type}`, isOffered ? 'offered' : 'file'] as const),
        ...([names(local), names(endpoints)] as const),
      ]);
    }
  const byType = (a: Row, b: Row) => (a[0] < b[0] ? -1 : 1);
  // Of a new adapter, the next test looks at each option by its name.
  const listed = new Set(rows.map(([type]) => type));
  expect(found.filter(([type]) => listed.has(type)).toSorted(byType)).toEqual(rows.toSorted(byType));
});

/** They look like more than they are. */
const harmless = [
  'huawei-elb backend.address',
  'tencent-clb backend.ip',
  'cloudflare email',
  'google clientEmail',
  'http01-responder healthCheck',
  'http01-forward-rule healthCheck',
  'jdcloud region',
  'luadns email',
  'namecheap clientIp',
];

it('marks each option that looks like a path, a program or an address', async () => {
  const suspicious: string[] = [];
  for (const section of connectionSections)
    for (const { type, provider, options, isOffered } of await knownTypes(section, registry))
      for (const { name, title, isLocal, isEndpoint, isSecret } of isOffered ? options : [])
        if (
          !isLocal &&
          !isEndpoint &&
          !isSecret &&
          /\b(path|file|folder|program|endpoint|URL|address of)\b/i.test(title)
        )
          suspicious.push(`${provider ?? type} ${withoutGroup(name)}`);
  expect(suspicious).toEqual(harmless);
});

it('has a form for each, with the balancers to choose from', async () => {
  const balancers = { edge: { type: 'alibaba-clb' } };
  const all = await offeredTypes('solvers', { balancers }, registry);
  expect(all.map(({ title }) => title)).toEqual(
    all.map(({ title }) => title).toSorted(new Intl.Collator('en').compare),
  );
  const fieldsOf = (type: string) =>
    Object.fromEntries(
      all.find((one) => (one.provider ?? one.type) === type)!.fields.map((field) => [field.name, field] as const),
    );
  expect(fieldsOf('rfc2136')).toMatchObject({
    'options.server': {
      takes: 'text',
      isRequired: true,
      isEndpoint: true,
      isSecret: false,
      example: 'ns1.example.com:53',
    },
    'options.secret': { takes: 'text', isRequired: true, isSecret: true },
    'options.algorithm': { takes: 'choice', choices: expect.arrayContaining(['hmac-sha512']), default: 'hmac-sha256' },
    'options.ttl': { takes: 'number', default: '60', isRequired: false },
    'dns.nameservers': { takes: 'list', isRequired: false },
    challenge: { takes: 'choice', default: 'dns-01' },
    timeout: { takes: 'text' },
  });
  expect(fieldsOf('http01-forward-rule')['balancer']).toMatchObject({
    takes: 'choice',
    choices: ['edge'],
    isRequired: true,
  });
  expect(fieldsOf('rfc2136')['zones']).toMatchObject({ takes: 'map', example: 'example.net: otherSolver' });
  const webhook = (await offeredTypes('alarms', { balancers }, registry)).find(({ type }) => type === 'webhook')!;
  const options = Object.fromEntries(webhook.fields.map((field) => [field.name, field] as const));
  expect(options).toMatchObject({ headers: { takes: 'map' }, body: { takes: 'json' }, url: { takes: 'text' } });
  expect(options['headers']).not.toHaveProperty('default');
  const [acme] = await offeredTypes('issuers', { balancers }, registry);
  const names = acme!.fields.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['directory', 'email', 'eab.kid', 'eab.hmacKey', 'limits.certificatesPerDomain']),
  );
  expect(names).not.toContain('caFile');
  const elb = (await offeredTypes('deployers', { balancers }, registry)).find(({ type }) => type === 'huawei-elb')!;
  expect(
    elb.fields.filter(({ name }) => name.startsWith('target.')).map(({ name, isRequired }) => [name, isRequired]),
  ).toEqual([
    ['target.loadBalancer', false],
    ['target.listenerPort', false],
    ['target.certificate', false],
  ]);
});
