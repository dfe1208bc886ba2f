import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { canonicalAddress } from '../../core/names/identifiers.ts';
import type { Http } from '../../ports/http.ts';
import { fixedKeys, type KeySource, refreshedKeys, type TemporaryKeys } from '../http/access-keys.ts';
import { askSource } from '../http/identity-source.ts';
import { createMetadataServer, NoMetadata, readTemporaryKeys } from '../http/metadata-server.ts';
import { type OidcContext, oidcKeys } from './oidc.ts';

/**
 * The options of an adapter that name its keys. If none is given, the role of the pod is used (RRSA), or else that of
 * the instance.
 */
export interface AlibabaKeyOptions {
  readonly accessKeyId?: Secret | undefined;
  readonly accessKeySecret?: Secret | undefined;
  /** For temporary keys. */
  readonly securityToken?: Secret | undefined;
  readonly roleArn?: string | undefined;
  readonly oidcProviderArn?: string | undefined;
  readonly oidcTokenFile?: string | undefined;
  readonly roleSessionName?: string | undefined;
  readonly stsEndpoint?: string | undefined;
}

export interface AlibabaInstanceOptions {
  readonly http: Http;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
  /** Another metadata server, for tests. */
  readonly metadata?: string;
}

/** The metadata of the ECS instance that certfleet runs on. */
export interface AlibabaInstance {
  instanceId(signal: AbortSignal): Promise<string>;
  regionId(signal: AbortSignal): Promise<string>;
  privateAddress(signal: AbortSignal): Promise<string>;
  /** Returns keys of the instance's RAM role. */
  roleKeys(signal: AbortSignal): Promise<TemporaryKeys>;
}

const roles = '/latest/meta-data/ram/security-credentials/';

/** Connects to the instance metadata. Calls fail with `config/no-metadata` elsewhere. */
export function alibabaInstance({
  http,
  name,
  metadata = 'http://100.100.100.200',
}: AlibabaInstanceOptions): AlibabaInstance {
  const server = createMetadataServer({
    http,
    base: metadata,
    token: {
      path: '/latest/api/token',
      ttlHeader: 'x-aliyun-ecs-metadata-token-ttl-seconds',
      header: 'x-aliyun-ecs-metadata-token',
    },
  });
  const source = 'the metadata server of this machine';
  const asking = <T>(fact: string, advice: string, ask: () => Promise<T>): Promise<T> =>
    askSource({ what: name, fact, source, advice }, ask);
  const fact = (what: string, path: string, advice: string, isFact: (text: string) => boolean, signal: AbortSignal) =>
    asking(what, advice, async () => {
      const text = await server.text(path, signal);
      if (text === undefined || !isFact(text)) throw new NoMetadata(`${path} has no ${what}`);
      return text;
    });
  return {
    instanceId: (signal) =>
      fact(
        'instance id',
        '/latest/meta-data/instance-id',
        backendAdvice,
        (text) => /^[\w-]{1,100}$/.test(text),
        signal,
      ),
    privateAddress: (signal) =>
      fact(
        'private address',
        '/latest/meta-data/private-ipv4',
        backendAdvice,
        (text) => canonicalAddress(text) !== undefined,
        signal,
      ),
    regionId: (signal) =>
      fact(
        'region',
        '/latest/meta-data/region-id',
        'Give the `region`.',
        (text) => /^[a-z0-9-]{1,60}$/.test(text),
        signal,
      ),
    roleKeys: (signal) =>
      asking('an AccessKey', keyAdvice, async () => {
        const role = (await server.text(roles, signal))?.split('\n')[0]?.trim() ?? '';
        if (role === '') throw new NoMetadata('no RAM role is attached to this instance');
        const text = await server.text(`${roles}${encodeURIComponent(role)}`, signal);
        if (text === undefined) throw new NoMetadata(`the role ${role} has no keys`);
        return readTemporaryKeys(text, { id: 'AccessKeyId', secret: 'AccessKeySecret', token: 'SecurityToken' });
      }),
  };
}

const backendAdvice = 'Give `backend` with the id of the server and its port.';
const keyAdvice =
  'Give accessKeyId and accessKeySecret, or `credentials: FILE`, or attach a RAM role to the ECS instance that certfleet runs on, or give the pod one (RRSA).';

/** Returns the configured keys, or else those of the pod's role, or else those of the instance's role. */
export function alibabaKeys(
  options: AlibabaKeyOptions,
  { instance, ...context }: OidcContext & { readonly instance: AlibabaInstance },
): KeySource {
  const { accessKeyId: id, accessKeySecret: secret, securityToken: token } = options;
  const { clock, name } = context;
  if (id !== undefined && secret !== undefined) return fixedKeys({ id, secret, token });
  if (id !== undefined || secret !== undefined || token !== undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential: `the credential "${id === undefined ? 'accessKeyId' : 'accessKeySecret'}", which the other credentials need`,
    });
  const { roleArn, oidcProviderArn, oidcTokenFile } = options;
  if (oidcTokenFile === undefined && oidcProviderArn === undefined)
    return refreshedKeys((signal) => instance.roleKeys(signal), clock);
  if (roleArn === undefined || oidcProviderArn === undefined || oidcTokenFile === undefined) {
    const lacks =
      roleArn === undefined ? 'roleArn' : oidcProviderArn === undefined ? 'oidcProviderArn' : 'oidcTokenFile';
    throw fail('config/credential-missing', {
      what: name,
      credential: `the option "${lacks}", which the pod’s token needs`,
    });
  }
  return refreshedKeys(
    (signal) => oidcKeys({ ...options, roleArn, oidcProviderArn, oidcTokenFile }, context, signal),
    clock,
  );
}
