import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../src/ports/clock.ts';
import { createFakeApi, type FakeAnswer, type FakeApi, type FakeRequest } from '../../../src/testing/fake-api.ts';
import type { Schemas, Values } from '../call-values.ts';
import { readJsonValues } from '../json-values.ts';

// What the calls share: the two forms of the signature, refusals, the rate. From developer.qiniu.com/kodo/kb/3702/QiniuToken
// and fusion/manual/4176; written for checking, without looking at a client.

export interface QiniuKey {
  readonly accessKey: string;
  readonly secretKey: string;
}

export class QiniuError extends Error {
  readonly code: number;
  readonly status: number;

  /** @param status by default the first three digits of the code */
  constructor(code: number, message: string, status = Number(String(code).slice(0, 3))) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Of a parameter that is wrong; the code is that of a live report (acme.sh #2958). */
export const wrong = (message: string): QiniuError => new QiniuError(400030, message);

export interface Call {
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly values: Values;
}

export interface Route {
  readonly query?: readonly string[];
  readonly body?: Schemas;
  /** The calls a second. */
  readonly perSecond?: number;
  run(call: Call): object | undefined;
}

export interface Answered {
  /** The method and the path, with names for what is in it: `PUT /domain/:name/httpsconf`. */
  readonly route: string;
  readonly code: number | undefined;
}

export interface Gateway {
  readonly api: FakeApi;
  readonly records: readonly Answered[];
  /** Lets the account refuse these routes to every key; without arguments, none. */
  deny(...routes: readonly string[]): void;
}

const badToken = () => new QiniuError(401, 'bad token');
const hmac = (key: string, ...parts: readonly (string | Uint8Array)[]): Buffer => {
  const sum = createHmac('sha1', key);
  for (const part of parts) sum.update(part);
  return sum.digest();
};

/** Throws the refusal of a request whose signature is wrong. */
export function verify(request: FakeRequest, keys: readonly QiniuKey[], nowMs: number): void {
  const { headers, method, url, body } = request;
  const found = /^(QBox|Qiniu) ([^:\s]+):([A-Za-z0-9_-]{27}=)$/.exec(headers['authorization'] ?? '');
  const key = keys.find(({ accessKey }) => accessKey === found?.[2]);
  if (found === null || key === undefined) throw badToken();
  const target = `${url.pathname}${url.search}`;
  const type = headers['content-type'];
  const expected = found[1] === 'QBox' ? ofQBox() : ofQiniu();
  if (!timingSafeEqual(expected, Buffer.from(found[3]!, 'base64url'))) throw badToken();

  /** Signs a body only if it is a form. */
  function ofQBox(): Buffer {
    return hmac(key!.secretKey, `${target}\n`, type === 'application/x-www-form-urlencoded' ? body : '');
  }

  function ofQiniu(): Buffer {
    const date = headers['x-qiniu-date'];
    if (date !== undefined) {
      const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
      if (!(Math.abs(nowMs - Date.parse(iso)) <= 15 * 60_000)) throw badToken();
    }
    const own = Object.keys(headers)
      .filter((name) => name.startsWith('x-qiniu-') && name !== 'x-qiniu-')
      .map((name) => `${name.replace(/(^|-)[a-z]/g, (one) => one.toUpperCase())}: ${headers[name]}\n`)
      .sort();
    const lines = [
      ...[`${method} ${target}\n`, `Host: ${headers['host']}\n`],
      ...(type === undefined ? [] : [`Content-Type: ${type}\n`]),
      ...[...own, '\n'],
    ];
    const signsBody = type !== undefined && type !== 'application/octet-stream';
    return hmac(key!.secretKey, lines.join(''), signsBody ? body : '');
  }
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly keys: readonly QiniuKey[];
  readonly origins: readonly string[];
  readonly throttled: number;
  readonly routes: Readonly<Record<string, Route>>;
}

export function createGateway({ clock, keys, origins, throttled, routes }: GatewayOptions): Gateway {
  const records: Answered[] = [];
  const recent = new Map<number, number[]>();
  let denied: readonly string[] = [];

  /** The routes with the same rate share it. */
  function throttle(perSecond: number | undefined): void {
    if (perSecond === undefined) return;
    const now = clock.monotonicMs();
    const times = (recent.get(perSecond) ?? []).filter((time) => now - time < 1000);
    if (times.length >= perSecond) throw new QiniuError(throttled, 'request per second exceeded', throttled);
    recent.set(perSecond, [...times, now]);
  }

  function run(request: FakeRequest, name: string, route: Route): object | undefined {
    verify(request, keys, clock.now().getTime());
    if (denied.includes(name)) throw new QiniuError(403, 'no permission');
    throttle(route.perSecond);
    const query = request.url.searchParams;
    const unknown = [...query.keys()].find((one) => !(route.query ?? []).includes(one));
    if (unknown !== undefined) throw wrong(`The fake: the query has no parameter ${unknown}.`);
    const isJson = (request.headers['content-type'] ?? '').startsWith('application/json');
    if (route.body !== undefined && !isJson) throw wrong('The fake: the body is not said to be JSON.');
    const values = readJsonValues(parse(request.text), route.body ?? {}, (what, at) => wrong(`${at}: ${what}`));
    return route.run({ path: request.params, query, values });
  }

  const handler =
    (name: string, route: Route) =>
    (request: FakeRequest): FakeAnswer => {
      const headers = { 'x-reqid': `fake${records.length}` };
      try {
        const body = run(request, name, route);
        records.push({ route: name, code: undefined });
        return { status: 200, headers, ...(body === undefined ? {} : { body }) };
      } catch (error) {
        if (!(error instanceof QiniuError)) throw error;
        records.push({ route: name, code: error.code });
        return { status: error.status, headers, body: { code: error.code, error: error.message } };
      }
    };

  const api = createFakeApi({
    clock,
    origin: origins,
    routes: Object.fromEntries(
      Object.entries(routes).flatMap(([name, route]) => {
        const [method, path] = name.split(' ');
        return origins.map((origin) => [`${method} ${origin}${path}`, handler(name, route)] as const);
      }),
    ),
  });
  return {
    api,
    records,
    deny: (...names) => {
      denied = names;
    },
  };
}

function parse(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    throw wrong('The body is no JSON.');
  }
}
