import { expect, it } from 'vitest';
import { atWidest } from './responders.ts';

it.each<readonly [string, readonly string[], readonly string[]]>([
  ['both families hide IPv4 alone', ['0.0.0.0:80', '80', '127.0.0.1:80'], ['80']],
  ['one address has two spellings', ['80', '[::]:80', ':80'], ['80']],
  ['all of IPv4 hides one address', ['192.0.2.1:80', '0.0.0.0:80'], ['0.0.0.0:80']],
  [
    'two addresses and two ports stay',
    ['192.0.2.1:80', '192.0.2.2:80', '81', '[::1]:80'],
    ['192.0.2.1:80', '192.0.2.2:80', '81', '[::1]:80'],
  ],
])('listens once for a port: %s', (_what, given, expected) => {
  const found = atWidest(given.map((listen) => ({ of: 'http-01' as const, listen })));
  expect(found.map(({ listen }) => listen)).toEqual(expected);
});

it('passes requests on where one of the solvers does', () => {
  const [one, ...more] = atWidest([
    { of: 'http-01', listen: '0.0.0.0:80', fallback: '127.0.0.1:8080' },
    { of: 'http-01', listen: '80' },
  ]);
  expect([one, more]).toEqual([{ of: 'http-01', listen: '80', fallback: '127.0.0.1:8080' }, []]);
});
