import { z } from 'zod';
import type { ChallengeType } from './core/ca/challenge-type.ts';
import type { Secret as SecretType } from './core/errors/secret.ts';
import { Secret } from './core/errors/secret.ts';
import type { HolderOf } from './core/lineage/holder.ts';
import { endpointProblem, hasPath, isApiEndpoint, pathProblem } from './core/names/api-endpoint.ts';
import { parseServerAddress } from './core/names/dns-name.ts';
import { bracketsOr, parseHostPort } from './core/names/host-port.ts';
import type { AdapterSettings, AdapterTraits, NamedAdapter, PreflightSettings } from './core/spec/spec.ts';
import { present } from './core/text/present.ts';
import { durationMs, durationPattern, longestDays } from './core/text/span.ts';
import { isOwnVariable } from './core/trust/hook-variables.ts';
import type { Balancer } from './ports/balancer.ts';
import type { Deployer } from './ports/deployer.ts';
import type { DnsProvider, DnsProviderTraits } from './ports/dns-provider.ts';
import type { Notifier } from './ports/notifier.ts';
import type { Pki } from './ports/pki.ts';
import type { AlpnResponder, Responder, ResponderParts } from './ports/responder.ts';
import type { Solver } from './ports/solver.ts';
import type { Store } from './ports/store.ts';
import type { World } from './ports/world.ts';

export { Secret, z };

interface Named {
  /**
   * Other names of the option: the environment variables of lego, acme.sh and certbot, read if it is given in no other
   * way. They are also keys in a file of {@link credentialsFile}. Any option can have them, in its `.meta({ aliases })`.
   */
  readonly aliases?: readonly string[];
  /** Other options of the adapter, without which this one is of no use. */
  readonly needs?: readonly string[];
}

/**
 * A secret option: `file:/path` (0600), `env:NAME` or the value itself. If it is left out, the environment variable
 * `CERTFLEET_<ADAPTER>_<OPTION>` is used. The adapter gets a {@link Secret}.
 */
export const secret = (title: string, named: Named = {}) =>
  z
    .custom<SecretType>((value) => value instanceof Secret, { error: 'a secret is required' })
    .meta({ title, secret: true, ...named });

/**
 * The option `credentials` of an adapter: a file (0600) from which every option that is not given is read. It may be
 * certbot's INI, `KEY=VALUE`, the profiles of AWS or Alibaba Cloud, or JSON.
 *
 * @param prefixes of the keys, as certbot has them: `dns_dnspod_`
 */
export const credentialsFile = (prefixes: readonly string[] = [], named: Named = {}) =>
  wholePath()
    .optional()
    .meta({
      title: 'A file with the options that are not given here',
      description: 'In the form of certbot’s INI, `KEY=VALUE`, profiles or JSON, with mode 0600.',
      credentials: prefixes,
      ...named,
    });

/** The option `profile` beside {@link credentialsFile}. */
export const profile = (named: Named = {}) =>
  z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Which profile of the file with credentials', local: true, ...named });

/** The option `endpoint`: where the API is, if not at the vendor's address. */
export const endpoint = (title = 'The API’s address, if it is not the vendor’s own') =>
  z
    .string()
    .refine(isApiEndpoint, { error: ({ input }) => endpointProblem(input) })
    .optional()
    .meta({ title, examples: ['https://api.example.com'], endpoint: true });

/** As {@link endpoint}, for an API whose calls all have the path `/`. */
export const originEndpoint = (title?: string) =>
  endpoint(title).refine((text) => text === undefined || !hasPath(text), { error: pathProblem });

const unitNeeded = (count: number) => `needs a unit: write ${count}s, or another of ms, s, m, h and d`;

