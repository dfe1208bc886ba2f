import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import type { Http } from '../../ports/http.ts';
import { fixedKeys, type KeySource, refreshedKeys } from '../http/access-keys.ts';
import { connectInstance, type Instance } from '../http/instance.ts';
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

const keyAdvice =
  'Give accessKeyId and accessKeySecret, or `credentials: FILE`, or attach a RAM role to the ECS instance that certfleet runs on, or give the pod one (RRSA).';

/** Connects to the metadata of the ECS instance. */
export const alibabaInstance = ({
  metadata = 'http://100.100.100.200',
  ...context
}: AlibabaInstanceOptions): Instance =>
  connectInstance(
    {
      base: metadata,
      token: {
        path: '/latest/api/token',
        ttlHeader: 'x-aliyun-ecs-metadata-token-ttl-seconds',
        header: 'x-aliyun-ecs-metadata-token',
      },
      paths: {
        instanceId: 'instance-id',
        region: 'region-id',
        privateAddress: 'private-ipv4',
        roles: 'ram/security-credentials/',
      },
      backend: 'id',
      role: 'RAM role',
      keys: {
        fact: 'an AccessKey',
        fields: { id: 'AccessKeyId', secret: 'AccessKeySecret', token: 'SecurityToken' },
        advice: keyAdvice,
      },
    },
    context,
  );

/** Returns the configured keys, or else those of the pod's role, or else those of the instance's role. */
export function alibabaKeys(
  options: AlibabaKeyOptions,
  { instance, ...context }: OidcContext & { readonly instance: Instance },
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
