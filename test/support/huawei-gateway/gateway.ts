import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../src/ports/clock.ts';
import { createFakeApi, type FakeAnswer, type FakeApi, type FakeRequest } from '../../../src/testing/fake-api.ts';
import type { Schema, Schemas, Values } from '../call-values.ts';
import { readJsonValues } from '../json-values.ts';

// What the REST APIs of Huawei Cloud share: SDK-HMAC-SHA256, rights, errors. From support.huaweicloud.com/devg-apisign
// (api-sign-algorithm-001 to 005) and the error codes of the API gateway; written for checking, without looking at a
// client.

export interface HuaweiKey {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Absent: everything. Else the actions that it may call: `elb:listeners:list`, `elb:*`. */
  readonly actions?: readonly string[];
}

export class HuaweiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const refuse = (status: number, code: string, message = code): HuaweiError =>
  new HuaweiError(status, code, message);

export interface Call {
  readonly key: HuaweiKey;
  /** The ids in the path. */
  readonly path: Readonly<Record<string, string>>;
  /** The query, in which a name may come more than once. */
  readonly query: URLSearchParams;
  /** What is in the body: below its one name, or its one list. */
  readonly values: Values;
}

export interface Route {
  /** The right that IAM asks for. */
  readonly action: string;
  /** An older name of that right, which serves too. */
  readonly alias?: string;
  /** The rights that it needs besides. */
  readonly dependsOn?: readonly string[];
  /** The rate of this call alone. */
  readonly most?: { readonly calls: number; readonly perMs: number };
  /** The names that the query may have. */
  readonly query?: readonly string[];
  /** The one name in the body, and what is below it. */
  readonly body?: { readonly name: string; readonly schemas: Schemas };
  /** Or the one list in the body. */
  readonly list?: { readonly name: string; readonly schema: Schema };
  /** Of a success; 200 if absent. */
  readonly status?: number;
  run(call: Call): Readonly<Record<string, unknown>> | undefined;
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly keys: readonly HuaweiKey[];
  readonly origins: readonly string[];
  /** By method and path: `GET /v3/:project/elb/listeners`. */
  readonly routes: Readonly<Record<string, Route>>;
  readonly perSecond?: number;
  /** Of a parameter that is wrong; `400 ELB.1001` if absent. */
  wrong?(message: string): HuaweiError;
  /** Of a right that is missing; `403 APIGW.0302` if absent. */
  denied?(action: string): HuaweiError;
  /** The answer of a refusal, where it is not that of the API gateway. */
  refusal?(error: HuaweiError): FakeAnswer | undefined;
  /** Brings the cloud up to date before each call. */
  before(): void;
}

export interface Answered {
  /** The method and the path, with names for the ids. */
  readonly route: string;
  readonly code: string | undefined;
}

