import type { AccessKeys } from '../http/access-keys.ts';
import { type ScopedRequest, signScoped } from './scoped.ts';

/** Returns the headers of a request signed with JD Cloud's JDCLOUD2-HMAC-SHA256. Each nonce is accepted once. */
export const signJdcloud = (
  request: ScopedRequest & { readonly nonce: string },
  keys: AccessKeys,
): Readonly<Record<string, string>> =>
  signScoped({ ...request, headers: { ...request.headers, 'x-jdcloud-nonce': request.nonce } }, keys, {
    algorithm: 'JDCLOUD2-HMAC-SHA256',
    keyPrefix: 'JDCLOUD2',
    terminator: 'jdcloud2_request',
    dateHeader: 'x-jdcloud-date',
    tokenHeader: 'x-jdcloud-security-token',
    encodesPathAgain: false,
  });