/** A duration as text (`500ms`, `8s`, `2m`, `6h`, `30d`); the adapter gets milliseconds. */
export const duration = (title: string) =>
  z
    .string({ error: ({ input }) => (Number.isInteger(input) ? unitNeeded(input as number) : undefined) })
    .regex(durationPattern, { error: 'a duration is a whole number and ms, s, m, h or d, for example 30s' })
    // A text of another form is no number here, and has its error.
    .refine((text) => !(durationMs(text) > longestDays * 86_400_000), {
      error: `a duration is at most ${longestDays}d (100 years)`,
    })
    .transform(durationMs)
    .meta({ title, format: 'duration' });

/** Options with more headers of a request, which a log may show. */
export const plainHeaders = () =>
  z
    .record(
      z.string(),
      z
        .string()
        .regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, { error: 'expected a value of ASCII characters' })
        .refine((value) => !/^(env|file):/.test(value), { error: 'a secret belongs in `secretHeaders`' }),
    )
    .refine((headers) => Object.keys(headers).every((name) => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)), {
      error: 'expected names of headers',
    })
    .default({})
    .meta({ title: 'More headers, without secrets', examples: [{ 'X-Cluster': 'west' }] });

/** A secret option: an address with a token in it, so that anyone who knows it can send messages. */
export const secretUrl = (title: string, named: Named = {}) =>
  // A check of the configuration does not read the secret.
  secret(title, named)
    .refine((url) => url.reveal() === '' || isWebUrl(url.reveal()), {
      error: 'expected an https:// or http:// URL without USER:PASSWORD@ and without a fragment',
    })
    .meta({ endpoint: true });

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text) || /[#\s]/.test(text)) return false;
  const { protocol, username, password } = new URL(text);
  return ['https:', 'http:'].includes(protocol) && username + password === '';
}

/** A path in the configuration. It must be absolute, because a relative path depends on the working directory. */
export const wholePath = () => z.string().startsWith('/', { error: 'expected an absolute path' }).meta({ local: true });

/** The number of a TCP or UDP port. */
export const portNumber = () => z.number().int().min(1).max(65_535);

/** An option of every adapter that starts programs: what they get besides the variables that every hook gets. */
export const passEnvironment = () =>
  z
    .array(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected names of environment variables, without values' })
        .refine((name) => !isOwnVariable(name), {
          error: 'a variable CERTFLEET_… is for certfleet alone; leave it out',
        }),
    )
    .default([])
    .meta({
      title: 'Names of more variables of certfleet’s own environment to pass on',
      examples: [['DOCKER_HOST', 'KUBECONFIG']],
      local: true,
    });

/** The name or the number of a user or group. YAML reads a number as one. */
const nameOrNumber = () => z.union([z.string().min(1), z.number().int().min(0)]);

/** Options of a deployer that gives its files to a user or group. */
export const ownership = (place = '') => ({
  owner: nameOrNumber()
    .optional()
    .meta({ title: `Owner of the files: a user name${place}, or a number`, examples: ['www-data'] }),
  group: nameOrNumber()
    .optional()
    .meta({ title: `Group of the files: a name${place}, or a number`, examples: ['ssl-cert'] }),
});

/** An option of every deployer that runs a command of the operator. */
export const once = () =>
  z.boolean().optional().meta({
    title: 'Run it once for all certificates of a pass (`true`), or for each (`false`); by default, its text decides',
  });

/** Options of every deployer that writes files in certbot's layout. */
export const keyFiles = () => ({
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, { error: 'a mode is three octal digits, for instance "0640"' })
    .default('0600')
    .meta({ title: 'Mode of the private key; certificates are 0644', examples: ['0640'] }),
  haproxyBundle: z
    .boolean()
    .default(false)
    .meta({ title: 'Also write haproxy.pem: chain and key in one file, with the key’s mode' }),
});

/**
 * The options that name the keys of an adapter of Alibaba Cloud: keys, else the role of the pod (RRSA), else that of the
 * instance.
 */
