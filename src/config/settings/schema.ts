import { knownIssuers } from '../../core/ca/known-issuers.ts';
import { type LimitId, quotaProblem } from '../../core/limits/rate-limits.ts';
import { isAddress } from '../../core/names/contact.ts';
import { canonicalName } from '../../core/names/dns-name.ts';
import { bracketsOr, formatHostPort, parseHostPort } from '../../core/names/host-port.ts';
import { dnsNameProblem, isLineageName, lineageNameRule } from '../../core/names/identifiers.ts';
import { isListenPlace, listenPlaceRule } from '../../core/names/listen-address.ts';
import { isNodeName, nodeNameRule } from '../../core/names/node-name.ts';
import { accountNameForm, accountNameRule } from '../../core/spec/account.ts';
import { accountKeyTypes } from '../../core/spec/account-key.ts';
import { oneOf } from '../../core/text/one-of.ts';
import { duration, resolverAddress, wholePath, z } from '../../define.ts';
import { wishes } from '../certificates/certificate-options.ts';
import { toAscii } from '../certificates/identifiers.ts';
import { eabFields } from '../options/external-account.ts';
import { isKeyReference } from '../options/store-key.ts';
import { oidc } from './oidc.ts';

/** The schema of certfleet.yaml, except the options of adapters, which have their own schemas. */

const name = (title: string) => z.string().min(1).meta({ title });

const adapter = (title: string) =>
  z.looseObject({ type: z.string().min(1).meta({ title: 'Type of the adapter' }) }).meta({ title });

const emails = z
  .union([z.string(), z.array(z.string())], { error: 'must be an e-mail address or a list of them' })
  .transform((value) => (typeof value === 'string' ? [value] : value))
  .refine((list) => list.every(isAddress), {
    error: 'must be an e-mail address like ops@example.com, or a list of them',
  });

