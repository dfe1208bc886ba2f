import type { Secret } from '../../core/errors/secret.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import { callWithKeys, fixedKeys } from '../http/access-keys.ts';
import { type JsonApi, readFields } from '../http/json-api.ts';
import { signHuawei } from '../signatures/huawei.ts';

export interface HuaweiKeyOptions {
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  readonly securityToken?: Secret | undefined;
}

export interface HuaweiCall<T> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  /** The call, for messages. */
  readonly what: string;
  readonly body?: Fields | undefined;
  /** The secrets in the body. */
  readonly secrets?: readonly Secret[] | undefined;
  readonly projectId?: string | undefined;
  readonly maxBytes?: number | undefined;
  read(body: Fields): T;
}

/** Makes the calls of one of Huawei Cloud's APIs, signed with these keys. A change is never repeated. */
export function signedCalls(api: JsonApi, options: HuaweiKeyOptions, clock: Clock) {
  const credentials = fixedKeys({
    ...{ id: options.accessKeyId, secret: options.secretAccessKey, token: options.securityToken },
  });
  return <T>({ method, url: text, body, what, projectId, read, ...more }: HuaweiCall<T>, signal: AbortSignal) =>
    callWithKeys(api, {
      ...{ credentials, what, secrets: more.secrets ?? [], readsOnly: method === 'GET', signal },
      ...present({ maxBytes: more.maxBytes }),
      build: (keys) => {
        const url = new URL(text);
        const sent = body === undefined ? '' : JSON.stringify(body);
        const headers = { 'content-type': 'application/json', ...present({ 'x-project-id': projectId }) };
        const signed = signHuawei({ method, url, headers, body: sent, now: clock.now() }, keys);
        return { method, url: url.href, headers: signed, ...present({ body: body && sent }) };
      },
      read: (answer) => read(answer.body === undefined ? {} : readFields(answer.body, 'the object')),
    });
}
