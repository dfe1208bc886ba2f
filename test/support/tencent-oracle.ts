import { createHash, createHmac } from 'node:crypto';

// A client of Tencent Cloud's API 3.0 for the tests of the fakes. The vendor's own is no dependency: a known answer of
// tencentcloud-sdk-nodejs-common checks this signature.

export interface OracleKey {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token?: string;
}

export interface Signed {
  readonly service: string;
  readonly host: string;
  readonly timestamp: number;
  readonly payload: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The header Authorization. */
export function authorizationOf({ service, host, timestamp, payload }: Signed, key: OracleKey): string {
  const headers = `content-type:application/json\nhost:${host}\n`;
  const canonical = `POST\n/\n\n${headers}\ncontent-type;host\n${sha256(payload)}`;
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const scope = `${date}/${service}/tc3_request`;
  const text = `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`;
  const signing = hmac(hmac(hmac(`TC3${key.secretKey}`, date), service), 'tc3_request');
  const signature = hmac(signing, text).toString('hex');
  return `TC3-HMAC-SHA256 Credential=${key.secretId}/${scope}, SignedHeaders=content-type;host, Signature=${signature}`;
}

export interface OracleOptions {
  readonly origin: string;
  readonly service: string;
  readonly version: string;
  readonly region?: string;
  nowMs(): number;
}

export interface Oracle {
  /** The answer; throws an error with `code` if the API refuses. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are as many shapes as there are actions
  call(action: string, parameters?: object, headers?: Readonly<Record<string, string>>): Promise<any>;
  /** The code of the refusal; fails if the call succeeds. */
  code(action: string, parameters?: object, headers?: Readonly<Record<string, string>>): Promise<string>;
}

export function createOracle({ origin, service, version, region, nowMs }: OracleOptions, key: OracleKey): Oracle {
  async function call(action: string, parameters: object = {}, changed: Readonly<Record<string, string>> = {}) {
    const [payload, timestamp] = [JSON.stringify(parameters), Math.floor(nowMs() / 1000)];
    const authorization = authorizationOf({ service, host: new URL(origin).host, timestamp, payload }, key);
    const headers = {
      ...{ authorization, 'content-type': 'application/json', 'x-tc-action': action, 'x-tc-version': version },
      ...{ 'x-tc-timestamp': String(timestamp), ...(region === undefined ? {} : { 'x-tc-region': region }) },
      ...(key.token === undefined ? {} : { 'x-tc-token': key.token }),
      ...changed,
    };
    const answer = await fetch(origin, { method: 'POST', headers, body: payload });
    const { Response } = (await answer.json()) as { Response: { Error?: { Code: string; Message: string } } };
    if (Response.Error !== undefined)
      throw Object.assign(new Error(Response.Error.Message), { code: Response.Error.Code, status: answer.status });
    return Response;
  }
  return {
    call,
    async code(action, parameters, headers) {
      const answer = await call(action, parameters, headers).catch((error: { code?: string }) => error);
      if (!(answer instanceof Error)) throw new Error(`${action} succeeded: ${JSON.stringify(answer)}`);
      return (answer as { code?: string }).code ?? answer.message;
    },
  };
}
