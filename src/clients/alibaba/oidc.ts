import { Secret } from '../../core/errors/secret.ts';
import { isFields } from '../../core/text/json.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Http } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { TemporaryKeys } from '../http/access-keys.ts';
import { type Asking, askSource, mostTokenBytes, readTokenFile, refusedBy } from '../http/identity-source.ts';
import { type ApiAnswer, createJsonApi, judgeByStatus, readFields, type Verdict } from '../http/json-api.ts';
import { readTemporaryKeys } from '../http/metadata-server.ts';
import { canonicalQuery } from '../http/query.ts';

/** A RAM role for the service account of a pod (RRSA), as ACK passes it in environment variables. */
export interface OidcRole {
  readonly roleArn: string;
  readonly oidcProviderArn: string;
  readonly oidcTokenFile: string;
  readonly roleSessionName?: string | undefined;
  /** A host or URL. ACK passes the host that is reachable from the VPC. */
  readonly stsEndpoint?: string | undefined;
}

export interface OidcContext {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly files: Pick<Files, 'read'>;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
}

const advice =
  'Check that RRSA is enabled for the cluster, and that the trust policy of the role names the OIDC provider, the namespace and the service account of this pod.';

/**
 * Returns temporary keys of the role in exchange for the pod's token. The call is not signed, because the token
 * authenticates it.
 */
export function oidcKeys(role: OidcRole, context: OidcContext, signal: AbortSignal): Promise<TemporaryKeys> {
  const { clock, random, files, name } = context;
  const { roleArn, oidcProviderArn, roleSessionName = 'certfleet', stsEndpoint = 'sts.aliyuncs.com' } = role;
  const asking: Asking = {
    ...{ what: name, fact: 'an AccessKey', source: `Alibaba Cloud STS for the role ${roleArn}`, advice },
  };
  return askSource(asking, async () => {
    const token = new Secret(await readTokenFile(role.oidcTokenFile, files));
    const api = createJsonApi({
      ...context,
      judge,
      error: refusedBy(asking),
    });
    return api.call({
      what: 'AssumeRoleWithOIDC',
      build: () => ({
        method: 'POST',
        url: `${/^https?:/.test(stsEndpoint) ? stsEndpoint.replace(/\/+$/, '') : `https://${stsEndpoint}`}/?${canonicalQuery(
          {
            Action: 'AssumeRoleWithOIDC',
            Format: 'JSON',
            Version: '2015-04-01',
            Timestamp: clock
              .now()
              .toISOString()
              .replace(/\.\d+Z$/, 'Z'),
            SignatureNonce: Buffer.from(random.bytes(16)).toString('hex'),
          },
        )}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        // Not in the query, which a proxy may write to its log.
        body: canonicalQuery({
          RoleArn: roleArn,
          OIDCProviderArn: oidcProviderArn,
          OIDCToken: token.reveal(),
          RoleSessionName: roleSessionName,
        }),
      }),
      read: ({ body }) =>
        readTemporaryKeys(JSON.stringify(readFields(readFields(body, 'the object')['Credentials'], 'Credentials')), {
          ...{ id: 'AccessKeyId', secret: 'AccessKeySecret', token: 'SecurityToken' },
        }),
      // A second set of keys does no harm.
      readsOnly: true,
      secrets: [token],
      maxBytes: mostTokenBytes,
      signal,
    });
  });
}

function judge(answer: ApiAnswer): Verdict {
  const { Code: code, Message: message } = isFields(answer.body) ? answer.body : {};
  if (typeof code !== 'string' || answer.status < 300) return judgeByStatus(answer);
  const words = { code, reason: typeof message === 'string' ? message : '' };
  return code.startsWith('Throttling') ? { kind: 'limited', ...words } : judgeByStatus(answer, words);
}
