import type { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { type Fields, isFields, parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Http } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { callWithKeys, type KeySource } from '../http/access-keys.ts';
import { clockAdvice } from '../http/clock-advice.ts';
import {
  type ApiAnswer,
  createJsonApi,
  judgeByStatus,
  readFields,
  type Trouble,
  UnreadableAnswer,
  type Verdict,
} from '../http/json-api.ts';
import { canonicalQuery } from '../http/query.ts';
import { parseXml, type XmlElement, xmlAt, xmlText } from '../http/xml.ts';
import { signV4 } from '../signatures/aws.ts';

/** A parameter. Lists become `Name.member.1`, and objects `Name.Key`, where the protocol requires it. */
export type AwsValue =
  | string
  | number
  | boolean
  | Secret
  | undefined
  | readonly AwsValue[]
  | { readonly [name: string]: AwsValue };
export type AwsParams = { readonly [name: string]: AwsValue };

/** A failed call, with the meaning of its code. */
export interface AwsTrouble extends Trouble {
  readonly means?: 'not-found' | 'quota' | undefined;
}

export interface AwsCall {
  readonly signal: AbortSignal;
  /** The subject of the call for its error: a record's name. */
  readonly about?: string;
  /** Whether the call changes something. Such a call is not repeated after a lost response. */
  readonly mutates: boolean;
  /** Whether repeating the call changes nothing further. */
  readonly isRepeatable?: boolean;
  /** More codes that mean "wait and repeat" for this call, such as `ResourceInUse` while a rule is being deleted. */
  readonly busyCodes?: readonly string[];
  readonly busyBudgetMs?: number;
}

export interface AwsOptions {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The adapter's name in the configuration, for debug lines. */
  readonly name: string;
  /** The service in signatures and policies: `elasticloadbalancing`, `acm`. */
  readonly service: string;
  readonly region: string;
  /** By default, {@link awsEndpoint}. */
  readonly endpoint?: string | undefined;
  readonly credentials: KeySource;
  /** Makes the adapter's error. */
  readonly error: (trouble: AwsTrouble) => CertfleetError;
  /** Called with the action before each exchange. */
  readonly onCall?: (action: string) => void;
  readonly limitBudgetMs?: number;
  readonly busyBudgetMs?: number;
}

/** A service with the query protocol and XML responses: ELBv2, STS. */
export interface AwsQuery {
  /** @param read reads the element `<action>Result` of the response; may throw {@link UnreadableAnswer} */
  call<T>(action: string, params: AwsParams, read: (result: XmlElement) => T, call: AwsCall): Promise<T>;
}

/** A service with the JSON protocol: ACM. */
export interface AwsJson {
  /** @param read reads the response; may throw {@link UnreadableAnswer} */
  call<T>(action: string, params: AwsParams, read: (answer: Fields) => T, call: AwsCall): Promise<T>;
}

/** A service with the REST protocol and XML: Route 53. */
export interface AwsRest {
  /** @param read reads the element `<action>Response` of the response; may throw {@link UnreadableAnswer} */
  call<T>(action: string, request: AwsRestRequest, read: (answer: XmlElement) => T, call: AwsCall): Promise<T>;
}

export interface AwsRestRequest {
  readonly method: 'GET' | 'POST';
  /** Such as `/2013-04-01/hostedzone/Z1/rrset`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** XML. */
  readonly body?: string;
}

/** Returns the regional endpoint of a service. */
export const awsEndpoint = (service: string, region: string): string =>
  `https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** @param version the API's version: `2015-12-01` */
export function createAwsQuery(options: AwsOptions & { readonly version: string }): AwsQuery {
  const send = createSender(options, parseXml);
  return {
    call: (action, params, read, call) => {
      const { values, secrets } = opened(params);
      const body = canonicalQuery({ Action: action, Version: options.version, ...flattened(values as Fields) });
      const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
      return send({ action, headers, body, secrets, read: ({ body: root }) => read(resultOf(root, action)) }, call);
    },
  };
}

/** @param target the API's name in front of the action: `CertificateManager` */
export function createAwsJson(options: AwsOptions & { readonly target: string }): AwsJson {
  const send = createSender(options, parseJson);
  return {
    call: (action, params, read, call) => {
      const { values, secrets } = opened(params);
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${options.target}.${action}` };
      // The response of an action without a result has no body.
      const readBody = (answer: ApiAnswer) => read(readFields(answer.body ?? {}, 'the object'));
      return send({ action, headers, body: JSON.stringify(values), secrets, read: readBody }, call);
    },
  };
}