const limit = (title: string, example: string) =>
  z
    .string({ error: quotaProblem('') })
    .superRefine((text, context) => {
      const problem = quotaProblem(text);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .optional()
    .meta({ title, examples: [example] });

const limits = z.strictObject({
  newOrdersPerAccount: limit('New orders of one account, except renewals', '3000/3h'),
  certificatesPerDomain: limit('New certificates below one registered domain, of all accounts', '200/7d'),
  certificatesPerSet: limit('Certificates for exactly the same names, of all accounts', '10/7d'),
  failedAuthorizations: limit('Failed validations of one name by one account', '5/1h'),
  pausingFailures: limit('Failed validations of one name by one account without a success', '1152/1152d'),
} satisfies Readonly<Record<LimitId, z.ZodType>>);

export const issuer = z.strictObject({
  directory: z
    .string()
    .min(1)
    .meta({
      title: `The CA’s ACME directory: an https:// URL, or one of ${Object.keys(knownIssuers).join(', ')}`,
      examples: ['letsencrypt', 'https://ca.example.internal/acme/directory'],
      endpoint: true,
    }),
  email: emails.default([]).meta({ title: 'E-mail addresses for the CA; optional', examples: ['ops@example.com'] }),
  agreeToTerms: z.boolean().default(false).meta({ title: 'You have read the CA’s terms of service and agree to them' }),
  caFile: wholePath()
    .optional()
    .meta({
      title: 'PEM file with root certificates to trust for the CA’s HTTPS server, besides the public ones',
      description:
        'If the CA signs certificates with its root and sends no intermediate, the file must contain that root, too.',
      examples: ['/etc/ssl/private-ca.pem'],
    }),
  onlyThisCa: z.boolean().optional().meta({
    title: 'Trust only the root certificates in `caFile` for the CA’s HTTPS server, not the public ones',
    local: true,
  }),
  test: z
    .boolean()
    .optional()
    .meta({ title: 'A CA that is not publicly trusted (staging, Pebble, a private one): names need no public suffix' }),
  testDirectory: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Directory for --staging and --dry-run; built in for letsencrypt and google', endpoint: true }),
  newAccount: z
    .boolean()
    .optional()
    .meta({ title: 'Let `renew` open a new account if the CA says that this one is deactivated' }),
  account: z
    .string()
    .regex(accountNameForm, { error: accountNameRule })
    .optional()
    .meta({
      title: 'Name of the account, if you use several at this CA',
      description: 'By default the key id of `eab`, else `default`.',
      examples: ['tenant-2'],
    }),
  eab: eabFields.optional().meta({
    title: 'External account binding (EAB), for a CA that opens accounts only for its customers',
  }),
  accountKey: z
    .enum(accountKeyTypes, { error: oneOf(accountKeyTypes) })
    .optional()
    .meta({ title: 'Type of a new account key: ES256 (default), ES384, RS256 or EdDSA, which few CAs accept' }),
  limits: limits.optional().meta({
    title: 'The CA’s rate limits, where they are not the usual ones of Let’s Encrypt: how many in which time',
    description: 'certfleet makes an order wait that one of them would refuse.',
  }),
});

const keyReference = z.string().refine(isKeyReference, {
  error: 'expected a reference to the key: file:/path, env:NAME or credential:NAME (of systemd)',
});

const storeKey = z
  .union([keyReference, z.array(keyReference).min(1)])
  .transform((value) => (typeof value === 'string' ? [value] : value));

/** Servers may be named in letters of any script, as identifiers may. */
function withAsciiHost(text: string): string {
  const [, host, port = ''] = /^([^:[\]]*[^\x00-\x7f][^:[\]]*)(:\d+)?$/.exec(text) ?? [];
  return host === undefined ? text : `${toAscii(host) ?? host}${port}`;
}

const hostPort = (example: string, port: number) =>
  z
    .string()
    .transform(withAsciiHost)
    .refine((text) => parseHostPort(text, port) !== undefined, {
      error: bracketsOr(`must be an address and a port, like ${example}`),
    })
    .transform((text) => formatHostPort(parseHostPort(text, port)!)); // checked above

const port = () => {
  const error = 'must be a number from 1 to 65535';
  return z.int({ error }).min(1, { error }).max(65_535, { error });
};

const identifier = z.union([z.string(), z.strictObject({ name: z.string(), solver: z.string().min(1) })], {
  error: 'expected a name or an address in quotes, or one with its solver, like { name: "*.example.net", solver: dns }',
});

const hook = (title: string, example: string) =>
  z
    .string()
    .min(1)
    .optional()
    .meta({ title, examples: [example] });

const certificate = z.strictObject({
  name: z
    .string()
    .refine(isLineageName, { error: lineageNameRule })
    .meta({ title: 'Name of the certificate, in status, files and messages', examples: ['www.example.com'] }),
  identifiers: z.array(identifier).meta({
    title:
      'DNS names (also *.example.com) and IP addresses, at most 100; `{ name, solver }` for one with another solver',
    examples: [
      ['example.com', '*.example.com'],
      ['abc.example.com', { name: '*.example.net', solver: 'dns' }],
    ],
  }),
  issuer: name('One of `issuers`; may be left out if there is only one').optional(),
  solver: name(
    'One of `solvers`; may be left out if there is only one, or if every identifier names its own',
  ).optional(),
  deploy: z
    .array(
      z.string().refine((text) => !/^files:(?!\/)/.test(text), { error: 'expected an absolute path after files:' }),
    )
    .default([])
    .meta({ title: 'The `deployers` to use, in this order; `files:/folder` needs no deployer' }),
  endpoints: z
    .array(hostPort('www.example.com:443', 443))
    .default([])
    .meta({
      title: 'host:port of servers to check over TLS after a delivery; port 443 if left out',
      examples: [['www.example.com:443']],
    }),
  ...wishes,
  hooks: z
    .strictObject({
      pre: hook('Runs before the order, once in a run', 'systemctl stop nginx'),
      post: hook('Runs after all certificates of the run, once, also after a failure', 'systemctl start nginx'),
      deploy: hook('Runs for each new certificate, after its targets', 'systemctl reload postfix'),
      first: z.strictObject({ pre: z.string(), post: z.string(), deploy: z.string() }).partial().optional().meta({
        title:
          'Shell lines that run before each of these, also if flags of `renew` replace it; `import` writes them, such as for the programs in certbot’s `renewal-hooks`. A line may set the variable `s`, which becomes the exit code',
      }),
    })
    .optional()
    .meta({ title: 'Shell commands around orders, as certbot’s hooks' }),
});

/** With less, no step could be finished in time, or a lease would end before it can be renewed. */
const atLeastSecond = (title: string) => duration(title).refine((ms) => ms >= 1_000, { error: 'must be at least 1s' });

const listenAddress = () => z.string().refine(isListenPlace, { error: listenPlaceRule });

const listen = z
  .union(
    [
      listenAddress(),
      z.strictObject({
        address: listenAddress(),
        token: z
          .string()
          .min(1)
          .optional()
          .meta({
            title: 'Token (Bearer) for metrics by name: `file:/path`, `env:NAME`, or the token itself',
            examples: ['file:/etc/certfleet/metrics.token'],
          }),
      }),
    ],
    { error: 'must be an address like 127.0.0.1:9110 or unix:/path, or `{ address, token }`' },
  )
  .transform((value) => (typeof value === 'string' ? { address: value } : value));

const hostName = () => {
  const error = 'must be a name without a port, like certfleet.example.com';
  return z
    .string({ error })
    .transform(canonicalName)
    .refine((name) => dnsNameProblem(name) === undefined && !name.includes('*'), { error });
};

const pages = z.strictObject({
  listen: z
    .union([listenAddress(), z.array(listenAddress()).min(1)], { error: `${listenPlaceRule}, or a list of them` })
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .meta({
      title: 'Where they are: addresses with ports, and Unix sockets',
      description:
        'An address that is not on loopback needs `certificate` or `behindProxy`. A socket belongs to the user of `certfleet run`, and opening it makes one an administrator without a login.',
      examples: ['127.0.0.1:8443', ['127.0.0.1:8443', 'unix:/run/certfleet/pages.sock']],
    }),
  hosts: z
    .array(hostName())
    .default([])
    .meta({
      title: 'Host names under which people open them; requests for another one are refused',
      description:
        '`localhost`, loopback addresses, the addresses of `listen` and the names of `certificate` are added.',
      examples: [['certfleet.example.com']],
    }),
  certificate: z
    .string()
    .refine(isLineageName, { error: 'must be the name of a certificate, as `certfleet status` shows it' })
    .optional()
    .meta({
      title: 'Serve HTTPS with this certificate of the fleet: always its current version',
      description: 'Until it is issued, nothing listens at the addresses, and a warning says so.',
      examples: ['certfleet'],
    }),
  behindProxy: z.boolean().default(false).meta({
    title: 'A proxy in front serves HTTPS, so that they need no certificate here',
    description:
      'The proxy must pass on `Host` and add the address of the client to `X-Forwarded-For`. Only the proxy may reach the address.',
  }),
  keyDownload: z.boolean().optional().meta({
    title: 'Let administrators download private keys on the pages and through the API',
    description:
      'A person enters the password once more, and an API token must be without a scope. Each download is in the audit log and in the certificate before the key is sent.',
  }),
  changeTargets: z.boolean().optional().meta({
    title: 'Let administrators declare deployers on the pages and through the API',
    description:
      'A deployer gets private keys, so without this only the configuration file may declare one, or a load balancer that a deployer uses.',
  }),
  oidc: oidc.optional().meta({
    title: 'People may also log in at an OpenID provider, which decides who has which role',
    description:
      'The provider must know `https://HOST/login/oidc/callback` as redirect URI, for each host under which the pages are opened.',
    examples: [
      {
        issuer: 'https://login.example.com/realms/main',
        clientId: 'certfleet',
        clientSecret: 'file:/etc/certfleet/oidc.secret',
        roles: { admin: ['certfleet-admins'] },
      },
    ],
  }),
});

const heartbeatUrl = () =>
  z.string().refine((text) => /^(file:\/|env:)./.test(text) || (/^https?:\/\/\S+$/.test(text) && URL.canParse(text)), {
    error: 'must be an https:// URL, or where it is: file:/path or env:NAME',
  });

const heartbeat = z
  .union(
    [
      heartbeatUrl(),
      z.strictObject({
        url: heartbeatUrl(),
        every: duration('How often')
          .refine((ms) => ms >= 10_000, { error: 'must be at least 10s' })
          .prefault('1m'),
      }),
    ],
    { error: 'must be a URL, `file:/path` or `env:NAME`, or `{ url, every }`' },
  )
  .transform((value) => (typeof value === 'string' ? { url: value, every: 60_000 } : value));

/** A name of the user's choice is printed as it is, so it must not control a terminal or hide. */
const givenName = z
  .string()
  .min(1)
  .refine((name) => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name), {
    error: 'a name must not contain line breaks or invisible characters',
  });

export const configuration = z.strictObject({
  store: adapter('Where to store state, keys and certificates').optional(),
  storeKey: storeKey.optional().meta({
    title:
      'Encrypts private keys and credentials in the store: where the key is, `file:/path`, `env:NAME` or `credential:NAME`',
    description: 'Of several keys, the first one encrypts, and all decrypt. `certfleet store key FILE` makes a key.',
    examples: ['file:/etc/certfleet/store.key', ['file:/etc/certfleet/new.key', 'file:/etc/certfleet/old.key']],
  }),
  responderSecret: z
    .string()
    .min(1)
    .optional()
    .meta({
      title:
        'For a `certfleet run --role responder` that reads nothing but tokens: its secret, `file:/path` or `env:NAME`',
      description:
        'Such a responder needs no store key and writes nothing. `certfleet store responder-secret FILE` writes the secret of the store; with it, a responder proves to the others that it answers for this store.',
      examples: ['file:/etc/certfleet/responder.secret'],
    }),
  node: z
    .string()
    .refine(isNodeName, { error: `must be ${nodeNameRule}` })
    .optional()
    .meta({
      title: 'Name of this node among the nodes that share the store; by default, the host name',
      description:
        'A container gets another host name each time it is created, so set a name for it: otherwise each one is a new node, which `certfleet status` still shows when it is gone.',
      examples: ['web-1'],
    }),
  listen: listen.optional().meta({
    title: 'Where `certfleet run` answers /healthz and /readyz, and serves /metrics for Prometheus',
    description:
      'Names of certificates are in the metrics only for who sends the token, or over a Unix socket; others get counts.',
    examples: ['127.0.0.1:9110', { address: '0.0.0.0:9110', token: 'file:/etc/certfleet/metrics.token' }],
  }),
  heartbeat: heartbeat.optional().meta({
    title:
      'URL that `certfleet run` calls every minute while loop, store and expiries are well; its service alarms when the calls end',
    description:
      'Expiries are well while no certificate is overdue: it has expired, or a third of the time between its planned renewal and its expiry is over, which raises the alarm `expiring`, too. Whoever knows the URL can call it, so keep it in a file: `file:/path`, or `env:NAME`.',
    examples: ['file:/etc/certfleet/heartbeat.url', { url: 'env:HEARTBEAT_URL', every: '5m' }],
  }),
  pages: pages.optional().meta({
    title: 'Pages and API of `certfleet run`, for people with a login',
    description:
      '`certfleet user add NAME --role admin` makes the first user. Without any user, `certfleet run` prints a link that makes one, valid for 15 minutes.',
    examples: [{ listen: '0.0.0.0:8443', hosts: ['certfleet.example.com'], certificate: 'certfleet' }],
  }),
  issuers: z.record(givenName, issuer).default({}).meta({ title: 'CAs, by names of your choice' }),
  solvers: z
    .record(givenName, adapter('How to answer a challenge'))
    .default({})
    .meta({ title: 'Ways to answer challenges, by names of your choice' }),
  balancers: z
    .record(givenName, adapter('A load balancer'))
    .default({})
    .meta({ title: 'Load balancers that solvers and deployers change, by names of your choice' }),
  deployers: z
    .record(givenName, adapter('Where to deploy a certificate'))
    .default({})
    .meta({ title: 'Places to deploy certificates to, by names of your choice' }),
  alarms: z
    .record(givenName, adapter('Where to send alarms'))
    .default({})
    .meta({ title: 'Whom to tell what needs a person, by names of your choice; each gets every alarm' }),
  certificates: z.array(certificate).default([]).meta({ title: 'The certificates to get and renew' }),
  preflight: z
    .strictObject({
      resolvers: z
        .array(resolverAddress())
        .default([])
        .meta({
          title: 'Resolvers that see what the CA sees; the machine’s own if empty',
          examples: [['1.1.1.1', '9.9.9.9:53']],
        }),
      http01Port: port()
        .default(80)
        .meta({ title: 'Port that the CA connects to for HTTP-01: 80, except for test CAs' }),
      tlsAlpn01Port: port()
        .optional()
        .meta({ title: 'Port that the CA connects to for TLS-ALPN-01: 443, except for test CAs' }),
    })
    .default({ resolvers: [], http01Port: 80 })
    .meta({ title: 'The checks before an order' }),
  shutdownBudget: atLeastSecond('How long to clean up after SIGINT or SIGTERM').prefault('8s'),
  leaseTtl: atLeastSecond('How long a process may show no sign of life before another one takes over').prefault('60s'),
  deployTimeout: atLeastSecond('How long an endpoint may serve the old certificate before there is an alarm').default(
    120_000,
  ),
  deployDeadline: atLeastSecond('How long a deployment to one target may take; after that it is pending').default(
    300_000,
  ),
});

export type Configuration = z.infer<typeof configuration>;
