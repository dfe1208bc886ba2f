import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly form?: Record<string, string>;
  readonly body?: string;
}

/** Asks a server at an address or a socket, as a browser or a program would; over HTTPS if `to` has a root. */
export function askAt(to: object, path: string, { method, headers = {}, form, body }: Ask = {}): Promise<Answer> {
  const text = form ? new URLSearchParams(form).toString() : body;
  const type = form ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
  const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) };
  return new Promise((resolve, reject) => {
    const request = 'ca' in to ? requestHttps : requestHttp;
    const sent = request(
      {
        ...to,
        path,
        method: method ?? (text === undefined ? 'GET' : 'POST'),
        headers: { ...type, ...length, ...headers },
        agent: false,
      },
      (response) => {
        let all = '';
        response.on('data', (data) => (all += data));
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: all }));
      },
    );
    sent.on('error', reject).end(text);
  });
}