export function createAwsRest(options: AwsOptions): AwsRest {
  const send = createSender(options, parseXml);
  return {
    call: (action, { method, path, query = {}, body = '' }, read, call) => {
      const headers = method === 'POST' ? { 'content-type': 'text/xml' } : {};
      const sent = { action, method, path, query, headers, body, secrets: [] };
      return send({ ...sent, read: ({ body: root }) => read(answerOf(root, action)) }, call);
    },
  };
}

const throttling: readonly string[] = [
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
];
const busyCodes: readonly string[] = ['OperationInProgress', 'PriorRequestNotComplete', 'RequestInProgressException'];
const expiredCodes = ['ExpiredToken', 'ExpiredTokenException'] as const;

interface Sent<T> {
  readonly action: string;
  /** By default, POST to `/`. */
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly secrets: readonly Secret[];
  readonly read: (answer: ApiAnswer) => T;
}

function createSender(options: AwsOptions, parse: (text: string) => unknown) {
  const { clock, credentials, region, service } = options;
  const endpoint = new URL(options.endpoint ?? awsEndpoint(service, region));
  return async <T>(sent: Sent<T>, call: AwsCall): Promise<T> => {
    const { action, method = 'POST', path, query, headers, body, read, secrets } = sent;
    const url = new URL(endpoint);
    if (path !== undefined) url.pathname = `${endpoint.pathname.replace(/\/$/, '')}${path}`;
    if (query !== undefined) url.search = canonicalQuery(query);
    const judging = { action, service, busy: [...busyCodes, ...(call.busyCodes ?? [])] };
    const api = createJsonApi({
      ...options,
      parse,
      error: (trouble) =>
        options.error({ ...trouble, means: trouble.kind === 'refused' ? meaningOf(trouble) : undefined }),
      judge: (answer) => judge(answer, judging),
      ...present({ busyBudgetMs: call.busyBudgetMs }),
    });
    return callWithKeys(api, {
      credentials,
      expiredCodes,
      secrets,
      what: action,
      ...present({ about: call.about }),
      build: (keys) => {
        const signed = signV4({ method, url, headers, body, region, service, now: clock.now() }, keys);
        return { method, url: url.href, headers: signed, body: method === 'POST' ? body : undefined };
      },
      read,
      readsOnly: !call.mutates,
      isRepeatable: call.isRepeatable === true,
      signal: call.signal,
    });
  };
}

interface Said {
  readonly code: string | undefined;
  readonly message: string;
  readonly requestId: string | undefined;
}

function judge(answer: ApiAnswer, judging: { action: string; service: string; busy: readonly string[] }): Verdict {
  const { code, message, requestId } = isXml(answer.body) ? saidInXml(answer.body, answer) : saidInJson(answer);
  const words = {
    ...present({ code, requestId }),
    // The message about a wrong signature repeats everything that was signed.
    reason: message.replace(/\s*The Canonical String for this request should have been.*$/is, ''),
  };
  if (code === undefined || (answer.status >= 200 && answer.status < 300)) return judgeByStatus(answer, words);
  if (judging.busy.includes(code)) return { kind: 'busy', ...words };
  if (throttling.includes(code)) return { kind: 'limited', ...words };
  const advice = adviceOn(code, message, answer, judging);
  const isClockSkew = isSkewed(code, message);
  return judgeByStatus(answer, { ...words, isClockSkew, ...present({ advice }) });
}

const isXml = (body: unknown): body is XmlElement => isFields(body) && Array.isArray(body['children']);

function saidInXml(root: XmlElement, { headers }: ApiAnswer): Said {
  // STS and ELBv2 wrap the error, while EC2 and others use a different root.
  const error = xmlAt(root, 'Error') ?? xmlAt(root, 'Errors', 'Error');
  // Route 53 describes a refused batch in an element with that name.
  const batch = root.name === 'InvalidChangeBatch' ? root : undefined;
  const messages = batch && (xmlAt(batch, 'Messages')?.children ?? []).map(({ text }) => text).join(' ');
  return {
    code: batch?.name ?? (error && xmlText(error, 'Code')),
    message: messages ?? (error && xmlText(error, 'Message')) ?? '',
    requestId:
      xmlText(root, 'RequestId') ??
      xmlText(root, 'ResponseMetadata', 'RequestId') ??
      xmlText(root, 'RequestID') ??
      headers['x-amzn-requestid'],
  };
}

