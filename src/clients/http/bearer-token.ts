import { Secret } from '../../core/errors/secret.ts';
import { isFields } from '../../core/text/json.ts';
import {
  type ApiCall,
  type ApiRequest,
  type JsonApi,
  readFields,
  readString,
  refusalOf,
  UnreadableAnswer,
} from './json-api.ts';
import type { Refreshed } from './refreshed.ts';

/** An OAuth 2.0 access token (RFC 6750). */
export interface BearerToken {
  readonly token: Secret;
  readonly expires: Date;
}

/**
 * Reads the response of a token endpoint (RFC 6749 §5.1). Azure's metadata server sends the seconds as text, and its
 * App Service sends only the expiry.
 */
export function readBearerToken(body: unknown, now: Date): BearerToken {
  const fields = readFields(body, 'the access token');
  const token = readString(fields, 'access_token');
  const { expires_in: left, expires_on: end } = fields;
  const seconds = left === undefined ? Number(end || Number.NaN) - now.getTime() / 1000 : Number(left || Number.NaN);
  if (!/^[\x21-\x7e]+$/.test(token) || !(seconds > 0)) throw new UnreadableAnswer('the access token is no token');
  return { token: new Secret(token), expires: new Date(now.getTime() + seconds * 1000) };
}

/** Returns the error of a token endpoint that issued no token (RFC 6749 §5.2). */
export function tokenRefusal(body: unknown): { readonly code: string; readonly reason: string } | undefined {
  const fields = isFields(body) ? body : {};
  const { error, error_description: said } = fields;
  if (typeof error !== 'string') return undefined;
  return { code: error, reason: typeof said === 'string' ? said : error };
}

export interface BearerCall<T> extends Omit<ApiCall<T>, 'build' | 'secrets'> {
  readonly tokens: Refreshed<BearerToken>;
  /** Builds one attempt, without the token. */
  build(): ApiRequest;
}

/** Sends a call with a token, and repeats it once with a new token if the service no longer accepts the old one. */
export async function callWithToken<T>(api: JsonApi, { tokens, build, ...call }: BearerCall<T>): Promise<T> {
  const secrets: Secret[] = [];
  const once = () =>
    api.call({
      ...call,
      secrets,
      build: async (signal) => {
        const { token } = await tokens.current(signal, call.about);
        secrets.push(token);
        const request = build();
        return { ...request, headers: { ...request.headers, authorization: `Bearer ${token.reveal()}` } };
      },
    });
  try {
    return await once();
  } catch (error) {
    if (refusalOf(error)?.status !== 401 || !tokens.renew()) throw error;
    return once();
  }
}
