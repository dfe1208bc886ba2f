import { expect, test } from 'vitest';
import { identifierOf, serverNameOf } from './tls-alpn.ts';

test.each([
  ['dns', 'www.example.com', 'www.example.com'],
  ['ip', '192.0.2.7', '7.2.0.192.in-addr.arpa'],
  ['ip', '2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa'],
  ['ip', '::', `${'0.'.repeat(32)}ip6.arpa`],
] as const)('the server name of the %s identifier %s is %s', (type, value, name) => {
  expect(serverNameOf({ type, value })).toBe(name);
  expect(identifierOf(name)).toEqual({ type, value });
});

test.each(['2.0.192.in-addr.arpa', '300.2.0.192.in-addr.arpa', '1.0.ip6.arpa', 'in-addr.arpa'])(
  '%s stands for no address',
  (value) => expect(identifierOf(value)).toEqual({ type: 'dns', value }),
);
