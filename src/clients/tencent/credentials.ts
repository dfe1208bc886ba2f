import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Http } from '../../ports/http.ts';
import { fixedKeys, type KeySource, refreshedKeys } from '../http/access-keys.ts';
import { connectInstance, type Instance } from '../http/instance.ts';

/** The options of an adapter that name its keys. If none is given, the role of the instance is used. */
export interface TencentKeyOptions {
  readonly secretId?: Secret | undefined;
  readonly secretKey?: Secret | undefined;
  /** For temporary keys. */
  readonly sessionToken?: Secret | undefined;
}

/** Connects to the metadata of the CVM instance, by its address: its name could resolve to anything elsewhere. */
export const tencentInstance = (context: { readonly http: Http; readonly name: string }): Instance =>
  connectInstance(
    {
      base: 'http://169.254.0.23',
      paths: {
        instanceId: 'instance-id',
        region: 'placement/region',
        privateAddress: 'local-ipv4',
        roles: 'cam/security-credentials/',
      },
      backend: 'id',
      role: 'CAM role',
      keys: {
        fact: 'a key',
        fields: { id: 'TmpSecretId', secret: 'TmpSecretKey', token: 'Token' },
        advice:
          'Give secretId and secretKey, or `credentials: FILE`, or attach a CAM role to the CVM instance that certfleet runs on.',
      },
    },
    context,
  );

/** Returns the configured keys, or else those of the instance's role. */
export function tencentKeySource(
  { secretId: id, secretKey: secret, sessionToken: token }: TencentKeyOptions,
  { instance, clock, name }: { readonly instance: Instance; readonly clock: Clock; readonly name: string },
): KeySource {
  if (id !== undefined && secret !== undefined) return fixedKeys({ id, secret, token });
  if (id !== undefined || secret !== undefined || token !== undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential: `the credential "${id === undefined ? 'secretId' : 'secretKey'}", which the other credentials need`,
    });
  return refreshedKeys((signal) => instance.roleKeys(signal), clock);
}
