import { describe, expect, it } from 'vitest';
import { auditName, cleaned, daysBetween, decodeAudit, withEntry } from './audit.ts';
import { hostIn, hostsOf } from './host.ts';
import { isOver } from './login.ts';
import { firstUrlOf } from './pages-url.ts';
import { actions, isInScope, isScope, may, roles } from './role.ts';
import { createBucket, createThrottle, networkOf } from './throttle.ts';
import { isExpired } from './token.ts';
import { isUserName, passwordProblem } from './user.ts';

describe('may', () => {
  it.each([
    ['look', 'yes yes yes', true],
    ['renew', 'no yes yes', true],
    ['rollback', 'no yes yes', true],
    ['revoke', 'no yes yes', true],
    ['declare', 'no yes yes', false],
    ['connect', 'no yes yes', false],
    ['targets', 'no no yes', false],
    ['download-key', 'no no yes', false],
    ['users', 'no no yes', false],
    ['tokens', 'no no yes', false],
    ['audit', 'no no yes', false],
  ] as const)('%s: viewer, operator, admin: %s', (action, allowed, inScope) => {
    expect(roles.map((role) => (may({ role }, action) ? 'yes' : 'no')).join(' ')).toBe(allowed);
    expect(may({ role: 'admin', scope: ['www'] }, action)).toBe(inScope);
  });
  it('has a row for each action', () => expect(actions).toHaveLength(11));

  it('limits a token to its scope', () => {
    const names = ['www', 'shop-a', 'shop', 'wwww'];
    expect(names.filter((name) => isInScope({ scope: ['www', 'shop-*'] }, name))).toEqual(['www', 'shop-a']);
    expect(names.filter((name) => isInScope({}, name))).toEqual(names);
    expect(names.filter((name) => isInScope({ scope: [] }, name))).toEqual([]);
    expect(['www', 'shop-*', '*', '*a', 'a*b', '', 'A'].filter(isScope)).toEqual(['www', 'shop-*']);
  });
});

it.each([
  ['correct horse battery', 'ann', undefined],
  ['密码密码一二三四五六七八', 'ann', undefined],
  ['elevenchars', 'ann', 'too-short'],
  ['a'.repeat(12), 'ann', 'too-simple'],
  ['abc123abc123', 'ann', 'too-simple'],
  ['anna-marie123', 'anna-marie', 'is-name'],
  [`${'correct horse '.repeat(19)}x`, 'ann', 'too-long'],
])('judges the password %s of %s: %s', (password, name, expected) =>
  expect(passwordProblem(password, name)).toBe(expected),
);

it('knows names of users', () => {
  const names = ['ann', 'ann@example.com', 'A.b_c+d-1', '', '-a', 'a b', '<b>', 'a'.repeat(65), 'ä', 'a/b', 'a~b'];
  expect(names.filter(isUserName)).toEqual(['ann', 'ann@example.com', 'A.b_c+d-1']);
});

it('ends a login after its times, and with its user', () => {
  const now = new Date('2026-11-24T12:00:00Z');
  const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();
  const login = (at: number, seen: number, epoch = 'e') =>
    ({ schema: 1, user: 'ann', epoch, at: ago(at), seenAt: ago(seen) }) as const;
  expect(isOver(login(167, 11), { epoch: 'e' }, now)).toBe(false);
  expect(isOver(login(168, 1), { epoch: 'e' }, now)).toBe(true);
  expect(isOver(login(13, 12), { epoch: 'e' }, now)).toBe(true);
  expect(isOver(login(1, 1), { epoch: 'f' }, now)).toBe(true);
  expect(isOver(login(1, 1), undefined, now)).toBe(true);
  expect(isOver({ ...login(1, 1), seenAt: 'soon' }, { epoch: 'e' }, now)).toBe(true);
  expect([undefined, ago(-1), ago(0), 'soon'].map((expiresAt) => isExpired({ expiresAt }, now))).toEqual([
    ...[false, false, true, true],
  ]);
});

