import { createHash } from 'node:crypto';
import { present } from '../../core/text/present.ts';
import type { AccessKeys } from '../http/access-keys.ts';
import { type ScopedRequest, signScoped } from './scoped.ts';

/** Returns the headers of a request signed with Volcengine's HMAC-SHA256. */
export const signVolcengine = (request: ScopedRequest, keys: AccessKeys): Readonly<Record<string, string>> =>
  signScoped(
    {
      ...request,
      headers: {
        ...request.headers,
        // The vendor's SDK omits the header if there is no body.
        ...present({
          'x-content-sha256': request.body === '' ? undefined : createHash('sha256').update(request.body).digest('hex'),
        }),
      },
    },
    keys,
    {
      algorithm: 'HMAC-SHA256',
      keyPrefix: '',
      terminator: 'request',
      dateHeader: 'x-date',
      tokenHeader: 'x-security-token',
      encodesPathAgain: false,
    },
  );