export const alibabaKeys = (prefixes: readonly string[] = ['dns_aliyun_']) => ({
  accessKeyId: secret('AccessKey ID', {
    aliases: ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'ALICLOUD_ACCESS_KEY', 'Ali_Key', 'dns_aliyun_access_key'],
    needs: ['accessKeySecret'],
  }).optional(),
  accessKeySecret: secret('AccessKey secret', {
    aliases: ['ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'ALICLOUD_SECRET_KEY', 'Ali_Secret'],
    needs: ['accessKeyId'],
  }).optional(),
  securityToken: secret('Security token, if the keys are temporary', {
    aliases: ['ALIBABA_CLOUD_SECURITY_TOKEN', 'ALICLOUD_SECURITY_TOKEN', 'sts_token'],
    needs: ['accessKeyId', 'accessKeySecret'],
  }).optional(),
  credentials: credentialsFile(prefixes, { aliases: ['ALIBABA_CLOUD_CREDENTIALS_FILE'] }),
  profile: profile({ aliases: ['ALIBABA_CLOUD_PROFILE'] }),
  ...ofThisProcess({
    roleArn: ['The RAM role of the pod (RRSA)', 'ALIBABA_CLOUD_ROLE_ARN'],
    oidcProviderArn: ['The OIDC provider of the cluster', 'ALIBABA_CLOUD_OIDC_PROVIDER_ARN'],
    oidcTokenFile: ['The file with the token of the pod', 'ALIBABA_CLOUD_OIDC_TOKEN_FILE'],
    roleSessionName: ['The name of the role’s sessions, if not certfleet', 'ALIBABA_CLOUD_ROLE_SESSION_NAME'],
  }),
  stsEndpoint: z
    .string()
    .refine((at) => /^[\w-]+(\.[\w-]+)+$/.test(at) || isApiEndpoint(at), {
      error: 'expected a host like sts-vpc.cn-hangzhou.aliyuncs.com',
    })
    .optional()
    .meta({
      title: 'The host of STS for the role of the pod, if not sts.aliyuncs.com',
      examples: ['sts-vpc.cn-hangzhou.aliyuncs.com'],
      aliases: ['ALIBABA_CLOUD_STS_ENDPOINT'],
      ofThisProcess: true,
      local: true,
    }),
});

/** The options that name the keys of an adapter of Tencent Cloud: keys, else the role of the instance. */
export const tencentKeys = (prefixes: readonly string[] = ['dns_tencentcloud_']) => ({
  secretId: secret('SecretId of a key of Tencent Cloud', {
    aliases: ['TENCENTCLOUD_SECRET_ID', 'Tencent_SecretId'],
    needs: ['secretKey'],
  }).optional(),
  secretKey: secret('SecretKey of the key of Tencent Cloud', {
    aliases: ['TENCENTCLOUD_SECRET_KEY', 'Tencent_SecretKey'],
    needs: ['secretId'],
  }).optional(),
  sessionToken: secret('Token, if the key of Tencent Cloud is temporary', {
    aliases: ['TENCENTCLOUD_SESSION_TOKEN'],
    needs: ['secretId', 'secretKey'],
  }).optional(),
  credentials: credentialsFile(prefixes),
});

/** The options that name the keys of an adapter of Huawei Cloud for a service without projects. */
export const huaweiAccessKeys = (prefixes: readonly string[] = []) => ({
  accessKeyId: secret('Access Key ID (AK)', {
    aliases: ['HUAWEICLOUD_ACCESS_KEY_ID', 'HUAWEICLOUD_SDK_AK', 'HW_ACCESS_KEY'],
  }),
  secretAccessKey: secret('Secret Access Key (SK)', {
    aliases: ['HUAWEICLOUD_SECRET_ACCESS_KEY', 'HUAWEICLOUD_SDK_SK', 'HW_SECRET_KEY'],
  }),
  securityToken: secret('Security token, if the keys are temporary', { aliases: ['HW_SECURITY_TOKEN'] }).optional(),
  credentials: credentialsFile(prefixes),
});