describe('the throttle', () => {
  const tries = (throttle: ReturnType<typeof createThrottle>, user: string, from: string, atMs: number) => {
    let count = 0;
    for (; throttle.waitMs({ user, from }, atMs) === 0; count += 1) throttle.failed({ user, from }, atMs);
    return count;
  };

  it('lets an address try ten times, and then once in 30 s', () => {
    const throttle = createThrottle();
    expect(tries(throttle, 'ann', '192.0.2.1', 0)).toBe(10);
    expect(throttle.waitMs({ user: 'bob', from: '192.0.2.1' }, 0)).toBe(30_000);
    expect(throttle.waitMs({ user: 'bob', from: '192.0.2.1' }, 29_999)).toBe(1);
    expect(tries(throttle, 'bob', '192.0.2.1', 30_000)).toBe(1);
    expect(tries(throttle, 'bob', '192.0.2.1', 30_000 + 86_400_000)).toBe(10);
  });

  it('lets all addresses together try a user twenty times, and then once in 10 s', () => {
    const throttle = createThrottle();
    const of = (one: number) => `198.51.100.${one}`;
    expect([1, 2, 3].map((one) => tries(throttle, 'ann', of(one), 0))).toEqual([10, 10, 0]);
    expect(tries(throttle, 'ann', of(4), 10_000)).toBe(1);
    expect(tries(throttle, 'bob', of(5), 10_000)).toBe(10);
  });

  it('does not slow down whoever has logged in from there', () => {
    const throttle = createThrottle();
    for (let count = 0; count < 30; count += 1) {
      throttle.failed({ user: 'ann', from: '192.0.2.9' }, 0);
      throttle.succeeded({ user: 'ann', from: '192.0.2.9' }, 0);
    }
    for (let one = 1; one < 9; one += 1) tries(throttle, 'ann', `198.51.100.${one}`, 0);
    expect(throttle.waitMs({ user: 'ann', from: '192.0.2.9' }, 0)).toBe(0);
    expect(throttle.waitMs({ user: 'ann', from: '192.0.2.8' }, 0)).toBeGreaterThan(0);
    expect(tries(throttle, 'ann', '192.0.2.9', 0)).toBe(10);
  });

  it('counts a network of IPv6 as one address', () => {
    expect(networkOf('2001:DB8:0:1:2:3:4:5')).toBe('2001:db8:0:1');
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0');
    expect(networkOf('::1')).toBe('0:0:0:0');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0');
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
  });

  it('remembers no more than it can', () => {
    const throttle = createThrottle();
    for (let one = 0; one < 12_000; one += 1) throttle.failed({ user: `u${one}`, from: '192.0.2.1' }, one);
    expect(throttle.waitMs({ user: 'ann', from: '192.0.2.1' }, 12_000)).toBeGreaterThan(0);
  });
});

it('admits so many at once, and one more after each time', () => {
  const { take } = createBucket({ most: 2, eachMs: 1_000 });
  expect([0, 0, 0, 999, 1_000, 1_000, 9_000, 9_000, 9_000].map(take)).toEqual([
    ...[true, true, false, false, true, false, true, true, false],
  ]);
});

it('finds hosts in headers, and those that are answered', () => {
  const texts = ['a.Test', 'a.test:8443', '[::0:1]:1', '127.0.0.1', 'a.test:x', 'a@b', '', 'a.test.', '[a]', 'a test'];
  expect(texts.map(hostIn)).toEqual([
    ...['a.test', 'a.test', '::1', '127.0.0.1', undefined, undefined, undefined, 'a.test', undefined, undefined],
  ]);
  const listen = ['192.0.2.1:80', '[2001:DB8::1]:443', '0.0.0.0:1', 'unix:/a'];
  expect([...hostsOf({ hosts: ['a.test'], listen })]).toEqual([
    ...['a.test', '192.0.2.1', '2001:db8::1', 'localhost', '127.0.0.1', '::1'],
  ]);
});

it('says where the first user is made', () => {
  const rest = { behindProxy: false };
  const url = (listen: string, more: object = {}) => firstUrlOf({ listen: [listen], hosts: [], ...rest, ...more }, 's');
  expect([
    url('127.0.0.1:8443'),
    url('[::1]:80'),
    url('8443', { certificate: 'c', hosts: ['a.test'] }),
    url('127.0.0.1:1', { certificate: 'c' }),
    url('127.0.0.1:1', { behindProxy: true, hosts: ['a.test'] }),
    url('unix:/a'),
  ]).toEqual([
    ...['http://127.0.0.1:8443/first/s', 'http://[::1]:80/first/s', 'https://a.test:8443/first/s'],
    ...['https://127.0.0.1:1/first/s', 'https://a.test/first/s', undefined],
  ]);
});

it('keeps entries of the audit log, clean and in parts', () => {
  const raw = { at: '2026-11-24T12:00:00.000Z', who: 'a\u001b[31mb\u202e', via: 'login', what: 'login' } as const;
  const entry = cleaned({ ...raw, object: 'x'.repeat(300), detail: 'a\nb', result: 'done' });
  expect(entry.who).not.toMatch(/[\u001b\u202e]/);
  expect([entry.object.length, entry.detail]).toEqual([200, 'a b']);
  let bytes = withEntry([], entry);
  let count = 0;
  for (let last = bytes; last; count += 1) {
    bytes = last;
    last = withEntry(decodeAudit(bytes, 'd', 'memory'), entry);
  }
  expect(bytes!.length).toBeLessThanOrEqual(64 * 1024);
  expect(decodeAudit(bytes!, 'd', 'memory')).toHaveLength(count);
  expect([1, 2].map((part) => auditName('2026-11-24', part))).toEqual(['2026-11-24', '2026-11-24~2']);
  expect(daysBetween(new Date('2026-11-29T23:59:00Z'), new Date('2026-12-01T00:00:00Z'))).toEqual([
    ...['2026-11-29', '2026-11-30', '2026-12-01'],
  ]);
});