function saidInJson({ body, headers }: ApiAnswer): Said {
  const fields = isFields(body) ? body : {};
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const type = text(fields['__type']) ?? headers['x-amzn-errortype'];
  return {
    code: type?.replace(/^.*#/, '').replace(/:.*$/, ''),
    message: text(fields['message']) ?? text(fields['Message']) ?? '',
    requestId: headers['x-amzn-requestid'],
  };
}

function adviceOn(
  code: string,
  message: string,
  answer: ApiAnswer,
  { action, service }: { action: string; service: string },
): string | undefined {
  if (code.startsWith('AccessDenied') || code === 'UnauthorizedOperation') {
    const needed = /not authorized to perform: ([\w-]+:\w+)/.exec(message)?.[1] ?? `${service}:${action}`;
    const resource = /on resource: (arn:[^\s"']+)/.exec(message)?.[1] ?? '*';
    const statement = JSON.stringify({ Effect: 'Allow', Action: needed, Resource: resource });
    return `The IAM user or role of these keys (accessKeyId) lacks ${needed}. Add to its policy: ${statement}`;
  }
  if (isSkewed(code, message)) return clockAdvice(answer, 'AWS', 'five minutes');
  if (code === 'InvalidClientTokenId' || code === 'UnrecognizedClientException' || code === 'InvalidAccessKeyId')
    return 'Check the access key id (accessKeyId): it does not exist, is inactive, or its session token is missing.';
  if (code === 'SignatureDoesNotMatch' || code === 'InvalidSignatureException')
    return 'Check the secret access key (secretAccessKey): it does not belong to this access key id.';
  if (code.startsWith('ExpiredToken'))
    return 'The session token is expired. Give all three keys anew, or let a role give them.';
  return undefined;
}

const isSkewed = (code: string, message: string): boolean =>
  code === 'RequestExpired' ||
  code === 'RequestTimeTooSkewed' ||
  /signature (expired|not yet current)|must be within 5 minutes/i.test(message);

function meaningOf({ code = '' }: Trouble): AwsTrouble['means'] {
  if (/NotFound|^NoSuch/.test(code)) return 'not-found';
  return /^TooMany|Quota|LimitExceeded/.test(code) ? 'quota' : undefined;
}

function answerOf(root: unknown, action: string): XmlElement {
  if (isXml(root) && root.name === `${action}Response`) return root;
  throw new UnreadableAnswer(`it is no ${action}Response`);
}

function resultOf(root: unknown, action: string): XmlElement {
  // The response of an action without a result, such as DeleteRule at some endpoints, contains only metadata.
  return xmlAt(answerOf(root, action), `${action}Result`) ?? { name: `${action}Result`, children: [], text: '' };
}

/**
 * Returns the members of a list in a result. A missing list is an error, because it must never be taken for an empty
 * one.
 */
export const xmlMembers = (element: XmlElement, ...path: readonly string[]): readonly XmlElement[] =>
  xmlList('member', element, ...path);

/** Returns the elements of a list whose members have a specific name. */
export function xmlList(member: string, element: XmlElement, ...path: readonly string[]): readonly XmlElement[] {
  const list = xmlAt(element, ...path);
  if (list?.text !== '' || list.children.some(({ name }) => name !== member))
    throw new UnreadableAnswer(`${path.join('.')} is missing in its answer`);
  return list.children;
}

/** Reveals the secrets anywhere in the parameters, and returns them separately, too. */
function opened(params: AwsParams): { readonly values: unknown; readonly secrets: readonly Secret[] } {
  const secrets: Secret[] = [];
  const open = (value: AwsValue): unknown => {
    if (value instanceof Secret) {
      secrets.push(value);
      return value.reveal();
    }
    if (Array.isArray(value)) return value.map(open);
    if (typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, open(one as AwsValue)]));
  };
  return { values: open(params), secrets };
}

/** Flattens parameters to names such as `Actions.member.1.Type=forward`. */
function flattened(fields: Fields, prefix = ''): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (Array.isArray(value))
      Object.assign(
        flat,
        flattened(Object.fromEntries(value.map((one, at) => [`${name}.member.${at + 1}`, one])), prefix),
      );
    else if (isFields(value)) Object.assign(flat, flattened(value, `${prefix}${name}.`));
    else flat[`${prefix}${name}`] = String(value);
  }
  return flat;
}
