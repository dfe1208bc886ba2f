import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { canonicalAddress } from '../../core/names/identifiers.ts';
import { userFolder } from '../../lib/user-folder.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Http } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { fixedKeys, type KeySource, refreshedKeys, type TemporaryKeys } from '../http/access-keys.ts';
import { createJsonApi, judgeByStatus, UnreadableAnswer } from '../http/json-api.ts';
import {
  createMetadataServer,
  type KeyFields,
  type MetadataServer,
  NoMetadata,
  readTemporaryKeys,
} from '../http/metadata-server.ts';
import { canonicalQuery } from '../http/query.ts';
import { parseXml, type XmlElement, xmlAt, xmlText } from '../http/xml.ts';
import { awsEndpoint } from './aws.ts';

/**
 * The options of an adapter that name its keys, as `awsKeys()` of define.ts declares them. The first of these that is
 * given is used: keys, a web identity (IRSA), a container's credentials (ECS, EKS Pod Identity), the instance's role.
 */
export interface AwsKeyOptions {
  readonly accessKeyId?: Secret | undefined;
  readonly secretAccessKey?: Secret | undefined;
  readonly sessionToken?: Secret | undefined;
  readonly roleArn?: string | undefined;
  readonly webIdentityTokenFile?: string | undefined;
  readonly containerCredentialsPath?: string | undefined;
  readonly containerCredentialsUrl?: string | undefined;
  readonly containerToken?: Secret | undefined;
  readonly containerTokenFile?: string | undefined;
}

export interface AwsKeyContext {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly files: Pick<Files, 'read' | 'stat'>;
  /** The adapter's name in the configuration, for messages. */
  readonly name: string;
  readonly region: string;
  /** Other addresses, for tests. */
  readonly metadata?: string;
  readonly stsEndpoint?: string;
  /** The user's home folder. */
  readonly home?: string;
}

/** What the EC2 instance that certfleet runs on knows about itself. */
export interface AwsInstance {
  instanceId(signal: AbortSignal): Promise<string>;
  region(signal: AbortSignal): Promise<string>;
  privateAddress(signal: AbortSignal): Promise<string>;
  /** The keys of its role. */
  roleKeys(signal: AbortSignal, help?: string): Promise<TemporaryKeys>;
}

const keyFields: KeyFields = { id: 'AccessKeyId', secret: 'SecretAccessKey', token: 'Token' };
const fact = 'an access key';
const advice =
  'Give accessKeyId and secretAccessKey, or the option `credentials` with a file like ~/.aws/credentials, or attach an IAM role to what certfleet runs on.';

/** Not read on its own: the file of an interactive user is seldom meant for a job. */
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
const roles = '/latest/meta-data/iam/security-credentials/';

/** Fails with `config/no-metadata`. */
export function awsInstance({
  http,
  name,
  metadata = 'http://169.254.169.254',
}: Pick<AwsKeyContext, 'http' | 'name' | 'metadata'>): AwsInstance {
  const server: MetadataServer = createMetadataServer({
    http,
    base: metadata,
    token: {
      path: '/latest/api/token',
      ttlHeader: 'x-aws-ec2-metadata-token-ttl-seconds',
      header: 'x-aws-ec2-metadata-token',
    },
  });
  const source = 'the metadata server of this machine';
  const ask = (what: string, path: string, help: string, isFact: (text: string) => boolean, signal: AbortSignal) =>
    wording({ what: name, fact: what, source, advice: help }, async () => {
      const text = await server.text(`/latest/meta-data/${path}`, signal);
      if (text === undefined || !isFact(text)) throw new NoMetadata(`/latest/meta-data/${path} has no ${what}`);
      return text;
    });
  const backend = 'Give `backend` with the id or address of the server and its port.';
  return {
    instanceId: (signal) => ask('instance id', 'instance-id', backend, (text) => /^[\w-]{1,100}$/.test(text), signal),
    privateAddress: (signal) =>
      ask('private address', 'local-ipv4', backend, (text) => canonicalAddress(text) !== undefined, signal),
    region: (signal) =>
      ask('region', 'placement/region', 'Give the `region`.', (text) => /^[a-z0-9-]{1,60}$/.test(text), signal),
    roleKeys: (signal, help = advice) =>
      wording({ what: name, fact, source, advice: help }, async () => {
        const role = (await server.text(roles, signal))?.split('\n')[0]?.trim() ?? '';
        if (role === '') throw new NoMetadata('no IAM role is attached to this instance');
        const text = await server.text(`${roles}${encodeURIComponent(role)}`, signal);
        if (text === undefined) throw new NoMetadata(`the role ${role} has no keys`);
        return readTemporaryKeys(text, keyFields);
      }),
  };
}

