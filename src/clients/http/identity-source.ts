import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { present } from '../../core/text/present.ts';
import type { Files } from '../../ports/files.ts';
import type { Http, HttpResponse } from '../../ports/http.ts';
import { NoMetadata } from './metadata-server.ts';

/**
 * A request for an identity, for its error: who needs which fact, the source that did not provide it, and what a person
 * can do.
 */
export type Asking = Readonly<Record<'what' | 'fact' | 'source' | 'advice', string>>;

/**
 * Turns a {@link NoMetadata}, or the failure of a source that does not respond, into the error `config/no-metadata`.
 */
export async function askSource<T>(asking: Asking, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof NoMetadata) throw fail('config/no-metadata', { ...asking, reason: error.message });
    if (!isFailure(error, 'network/')) throw error;
    throw fail('config/no-metadata', { ...asking, reason: reasonOf(error) }, { cause: error });
  }
}

/** Turns a refusal of a token exchange service into `config/no-metadata`. */
export const refusedBy =
  (asking: Asking) =>
  ({
    code,
    reason,
    cause,
  }: {
    readonly code?: string | undefined;
    readonly reason: string;
    readonly cause?: unknown;
  }) =>
    fail('config/no-metadata', { ...asking, reason: code === undefined ? reason : `${code}: ${reason}` }, { cause });

/** Far more than the few kilobytes of a token. */
export const mostTokenBytes = 64 * 1024;

/** Reads a token from a file. The platform renews the token there, so it is read each time. */
export async function readTokenFile(file: string, files: Pick<Files, 'read'>): Promise<string> {
  try {
    const bytes = await files.read(file, { named: true, maxBytes: mostTokenBytes });
    const token = new TextDecoder().decode(bytes).trim();
    if (token !== '') return token;
  } catch (error) {
    throw new NoMetadata(`the token file ${file} cannot be read: ${reasonOf(error)}`);
  }
  throw new NoMetadata(`the token file ${file} is missing or empty`);
}

/** This machine, and link-local addresses, which no router forwards. */
const local = /^(127\.\d+\.\d+\.\d+|\[::1\]|169\.254\.\d+\.\d+)$/;

/**
 * Parses the address of a platform's own credential service: https, or http to this machine. Elsewhere, others on the
 * network could read the secret that is sent and the credentials that are returned.
 */
export function localService(text: string, refuse: (reason: string) => Error): URL {
  if (!URL.canParse(text)) throw refuse('is not a URL');
  const url = new URL(text);
  // Platforms write this name, which could resolve to another host.
  if (url.hostname === 'localhost') url.hostname = '127.0.0.1';
  if (url.username !== '' || url.password !== '') throw refuse('must not have a user or password');
  if (url.protocol === 'https:' || (url.protocol === 'http:' && local.test(url.hostname))) return url;
  throw refuse('must be https, or http to this machine or a link-local address');
}

const timeoutMs = 5_000;

/**
 * Sends a request to such a service, bypassing any proxy if the service is on this machine. A header must be one line
 * of text.
 */
export function askLocalService(
  http: Http,
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpResponse> {
  // A line break would end the header.
  for (const value of Object.values(headers))
    if (!/^[\x20-\x7e]*$/.test(value)) throw new NoMetadata('its token is not one line of text');
  const connectTo = { address: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
  return http.request({
    ...{ method: 'GET', url: url.href, signal, timeoutMs, headers, maxBytes: mostTokenBytes },
    // A proxy would see the credentials, or could forge them.
    ...present({ connectTo: url.protocol === 'http:' ? connectTo : undefined }),
  });
}

/** Returns the text that such a service answers. Fails with {@link NoMetadata} for any status but 200. */
export async function readLocalService(...request: Parameters<typeof askLocalService>): Promise<string> {
  const { status, body } = await askLocalService(...request);
  if (status !== 200) throw new NoMetadata(`it answered HTTP ${status}`);
  return new TextDecoder().decode(body);
}