export interface Gateway {
  readonly api: FakeApi;
  /** What was answered to each call, before a fault of the test changed or lost it. */
  readonly records: readonly Answered[];
  /** Lets IAM refuse these actions to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
}

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
const form = /^SDK-HMAC-SHA256 Access=([^,\s]+), ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const unsigned = (message: string) => refuse(401, 'APIGW.0301', `Incorrect IAM authentication information: ${message}`);

/** Returns the key that signed the request, or throws the refusal. */
export function verify(request: FakeRequest, keys: readonly HuaweiKey[], nowMs: number): HuaweiKey {
  const { headers, method, url, body } = request;
  const [, access, list, signature] = form.exec(headers['authorization'] ?? '') ?? [];
  const key = keys.find(({ accessKey }) => accessKey === access);
  if (key === undefined || list === undefined || signature === undefined) throw unsigned('no such access key');
  const date = headers['x-sdk-date'] ?? '';
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  const atMs = parts === null ? Number.NaN : Date.parse(isoOf(parts));
  if (!(Math.abs(nowMs - atMs) <= 15 * 60_000)) throw unsigned('x-sdk-date is wrong');
  const signed = list.split(';');
  const query = [...url.searchParams]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map((pair) => pair.join('='));
  const canonical = [
    method,
    `${url.pathname.split('/').map(decodeURIComponent).map(encode).join('/')}/`.replace(/\/\/$/, '/'),
    query.join('&'),
    signed.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join(''),
    list,
    sha256(body),
  ].join('\n');
  const text = `SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`;
  const expected = createHmac('sha256', key.secretKey).update(text).digest();
  const isComplete = ['host', 'x-sdk-date'].every((name) => signed.includes(name));
  const fine = isComplete && signed.every((name) => headers[name] !== undefined);
  if (!fine || !timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw unsigned('verify aksk signature fail');
  return key;
}

const isoOf = ([, year, month, day, hour, minute, second]: RegExpExecArray): string =>
  `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;

export function createGateway(options: GatewayOptions): Gateway {
  const { clock, keys, origins, perSecond = Number.POSITIVE_INFINITY } = options;
  const wrong = options.wrong ?? ((message: string) => refuse(400, 'ELB.1001', message));
  const lacks =
    options.denied ??
    ((action: string) => refuse(403, 'APIGW.0302', `Policy doesn't allow ${action} to be performed.`));
  const records: Answered[] = [];
  const recent = new Map<string, number[]>();
  let denied: readonly string[] = [];
  let requests = 0;

  function allow({ actions }: HuaweiKey, names: readonly string[]): void {
    const has = (one: string) =>
      names.some((name) => one === name || (one.endsWith('*') && name.startsWith(one.slice(0, -1))));
    if (names.some((name) => denied.includes(name)) || !(actions?.some(has) ?? true)) throw lacks(names[0]!);
  }

  function throttle(what: string, calls: number, perMs: number): void {
    const now = clock.monotonicMs();
    const times = (recent.get(what) ?? []).filter((time) => now - time < perMs);
    if (times.length >= calls) throw refuse(429, 'APIGW.0308', 'The throttling threshold has been reached.');
    recent.set(what, [...times, now]);
  }

  function run(request: FakeRequest, name: string, route: Route): FakeAnswer {
    const key = verify(request, keys, clock.now().getTime());
    allow(key, [route.action, ...(route.alias === undefined ? [] : [route.alias])]);
    for (const action of route.dependsOn ?? []) allow(key, [action]);
    throttle('', perSecond, 1000);
    if (route.most !== undefined) throttle(name, route.most.calls, route.most.perMs);
    options.before();
    const query = request.url.searchParams;
    const unknown = [...query.keys()].find((name) => !(route.query ?? []).includes(name));
    if (unknown !== undefined) throw wrong(`The fake: the query has no parameter ${unknown}.`);
    const schemas: Schemas = {
      ...(route.body === undefined ? {} : { [`${route.body.name}!`]: { fields: route.body.schemas } }),
      ...(route.list === undefined ? {} : { [`${route.list.name}!`]: route.list.schema }),
    };
    const parsed: unknown = request.text === '' ? {} : parseJson(request.text);
    if (parsed === undefined) throw wrong('The body is no JSON.');
    const values = readJsonValues(parsed, schemas, (what, at) => wrong(`${at}: ${what}`));
    const body = route.body === undefined ? values : values.part(route.body.name)!;
    const answer = route.run({ key, path: request.params, query, values: body });
    return { status: route.status ?? 200, ...(answer === undefined ? {} : { body: answer }) };
  }

  const handler =
    (name: string, route: Route) =>
    (request: FakeRequest): FakeAnswer => {
      requests += 1;
      const request_id = requests.toString(16).padStart(32, '0');
      const headers = { 'x-request-id': request_id };
      try {
        const answer = run(request, name, route);
        records.push({ route: name, code: undefined });
        const body = answer.body === undefined ? {} : { body: { request_id, ...(answer.body as object) } };
        return { status: answer.status, headers, ...body };
      } catch (error) {
        if (!(error instanceof HuaweiError)) throw error;
        records.push({ route: name, code: error.code });
        const { status, code, message } = error;
        const answer = options.refusal?.(error) ?? {
          status,
          body: { error_code: code, error_msg: message, request_id },
        };
        return { ...answer, headers };
      }
    };

  const api = createFakeApi({
    clock,
    origin: origins,
    nameOf: ({ method, url }) => `${method} ${url.pathname.replace(/[0-9a-f-]{32,36}/g, ':id')}`,
    routes: Object.fromEntries(
      Object.entries(options.routes).flatMap(([name, route]) => {
        const [method, path] = name.split(' ');
        return origins.map((origin) => [`${method} ${origin}${path}`, handler(name, route)] as const);
      }),
    ),
  });
  return {
    api,
    records,
    deny: (...actions) => {
      denied = actions;
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
