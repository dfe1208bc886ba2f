import { fail } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { userFolder } from '../../lib/files/user-folder.ts';
import type { Files } from '../../ports/files.ts';
import type { Processes } from '../../ports/processes.ts';
import { fixedKeys, type KeySource, refreshedKeys, type TemporaryKeys } from '../http/access-keys.ts';
import { askSource, readLocalService, readTokenFile } from '../http/identity-source.ts';
import { connectInstance, type Instance } from '../http/instance.ts';
import { type KeyFields, readTemporaryKeys } from '../http/metadata-server.ts';
import { keysOfProcess } from './credential-process.ts';
import { type AwsKeyOptions, nextProfile } from './profile.ts';
import { assumeRole, assumeRoleWithWebIdentity, type StsContext } from './sts.ts';

export interface AwsKeyContext extends StsContext {
  readonly files: Pick<Files, 'untrusted' | 'list' | 'read' | 'stat' | 'user'>;
  readonly processes: Pick<Processes, 'run'>;
  /** Another metadata server, for tests. */
  readonly metadata?: string;
  /** The user's home folder. */
  readonly home?: string;
}

const keyFields: KeyFields = { id: 'AccessKeyId', secret: 'SecretAccessKey', token: 'Token' };
const fact = 'an access key';
const advice =
  'Give accessKeyId and secretAccessKey, or the option `credentials` with a file like ~/.aws/credentials, or attach an IAM role to what certfleet runs on.';

/**
 * Mentions ~/.aws/credentials if it exists. certfleet does not read this file by itself, because an interactive user's
 * file is seldom meant for a job.
 */
async function adviceWith({ files, home }: Pick<AwsKeyContext, 'files' | 'home'>): Promise<string> {
  const path = `${home ?? userFolder()}/.aws/credentials`;
  const isThere = await files.stat(path).then(
    (stat) => stat?.kind === 'file',
    () => false,
  );
  return isThere
    ? `${path} is not read on its own. To use it for a DNS provider, add --dns-option credentials=${path}; in a configuration, write \`credentials: ${path}\`.`
    : advice;
}

/** Connects to the metadata of the EC2 instance. */
export const awsInstance = ({
  metadata = 'http://169.254.169.254',
  ...context
}: Pick<AwsKeyContext, 'http' | 'name' | 'metadata'>): Instance =>
  connectInstance(
    {
      base: metadata,
      token: {
        path: '/latest/api/token',
        ttlHeader: 'x-aws-ec2-metadata-token-ttl-seconds',
        header: 'x-aws-ec2-metadata-token',
      },
      paths: {
        instanceId: 'instance-id',
        region: 'placement/region',
        privateAddress: 'local-ipv4',
        roles: 'iam/security-credentials/',
      },
      backend: 'id or address',
      role: 'IAM role',
      keys: { fact, fields: keyFields, advice },
    },
    context,
  );

/** Returns the configured keys, or the first source of temporary ones. Fails with `config/…` when the keys are used. */
export function awsKeySource(options: AwsKeyOptions, context: AwsKeyContext): KeySource {
  return keySource(options, context, [options.profile ?? 'default']);
}

/** @param seen the profiles followed so far, to stop at a cycle */
function keySource(options: AwsKeyOptions, context: AwsKeyContext, seen: readonly string[]): KeySource {
  const { clock, name } = context;
  const { roleArn, webIdentityTokenFile, credentialProcess, credentials } = options;
  if (roleArn !== undefined && (options.sourceProfile ?? options.credentialSource) !== undefined)
    return refreshedKeys((signal) => roleKeys({ ...options, roleArn }, context, seen, signal), clock);
  const fixed = givenKeys(options, name);
  if (fixed !== undefined) return fixed;
  if (credentialProcess !== undefined) {
    const program = { command: credentialProcess, file: credentials };
    return refreshedKeys((signal) => keysOfProcess(program, context, signal), clock);
  }
  if (roleArn !== undefined && webIdentityTokenFile !== undefined) {
    const asking = { what: name, fact, source: `AWS STS for the role ${roleArn}`, advice };
    return refreshedKeys(
      (signal) =>
        askSource(asking, async () => {
          const token = new Secret(await readTokenFile(webIdentityTokenFile, context.files));
          return assumeRoleWithWebIdentity({ ...options, roleArn }, token, asking, context, signal);
        }),
      clock,
    );
  }
  if (roleArn !== undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential:
        'one of the options "sourceProfile", "credentialSource" and "webIdentityTokenFile", which "roleArn" needs',
    });
  return containerSource(options, context) ?? instanceSource(context);
}

