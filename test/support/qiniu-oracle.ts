import { createHmac } from 'node:crypto';

// A client of Qiniu's API for the tests of the fake. The vendor's own has no calls for domains and certificates; known
// answers of it check these signatures.

export interface OracleKey {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Signed {
  readonly method: string;
  readonly url: string;
  readonly body?: string;
  readonly type?: string;
  /** Of the header X-Qiniu-Date. */
  readonly date?: string;
}

const sign = ({ accessKey, secretKey }: OracleKey, text: string): string => {
  const sum = createHmac('sha1', secretKey).update(text).digest('base64');
  return `${accessKey}:${sum.replaceAll('+', '-').replaceAll('/', '_')}`;
};

/** The header Authorization in the old form, which leaves a body in JSON out. */
export function qbox({ url }: Signed, key: OracleKey): string {
  const { pathname, search } = new URL(url);
  return `QBox ${sign(key, `${pathname}${search}\n`)}`;
}

/** The header Authorization in the new form. */
export function qiniu({ method, url, body = '', type, date }: Signed, key: OracleKey): string {
  const { host, pathname, search } = new URL(url);
  const headers = [
    ...[`${method} ${pathname}${search}`, `Host: ${host}`],
    ...(type === undefined ? [] : [`Content-Type: ${type}`]),
    ...(date === undefined ? [] : [`X-Qiniu-Date: ${date}`]),
  ];
  return `Qiniu ${sign(key, `${headers.join('\n')}\n\n${type === undefined ? '' : body}`)}`;
}

export interface Oracle {
  /** The answer; throws an error with `code` and `status` if the API refuses. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are as many shapes as there are calls
  call(method: string, path: string, body?: object, changed?: Readonly<Record<string, string>>): Promise<any>;
  /** Status and code of the refusal; fails if the call succeeds. */
  code(method: string, path: string, body?: object, changed?: Readonly<Record<string, string>>): Promise<string>;
}

export function createOracle(
  origin: string,
  key: OracleKey,
  authorize: (request: Signed, key: OracleKey) => string,
): Oracle {
  async function call(
    method: string,
    path: string,
    given: object | undefined,
    changed: Readonly<Record<string, string>> = {},
  ) {
    const url = `${origin}${path}`;
    const sent = given === undefined ? {} : { body: JSON.stringify(given), type: 'application/json' };
    const headers = {
      authorization: authorize({ method, url, ...sent }, key),
      ...(sent.type === undefined ? {} : { 'content-type': sent.type }),
      ...changed,
    };
    const answer = await fetch(url, { method, headers, ...(sent.body === undefined ? {} : { body: sent.body }) });
    const text = await answer.text();
    const parsed = text === '' ? {} : (JSON.parse(text) as { code?: number; error?: string });
    if (answer.ok) return parsed;
    throw Object.assign(new Error(parsed.error), { code: parsed.code, status: answer.status });
  }
  return {
    call,
    async code(method, path, body, changed) {
      const answer = await call(method, path, body, changed).catch((error: unknown) => error);
      if (!(answer instanceof Error)) throw new Error(`${method} ${path} succeeded: ${JSON.stringify(answer)}`);
      const { code, status } = answer as Error & { code?: number; status?: number };
      return code === undefined ? answer.message : `${status} ${code}`;
    },
  };
}