/** The options that name the keys of an adapter of Huawei Cloud, and the project that they belong to. */
export const huaweiKeys = (prefixes: readonly string[] = []) => {
  const { credentials, ...keys } = huaweiAccessKeys(prefixes);
  const projectId = z
    .string()
    .regex(/^[0-9a-f]{32}$/, { error: 'expected an ID of 32 hex digits' })
    .optional()
    .meta({ title: 'Id of the project, if the keys are limited to one', aliases: ['HW_PROJECT_ID'] });
  return { ...keys, projectId, credentials };
};

/** A domain in the form of a certificate, from any form that `identifiers` take: `WWW.Example.com.`, `中国.test`. */
export const typedDomain = () =>
  z.string().overwrite((typed) => {
    const [, wildcard = '', name = ''] = /^(\*?\.)?(.*?)\.?$/su.exec(typed) ?? [];
    // A URL decodes %61 and is cut at other characters.
    const url = `https://${name}`;
    const isName = /^[\p{L}\p{M}\p{N}._-]+$/u.test(name) && URL.canParse(url);
    return `${wildcard}${isName ? new URL(url).hostname : name}`;
  });

/** A domain of a CDN, as a certificate has it. APIs and consoles write a wildcard as `.example.com`. */
const cdnDomain = () =>
  typedDomain()
    .regex(/^(\*?\.)?([a-z0-9_-]+\.)+(?!\d+$)[a-z0-9_-]+$/, {
      error: 'expected a domain, like www.example.com or .example.com',
    })
    .transform((name) => name.replace(/^\./, '*.'));

/** The options that choose the domains of a CDN. A schema that has them is refined with {@link exceptOfCovered}. */
export const cdnDomains = () => ({
  domains: z
    .union([z.literal('covered'), z.array(cdnDomain()).min(1)], {
      error: 'expected `covered`, or a list of domains like [www.example.com, .example.com]',
    })
    .meta({
      title: 'The accelerated domains, or `covered`: all that the certificate covers and that have HTTPS on',
      examples: ['covered', ['www.example.com', '.example.com']],
    }),
  except: z
    .array(cdnDomain())
    .default([])
    .meta({ title: 'Domains that `covered` leaves alone', examples: [['old.example.com']] }),
});

/** The arguments of `refine` for a schema with {@link cdnDomains}. */
export const exceptOfCovered: [
  (options: { readonly domains: 'covered' | readonly string[]; readonly except: readonly string[] }) => boolean,
  { path: string[]; error: string },
] = [
  ({ domains, except }) => domains === 'covered' || except.length === 0,
  {
    path: ['except'],
    error: 'it has a meaning only with `domains: covered`: leave these domains out of the list instead',
  },
];

/**
 * The options that name the keys of an adapter of AWS: a role with its source, else keys, else a program, else a web
 * identity (IRSA), else a container's credentials (ECS, EKS Pod Identity), else the role of the instance.
 */
