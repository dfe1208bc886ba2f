import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { Secret } from '../../core/errors/secret.ts';
import { isFields, parseJson } from '../../core/text/json.ts';
import type { Http, HttpRequest } from '../../ports/http.ts';
import type { TemporaryKeys } from './access-keys.ts';

/** The metadata that a cloud provides to programs on its machines, over a link-local address. */
export interface MetadataServer {
  /** Returns the text at a path, or undefined if there is none. */
  text(path: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The reason why the metadata server did not provide something, in words. Callers make the final error. */
export class NoMetadata extends Error {}

export interface MetadataServerOptions {
  readonly http: Http;
  /** Such as `http://100.100.100.200`. */
  readonly base: string;
  /** Headers that each request must have. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How to get the token that each request must have, if the machine uses the hardened mode. */
  readonly token?: {
    readonly path: string;
    /** The header of the token request, with the token's lifetime in seconds. */
    readonly ttlHeader: string;
    readonly header: string;
  };
}

/**
 * On a machine of the cloud, the server responds within milliseconds. Elsewhere, its address does not respond at all.
 */
const timeoutMs = 2_000;
const tries = 2;
const mostBytes = 64 * 1024;

export function createMetadataServer(options: MetadataServerOptions): MetadataServer {
  const { http, token: hardened } = options;
  const base = new URL(options.base);
  // Connecting to the address itself bypasses any proxy, which would see the keys, or could forge them.
  const connectTo = { address: base.hostname.replace(/^\[|\]$/g, ''), port: Number(base.port || 80) };

  const ask = async (request: Pick<HttpRequest, 'method' | 'headers'>, path: string, signal: AbortSignal) => {
    for (let left = tries - 1; ; left--) {
      try {
        const url = `${base.origin}${path}`;
        return await http.request({ ...request, url, signal, timeoutMs, connectTo, maxBytes: mostBytes });
      } catch (error) {
        if (!isFailure(error, 'network/')) throw error;
        if (left === 0) throw new NoMetadata(`${base.host} did not answer: ${reasonOf(error.cause ?? error)}`);
      }
    }
  };

  /** Returns the headers with the token of the hardened mode, or none if the machine does not support that mode. */
  const tokenHeaders = async (signal: AbortSignal): Promise<Record<string, string>> => {
    if (hardened === undefined) return {};
    const headers = { [hardened.ttlHeader]: '60' };
    const { status, body } = await ask({ method: 'PUT', headers }, hardened.path, signal);
    const token = new TextDecoder().decode(body).trim();
    return status === 200 && /^[\x21-\x7e]+$/.test(token) ? { [hardened.header]: token } : {};
  };

  return {
    async text(path, signal) {
      const headers = { ...options.headers, ...(await tokenHeaders(signal)) };
      const { status, body } = await ask({ method: 'GET', headers }, path, signal);
      if (status === 404) return undefined;
      if (status !== 200) throw new NoMetadata(`${base.host}${path} answered HTTP ${status}`);
      return new TextDecoder().decode(body).trim();
    },
  };
}

/** The names of the fields in which a service returns temporary keys. */
export interface KeyFields {
  readonly id: string;
  readonly secret: string;
  readonly token: string;
}

/** Reads temporary keys as metadata servers return them. Errors name the field, never its value. */
export function readTemporaryKeys(text: string, names: KeyFields): TemporaryKeys {
  let fields: unknown;
  try {
    fields = parseJson(text);
  } catch {
    throw new NoMetadata('the answer with the keys is not JSON');
  }
  if (!isFields(fields)) throw new NoMetadata('the answer with the keys is not an object');
  const code = fields['Code'];
  if (typeof code === 'string' && code !== 'Success')
    throw new NoMetadata(`the keys are not available: ${remoteText(code, 100)}`);
  const read = (name: string): string => {
    const value = fields[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new NoMetadata(`${name} is missing in the answer with the keys`);
  };
  const expires = new Date(read('Expiration'));
  if (Number.isNaN(expires.getTime())) throw new NoMetadata('Expiration is no date in the answer with the keys');
  return {
    id: new Secret(read(names.id)),
    secret: new Secret(read(names.secret)),
    token: new Secret(read(names.token)),
    expires,
  };
}
