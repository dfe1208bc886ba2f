import { expect, it } from 'vitest';
import { recordedCalls } from '../../../test/support/alibaba-oss-recorded.ts';
import { Secret } from '../../core/errors/secret.ts';
import { signOss } from './oss.ts';

// The vendor's own client made these requests.
const calls = recordedCalls.filter(
  ({ headers, url }) => headers.authorization?.startsWith('OSS4-') && url.includes('site-a.'),
);

it.each(calls.map((call) => [`${call.method} ${call.url}`, call] as const))(
  'signs %s as the vendor does',
  (_what, call) => {
    const url = new URL(call.url);
    const { authorization, ...headers } = call.headers;
    const [, day, time] = /^(\d{8})T(\d{6})Z$/.exec(headers['x-oss-date'] ?? '') ?? [];
    const colons = (text = '') => text.replace(/(\d\d)(?=\d)/g, '$1:');
    const now = new Date(`${day?.slice(0, 4)}-${day?.slice(4, 6)}-${day?.slice(6)}T${colons(time)}Z`);
    const keys = { id: new Secret('LTAIroot'), secret: new Secret('root-secret') };
    const signed = signOss(
      {
        ...{ method: call.method, bucket: 'site-a', region: 'cn-hangzhou', now },
        ...{ query: Object.fromEntries(url.searchParams), headers },
      },
      keys,
    );
    expect(signed['authorization']).toBe(authorization);
  },
);