function givenKeys(options: AwsKeyOptions, name: string): KeySource | undefined {
  const { accessKeyId: id, secretAccessKey: secret, sessionToken: token } = options;
  if (id !== undefined && secret !== undefined) return fixedKeys({ id, secret, token });
  if (id === undefined && secret === undefined && token === undefined) return undefined;
  throw fail('config/credential-missing', {
    what: name,
    credential: `the credential "${id === undefined ? 'accessKeyId' : 'secretAccessKey'}", which the other credentials need`,
  });
}

function containerSource(options: AwsKeyOptions, context: AwsKeyContext): KeySource | undefined {
  const url = containerUrl(options, context.name);
  if (url === undefined) return undefined;
  return refreshedKeys((signal) => containerKeys(url, options, context, signal), context.clock);
}

function instanceSource(context: AwsKeyContext): KeySource {
  const instance = awsInstance(context);
  return refreshedKeys(async (signal) => instance.roleKeys(signal, await adviceWith(context)), context.clock);
}

/** Returns the keys of a role. Reads the file each time, because the keys in it may have been replaced. */
async function roleKeys(
  options: AwsKeyOptions & { readonly roleArn: string },
  context: AwsKeyContext,
  seen: readonly string[],
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const { roleArn, sourceProfile, credentialSource } = options;
  const by = sourceProfile === undefined ? credentialSource : `the profile ${sourceProfile}`;
  const source = `AWS STS for the role ${roleArn}`;
  const help = `Let the trust policy of the role name the user or role of ${by}, and check \`externalId\` if the policy asks for one. A role that asks for MFA is of no use here.`;
  const keys = await openSource(options, context, seen);
  return assumeRole(options, keys, { what: context.name, fact, source, advice: help }, context, signal);
}

async function openSource(options: AwsKeyOptions, context: AwsKeyContext, seen: readonly string[]): Promise<KeySource> {
  const { sourceProfile, credentialSource } = options;
  const { name } = context;
  if (sourceProfile !== undefined) {
    const next = await nextProfile(sourceProfile, options.credentials, seen, context);
    return keySource(next, context, [...seen, sourceProfile]);
  }
  if (credentialSource === 'Ec2InstanceMetadata') return instanceSource(context);
  const isContainer = credentialSource === 'EcsContainer';
  const found = isContainer ? containerSource(options, context) : givenKeys(options, name);
  if (found !== undefined) return found;
  const lacks = isContainer ? 'the address of the container’s credentials' : 'the credential "accessKeyId"';
  throw fail('config/credential-missing', { what: name, credential: `${lacks} for its \`credentialSource\`` });
}

/** The addresses of ECS and EKS. Besides loopback, only they may receive a token without TLS. */
const containerHosts: readonly string[] = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'];

function containerUrl(
  { containerCredentialsPath: path, containerCredentialsUrl: full }: AwsKeyOptions,
  name: string,
): URL | undefined {
  const text = path !== undefined ? `http://169.254.170.2${path}` : full;
  if (text === undefined) return undefined;
  const refuse = (reason: string) =>
    fail('config/invalid', { file: name, problem: `the address of the container’s credentials ${reason}` });
  if (!URL.canParse(text) || (path !== undefined && !path.startsWith('/'))) throw refuse('is not a URL');
  const url = new URL(text);
  const isLocal = /^127\.|^\[::1\]$/.test(url.hostname) || containerHosts.includes(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)) return url;
  throw refuse('must be https, or http to this machine, ECS or EKS');
}

function containerKeys(
  url: URL,
  options: AwsKeyOptions,
  context: AwsKeyContext,
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const source = `the container’s credentials at ${url.host}`;
  return askSource({ what: context.name, fact, source, advice }, async () => {
    const { containerTokenFile: file } = options;
    const token = file === undefined ? options.containerToken?.reveal() : await readTokenFile(file, context.files);
    const headers = token === undefined ? {} : { authorization: token };
    return readTemporaryKeys(await readLocalService(context.http, url, headers, signal), keyFields);
  });
}
