import type { Secret } from '../../core/errors/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Http } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { KeySource, TemporaryKeys } from '../http/access-keys.ts';
import { type Asking, mostTokenBytes, refusedBy } from '../http/identity-source.ts';
import { createJsonApi, judgeByStatus, UnreadableAnswer } from '../http/json-api.ts';
import { readTemporaryKeys } from '../http/metadata-server.ts';
import { canonicalQuery } from '../http/query.ts';
import { parseXml, type XmlElement, xmlAt, xmlText } from '../http/xml.ts';
import { awsEndpoint, createAwsQuery } from './aws.ts';

export interface StsContext {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
  readonly region: string;
  /** Another endpoint, for tests. */
  readonly stsEndpoint?: string;
}

export interface Role {
  readonly roleArn: string;
  /** The session's name in the account's log; by default, `certfleet`. */
  readonly roleSessionName?: string | undefined;
  /** An ID that the trust policy of a role in another account may require. */
  readonly externalId?: string | undefined;
}

const version = '2011-06-15';
const sessionOf = ({ roleArn, roleSessionName = 'certfleet' }: Role) => ({
  RoleArn: roleArn,
  RoleSessionName: roleSessionName,
});

/** Returns temporary keys of a role, using the keys of a user or role that may assume it. */
export function assumeRole(
  role: Role,
  source: KeySource,
  asking: Asking,
  context: StsContext,
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const sts = createAwsQuery({
    ...{ ...context, version, credentials: source, service: 'sts', endpoint: context.stsEndpoint },
    error: refusedBy(asking),
  });
  const { externalId } = role;
  const params = { ...sessionOf(role), ExternalId: externalId };
  return sts.call('AssumeRole', params, (result) => keysIn(xmlAt(result, 'Credentials')), { signal, mutates: false });
}

/** Exchanges the pod's token for temporary keys (EKS: IAM roles for service accounts). The call is not signed. */
export function assumeRoleWithWebIdentity(
  role: Role,
  token: Secret,
  asking: Asking,
  context: StsContext,
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const api = createJsonApi({
    ...context,
    parse: parseXml,
    judge: (answer) => {
      const root = answer.body as XmlElement | undefined;
      const code = root && xmlText(root, 'Error', 'Code');
      const reason = (root && xmlText(root, 'Error', 'Message')) ?? '';
      return judgeByStatus(answer, code === undefined ? {} : { code, reason });
    },
    error: refusedBy(asking),
  });
  return api.call({
    what: 'AssumeRoleWithWebIdentity',
    build: () => ({
      method: 'POST',
      url: `${context.stsEndpoint ?? awsEndpoint('sts', context.region)}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: canonicalQuery({
        ...{ Action: 'AssumeRoleWithWebIdentity', Version: version },
        ...sessionOf(role),
        WebIdentityToken: token.reveal(),
      }),
    }),
    read: ({ body }) => keysIn(xmlAt(body as XmlElement, 'AssumeRoleWithWebIdentityResult', 'Credentials')),
    readsOnly: true,
    secrets: [token],
    maxBytes: mostTokenBytes,
    signal,
  });
}

function keysIn(keys: XmlElement | undefined): TemporaryKeys {
  if (!keys) throw new UnreadableAnswer('Credentials are missing in its answer');
  const fields = Object.fromEntries(keys.children.map(({ name, text }) => [name, text]));
  const names = { id: 'AccessKeyId', secret: 'SecretAccessKey', token: 'SessionToken' };
  return readTemporaryKeys(JSON.stringify(fields), names);
}
