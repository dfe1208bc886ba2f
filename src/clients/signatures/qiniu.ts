import { createHmac } from 'node:crypto';
import type { AccessKeys } from '../http/access-keys.ts';

export interface QiniuRequest {
  readonly method: string;
  readonly url: URL;
  /** Of the body, which is signed with it. */
  readonly contentType: string;
  readonly body: string;
}

/** Returns the header `Authorization` of a request in the newer form of Qiniu, which signs method, host and body. */
export function signQiniu({ method, url, contentType, body }: QiniuRequest, keys: AccessKeys): string {
  const head = `${method} ${url.pathname}${url.search}\nHost: ${url.host}\nContent-Type: ${contentType}\n\n`;
  const signature = createHmac('sha1', keys.secret.reveal()).update(`${head}${body}`).digest('base64');
  return `Qiniu ${keys.id.reveal()}:${signature.replaceAll('+', '-').replaceAll('/', '_')}`;
}