export const awsKeys = () => ({
  accessKeyId: secret('Access key id', { aliases: ['AWS_ACCESS_KEY_ID'], needs: ['secretAccessKey'] }).optional(),
  secretAccessKey: secret('Secret access key', {
    aliases: ['AWS_SECRET_ACCESS_KEY'],
    needs: ['accessKeyId'],
  }).optional(),
  sessionToken: secret('Session token, if the keys are temporary', {
    aliases: ['AWS_SESSION_TOKEN'],
    needs: ['accessKeyId', 'secretAccessKey'],
  }).optional(),
  credentials: credentialsFile([], { aliases: ['AWS_SHARED_CREDENTIALS_FILE'] }),
  profile: profile({ aliases: ['AWS_PROFILE'] }),
  sourceProfile: text('The profile of the file whose keys assume the role `roleArn`', ['base']).meta({ local: true }),
  credentialSource: z.enum(['Environment', 'Ec2InstanceMetadata', 'EcsContainer']).optional().meta({
    title: 'What else assumes the role `roleArn`: the given keys, the EC2 instance or the container',
    local: true,
  }),
  externalId: text('What the trust policy of this role asks for, if it does').meta({ local: true }),
  credentialProcess: text('A program that prints the keys as JSON, and its arguments; no shell runs it', [
    '/usr/local/bin/aws_signing_helper credential-process --certificate /etc/ssl/node.pem',
  ]).meta({ local: true }),
  ...ofThisProcess({
    roleArn: [
      'The role of a web identity (IRSA), or to assume with `sourceProfile` or `credentialSource`',
      'AWS_ROLE_ARN',
    ],
    roleSessionName: ['The name of its sessions, if not certfleet', 'AWS_ROLE_SESSION_NAME'],
    webIdentityTokenFile: ['The file with its token', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
    containerCredentialsPath: ['The path of a container’s credentials (ECS)', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'],
    containerCredentialsUrl: ['The URL of a container’s credentials', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'],
    containerTokenFile: ['The file with the token for them', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'],
  }),
  containerToken: secret('The token for a container’s credentials', {
    aliases: ['AWS_CONTAINER_AUTHORIZATION_TOKEN'],
  })
    .meta({ local: true })
    .optional(),
});

const text = (title: string, examples: readonly string[] = []) =>
  z
    .string()
    .min(1)
    .optional()
    .meta({ title, ...present({ examples: examples.length === 0 ? undefined : examples }) });

/** Options that the platform sets for each process, so that they are never stored with a certificate. */
const ofThisProcess = <Name extends string>(options: Readonly<Record<Name, readonly [title: string, alias: string]>>) =>
  Object.fromEntries(
    Object.entries<readonly [string, string]>(options).map(([name, [title, alias]]) => [
      name,
      text(title).meta({ title, aliases: [alias], ofThisProcess: true, local: true }),
    ]),
  ) as Readonly<Record<Name, z.ZodOptional<z.ZodString>>>;

/** Returns the schema of a DNS server's address, with a port if it is not 53. */
export const resolverAddress = () =>
  z.string().refine((text) => parseServerAddress(text) !== undefined && parseHostPort(text, 53) !== undefined, {
    error: bracketsOr('must be an IP address, with a port if it is not 53, like 1.1.1.1 or 9.9.9.9:53'),
  });

/** What every adapter gets. */
export interface AdapterContext<Options> {
  readonly options: Options;
  /** The configured name, for messages: `edge`, `dns`. */
  readonly name: string;
  readonly world: World;
}

export interface NamedBalancer {
  /** The options of the balancer, resolved by its own definition. */
  readonly options: unknown;
}

/** A deployer may keep its own files beside the store's documents. */
export interface DeployerContext<Options> extends AdapterContext<Options> {
  /**
   * A folder of this node in the store, so that deployers of two stores or nodes never share files; undefined if the
   * store has no folder.
   */
  readonly folder?: string | undefined;
  /** For the mark of what is uploaded (`core/request-path/own-mark.ts`): 12 hex digits, from the store's id. */
  readonly owner: string;
  /** The balancer that the deployer names, if its definition says that it needs one. */
  readonly balancer?: NamedBalancer | undefined;
  /** Finds the lineage of a certificate that is set at a place, which may keep the place. */
  readonly holderOf?: HolderOf | undefined;
  /** For a deployer that writes PKCS#12 files. */
  readonly pki?: Pick<Pki, 'pkcs12'> | undefined;
}

/** A solver may also store tokens, where other processes see them. */
export interface SolverContext<Options> extends AdapterContext<Options> {
  readonly store: Store;
  /** The store's random id. It is not a secret. */
  readonly storeId: string;
  /** The responder of a listen address. All solvers of a process that name it share one. */
  responder(
    options: {
      readonly listen: string;
      readonly fallback?: string | undefined;
      readonly healthCheck?: string | undefined;
    },
    create: CreateResponder,
  ): Responder;
  /** The same for TLS-ALPN-01. */
  alpnResponder(listen: string, create: CreateAlpnResponder): AlpnResponder;
}

/** `createResponder` of `src/responder/`, which only solvers that need a port load. */
export type CreateResponder = (
  options: {
    readonly listen: string;
    readonly fallback?: { readonly host: string; readonly port: number };
    readonly healthCheck?: string;
  },
  parts: ResponderParts,
) => Responder;

/** `createAlpnResponder` of `src/responder/`. */
export type CreateAlpnResponder = (
  options: { readonly listen: string },
  parts: ResponderParts & { readonly pki: Pki },
) => AlpnResponder;

interface AdapterDefinition<Shape extends z.ZodObject> {
  /** The `type` in the configuration, and the name of the file. */
  readonly id: string;
  /** For people: `RFC 2136 (dynamic update)`. */
  readonly title: string;
  readonly homepage?: string;
  /** Other names that people search for, in any language. */
  readonly names?: readonly string[];
  /** The vendor's API documentation. */
  readonly apiDocs?: string;
  /** The first version of certfleet with this adapter. */
  readonly since: string;
  /** Each option with `.meta({ title, examples })` or `.describe()`, for validation, JSON schema and reference. */
  readonly options: Shape;
  /** A paragraph for the reference, in Markdown: required permissions, pitfalls. */
  readonly notes?: string;
  /** Pages and API do not offer it. They never offer what is nothing without its `local` options. */
  readonly onlyInFile?: true;
}

export interface DnsProviderDefinition<
  Shape extends z.ZodObject = z.ZodObject,
  Provider extends DnsProvider = DnsProvider,
> extends AdapterDefinition<Shape> {
  readonly traits: DnsProviderTraits;
  /** A person makes the changes, so an order needs one at a terminal. */
  readonly isPerson?: true;
  /**
   * What has shown that it works as the API does: a real server (`PowerDNS 4.9`), a client that is not ours, for the
   * fake of the API (`lego 4.9.1`), or `documents only`.
   */
  readonly tested: string;
  connect(context: AdapterContext<z.infer<Shape>>): Provider;
}

/** What certfleet must know of a solver before it loads it. `npm run gen` copies it into the registry. */
export interface SolverFacts {
  /** The challenges that it answers. The option `challenge` chooses one of them; by default, the first. */
  readonly answers: readonly ChallengeType[];
  /**
   * The engine makes the solver, from a DNS provider (the options `provider` and `options`, and solvers in `zones`) or
   * from a load balancer (`balancer`). None of its own options is a secret, a reference, or read from the environment.
   */
  readonly through?: 'dns' | 'balancer';
}

interface AnySolver<Shape extends z.ZodObject> extends AdapterDefinition<Shape>, SolverFacts {
  /** What the engine must know of a solver with these settings; it is stored with each certificate. */
  engineTraits?(settings: AdapterSettings, uses: { readonly byPerson: boolean }): AdapterTraits;
  /**
   * A responder of certfleet answers these challenges at the option `listen`, with the options `fallback` and
   * `healthCheck` if it has them. No option is a secret.
   */
  readonly listensFor?: 'http-01' | 'tls-alpn-01';
  /** Describes settings that have no effect, or not the effect that their author expects, for `config check`. */
  doubts?(solver: NamedAdapter, preflight: PreflightSettings): readonly string[];
}

export interface LeafSolverDefinition<Shape extends z.ZodObject = z.ZodObject> extends AnySolver<Shape> {
  readonly through?: never;
  connect(context: SolverContext<z.infer<Shape>>): Solver;
}

/** What the engine's solver over DNS gets from its settings. */
export interface DnsSolverSettings {
  readonly challenge: 'dns-01' | 'dns-account-01' | 'dns-persist-01';
  /** How long a new dns-persist-01 record is valid; undefined for no limit. */
  readonly persistMs: number | undefined;
  readonly provider: string;
  /** The provider's options, with the provider as their `type`. */
  readonly options: AdapterSettings;
  readonly dns: { readonly zone: string; readonly nameservers: readonly string[] } | undefined;
  /** Undefined to wait as long as the provider needs. */
  readonly timeoutMs: number | undefined;
  readonly propagationMs: number | undefined;
  readonly ignoreNameservers: readonly string[];
  readonly vantagePoints: readonly string[];
}

export interface DnsSolverDefinition<Shape extends z.ZodObject = z.ZodObject> extends AnySolver<Shape> {
  readonly through: 'dns';
  read(options: z.infer<Shape>): DnsSolverSettings;
}

/** What the engine's solver behind a load balancer gets from its settings. */
export interface RuleSolverSettings {
  readonly listen: string;
  readonly fallback: string | undefined;
  readonly keep: boolean;
  readonly byHand: boolean;
  readonly healthCheck: string;
  readonly timeoutMs: number;
}

export interface RuleSolverDefinition<Shape extends z.ZodObject = z.ZodObject> extends AnySolver<Shape> {
  readonly through: 'balancer';
  read(options: z.infer<Shape>): RuleSolverSettings;
}

export type SolverDefinition = LeafSolverDefinition | DnsSolverDefinition | RuleSolverDefinition;

/** What certfleet must know of a deployer before it loads it. `npm run gen` copies it into the registry. */
export interface DeployerFacts {
  /** It writes `live/<name>` in the folder `path`, its only required option, so a flag names it as `type:FOLDER`. */
  readonly byFolder?: true;
  /** It runs a command; what the command did stays. */
  readonly runsCommand?: true;
  /** The web server that it reloads. */
  readonly webServer?: 'nginx';
}

export interface DeployerDefinition<Shape extends z.ZodObject = z.ZodObject>
  extends AdapterDefinition<Shape>,
    DeployerFacts {
  /** Each node has its own target, as the port's `scope` says. */
  readonly ofNode?: true;
  /** It gives certificates to a declared balancer of this type, which the option `balancer` names. */
  readonly balancer?: string;
  /** What the engine must know of a deployer with these settings; it is stored with each certificate. */
  engineTraits?(settings: AdapterSettings): AdapterTraits;
  connect(context: DeployerContext<z.infer<Shape>>): Deployer;
}

export interface BalancerDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  connect(context: AdapterContext<z.infer<Shape>>): Balancer;
}

export interface NotifierDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  connect(context: AdapterContext<z.infer<Shape>>): Notifier;
}

/** What a store gets. */
export interface StoreContext<Options> extends AdapterContext<Options> {
  /** Reads the options again, because a secret among them may have changed. */
  reread?(): Promise<Options>;
}

export interface StoreDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  /** Connects a process that may read tokens and nothing else. If omitted, it connects like any other. */
  connectTokens?(context: StoreContext<z.infer<Shape>>): Store;
  /** Returns what the owner of the medium runs to make a role that may read tokens and nothing else. */
  responderRole?(options: z.infer<Shape>, role: string): string;
  connect(context: StoreContext<z.infer<Shape>>): Store;
}

export const defineDnsProvider = <Shape extends z.ZodObject, Provider extends DnsProvider>(
  definition: DnsProviderDefinition<Shape, Provider>,
) => definition;
export const defineSolver = <Shape extends z.ZodObject>(definition: LeafSolverDefinition<Shape>) => definition;
export const defineDnsSolver = <Shape extends z.ZodObject>(definition: DnsSolverDefinition<Shape>) => definition;
export const defineRuleSolver = <Shape extends z.ZodObject>(definition: RuleSolverDefinition<Shape>) => definition;
export const defineDeployer = <Shape extends z.ZodObject>(definition: DeployerDefinition<Shape>) => definition;
export const defineBalancer = <Shape extends z.ZodObject>(definition: BalancerDefinition<Shape>) => definition;
export const defineStore = <Shape extends z.ZodObject>(definition: StoreDefinition<Shape>) => definition;
export const defineNotifier = <Shape extends z.ZodObject>(definition: NotifierDefinition<Shape>) => definition;
