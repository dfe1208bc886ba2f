import type { AccessKeys } from '../http/access-keys.ts';
import { type ScopedRequest, signScoped } from './scoped.ts';

/** Returns the headers of a request signed with AWS Signature Version 4. */
export const signV4 = (request: ScopedRequest, keys: AccessKeys): Readonly<Record<string, string>> =>
  signScoped(request, keys, {
    algorithm: 'AWS4-HMAC-SHA256',
    keyPrefix: 'AWS4',
    terminator: 'aws4_request',
    dateHeader: 'x-amz-date',
    tokenHeader: 'x-amz-security-token',
    // True for every service but S3.
    encodesPathAgain: true,
  });
