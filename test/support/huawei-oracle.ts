import { createHash, createHmac } from 'node:crypto';

// A client of Huawei Cloud's REST APIs for the tests of the fakes. The vendor's own is no dependency: a known answer of
// @huaweicloud/huaweicloud-sdk-core checks this signature.

export interface OracleKey {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Signed {
  readonly method: string;
  readonly url: string;
  /** With host, content-type and x-sdk-date. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** As the documents say: also the characters that `encodeURIComponent` leaves. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The header Authorization. */
export function authorizationOf({ method, url, headers, body }: Signed, key: OracleKey): string {
  const { pathname, searchParams } = new URL(url);
  const names = Object.keys(headers).sort();
  const path = pathname.split('/').map(decodeURIComponent).map(encode).join('/');
  const query = [...searchParams].map((pair) => pair.map(encode).join('=')).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const canonical = [method, `${path}/`, query.join('&'), lines, names.join(';'), sha256(body)].join('\n');
  const text = `SDK-HMAC-SHA256\n${headers['x-sdk-date']}\n${sha256(canonical)}`;
  const signature = createHmac('sha256', key.secretKey).update(text).digest('hex');
  return `SDK-HMAC-SHA256 Access=${key.accessKey}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

interface Refusal {
  readonly error_code?: string;
  readonly error_msg?: string;
}

export interface Oracle {
  /** The answer; throws an error with `code` and `status` if the API refuses. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are as many shapes as there are calls
  call(method: string, path: string, body?: object, changed?: Readonly<Record<string, string>>): Promise<any>;
  /** Status and code of the refusal; fails if the call succeeds. */
  code(method: string, path: string, body?: object, changed?: Readonly<Record<string, string>>): Promise<string>;
}

export function createOracle(origin: string, key: OracleKey, now: () => Date): Oracle {
  async function call(
    method: string,
    path: string,
    given: object | undefined,
    changed: Readonly<Record<string, string>> = {},
  ) {
    const [url, body] = [`${origin}${path}`, given === undefined ? '' : JSON.stringify(given)];
    const date = `${now().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
    const signed = { host: new URL(origin).host, 'content-type': 'application/json', 'x-sdk-date': date };
    const authorization = authorizationOf({ method, url, headers: signed, body }, key);
    const headers = { ...signed, authorization, ...changed };
    const answer = await fetch(url, { method, headers, ...(body === '' ? {} : { body }) });
    const text = await answer.text();
    const parsed = text === '' ? {} : (JSON.parse(text) as Refusal & { readonly error?: Refusal });
    // CDN puts its refusals below a name of its own, in answers that may have the status 200.
    const refusal = parsed.error ?? (answer.ok ? undefined : parsed);
    if (refusal === undefined) return parsed;
    throw Object.assign(new Error(refusal.error_msg), { code: refusal.error_code, status: answer.status });
  }
  return {
    call,
    async code(method, path, body, changed) {
      const answer = await call(method, path, body, changed).catch((error: unknown) => error);
      if (!(answer instanceof Error)) throw new Error(`${method} ${path} succeeded: ${JSON.stringify(answer)}`);
      const { code, status } = answer as Error & { code?: string; status?: number };
      return code === undefined ? answer.message : `${status} ${code}`;
    },
  };
}