/** The keys that are given, or the first source of temporary ones. Fails with `config/…` when they are used. */
export function awsKeySource(options: AwsKeyOptions, context: AwsKeyContext): KeySource {
  const { accessKeyId: id, secretAccessKey: secret, sessionToken: token } = options;
  const { clock, name } = context;
  if (id !== undefined && secret !== undefined) return fixedKeys({ id, secret, token });
  if (id !== undefined || secret !== undefined || token !== undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential: `the credential "${id === undefined ? 'accessKeyId' : 'secretAccessKey'}", without which the others are of no use`,
    });
  const { roleArn, webIdentityTokenFile } = options;
  if (roleArn !== undefined && webIdentityTokenFile !== undefined)
    return refreshedKeys((signal) => webIdentityKeys(roleArn, webIdentityTokenFile, context, signal), clock);
  const container = containerUrl(options, name);
  if (container !== undefined)
    return refreshedKeys((signal) => containerKeys(container, options, context, signal), clock);
  const instance = awsInstance(context);
  return refreshedKeys(async (signal) => instance.roleKeys(signal, await adviceWith(context)), clock);
}

/** ECS and EKS; these addresses are the only ones besides loopback to which a token may go without TLS. */
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

const seconds = 5;

function containerKeys(
  url: URL,
  options: AwsKeyOptions,
  context: AwsKeyContext,
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const source = `the container’s credentials at ${url.host}`;
  return wording({ what: context.name, fact, source, advice }, async () => {
    const { containerTokenFile: file } = options;
    const token = file === undefined ? options.containerToken?.reveal() : await readTokenFile(file, context);
    // A line break would end the header.
    if (token !== undefined && !/^[\x20-\x7e]*$/.test(token)) throw new NoMetadata('its token is not one line of text');
    const connectTo = { address: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
    const answer = await context.http.request({
      method: 'GET',
      url: url.href,
      signal,
      timeoutMs: seconds * 1000,
      headers: token === undefined ? {} : { authorization: token },
      // Off any proxy, as with a metadata server.
      ...(url.protocol === 'http:' ? { connectTo } : {}),
    });
    if (answer.status !== 200) throw new NoMetadata(`it answered HTTP ${answer.status}`);
    return readTemporaryKeys(new TextDecoder().decode(answer.body), keyFields);
  });
}

/** IAM roles for service accounts (EKS): the token of the pod against temporary keys. */
function webIdentityKeys(
  roleArn: string,
  file: string,
  context: AwsKeyContext,
  signal: AbortSignal,
): Promise<TemporaryKeys> {
  const source = `AWS STS for the role ${roleArn}`;
  const about = { what: context.name, fact, source, advice };
  return wording(about, async () => {
    const token = new Secret(await readTokenFile(file, context));
    const api = createJsonApi({
      ...context,
      parse: parseXml,
      judge: (answer) => {
        const root = answer.body as XmlElement | undefined;
        const code = root && xmlText(root, 'Error', 'Code');
        const said = (root && xmlText(root, 'Error', 'Message')) ?? '';
        return judgeByStatus(answer, code === undefined ? {} : { code, reason: `${code}: ${said}` });
      },
      error: ({ reason, cause }) => fail('config/no-metadata', { ...about, reason }, { cause }),
    });
    return api.call({
      what: 'AssumeRoleWithWebIdentity',
      build: () => ({
        method: 'POST',
        url: `${context.stsEndpoint ?? awsEndpoint('sts', context.region)}/`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: canonicalQuery({
          Action: 'AssumeRoleWithWebIdentity',
          Version: '2011-06-15',
          RoleArn: roleArn,
          RoleSessionName: 'certfleet',
          WebIdentityToken: token.reveal(),
        }),
      }),
      read: ({ body }) => {
        const path = ['AssumeRoleWithWebIdentityResult', 'Credentials'];
        const keys = xmlAt(body as XmlElement, ...path);
        if (!keys) throw new UnreadableAnswer('Credentials are missing in its answer');
        const fields = Object.fromEntries(keys.children.map(({ name, text }) => [name, text]));
        return readTemporaryKeys(JSON.stringify(fields), { ...keyFields, token: 'SessionToken' });
      },
      readsOnly: true,
      secrets: [token],
      signal,
    });
  });
}

async function readTokenFile(file: string, { files }: AwsKeyContext): Promise<string> {
  try {
    const bytes = await files.read(file, { named: true });
    const token = new TextDecoder().decode(bytes).trim();
    if (token !== '') return token;
  } catch (error) {
    throw new NoMetadata(`the token file ${file} cannot be read: ${reasonOf(error)}`);
  }
  throw new NoMetadata(`the token file ${file} is missing or empty`);
}

type About = Readonly<Record<'what' | 'fact' | 'source' | 'advice', string>>;

async function wording<T>(about: About, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw worded(about, error);
  }
}

function worded(about: About, error: unknown): unknown | CertfleetError {
  if (error instanceof NoMetadata) return fail('config/no-metadata', { ...about, reason: error.message });
  if (!isFailure(error, 'network/')) return error;
  return fail('config/no-metadata', { ...about, reason: reasonOf(error) }, { cause: error });
}
