import { expect, it } from 'vitest';
import { fail } from '../core/errors/errors.ts';
import type { World } from '../ports/world.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import http01Stateless from './http01-stateless.ts';

// test/real/stateless.test.ts lets nginx and HAProxy answer.

const { signal } = new AbortController();
const account = { url: 'https://ca.test/acct/1', thumbprint: 'thumbprint' };
const identifier = { type: 'ip', value: '2001:db8::1' } as const;

/** Proxies by address; each answers with a status, or is silent. */
function connect(proxies: Readonly<Record<string, number | undefined>>) {
  const asked: string[] = [];
  let count = 0;
  const world = {
    clock: fakeClock(),
    random: { bytes: (length: number) => new Uint8Array(length).fill(++count) },
    lookup: async (host: string) => (host === 'edge' ? Object.keys(proxies) : host === 'nowhere' ? [] : [host]),
    vantage: {
      get: async (url: string, { address, port }: { readonly address: string; readonly port: number }) => {
        asked.push(`${address} ${port} ${url}`);
        const status = proxies[address];
        if (status === undefined) throw fail('network/failed', { method: 'GET', url, reason: 'refused' });
        return { status, body: `${url.split('/').at(-1)}.thumbprint\n` };
      },
    },
  } as unknown as World;
  const solverFor = (...frontends: readonly string[]) =>
    http01Stateless.connect({
      name: 'proxies',
      options: http01Stateless.options.parse({ frontends }),
      world,
    } as unknown as Parameters<typeof http01Stateless.connect>[0]);
  return { solverFor, asked };
}

it('asks every proxy, at every address, each time with another token', async () => {
  const { solverFor, asked } = connect({ '10.0.0.7': 200, '10.0.0.8': 200, '2001:db8::7': 200 });
  await solverFor('edge:80', '[2001:db8::7]:81').preflight?.(identifier, signal, account);
  expect(asked.map((line) => line.split(' ').slice(0, 2).join(' ')).sort()).toEqual([
    '10.0.0.7 80',
    '10.0.0.8 80',
    '2001:db8::7 80',
    '2001:db8::7 81',
  ]);
  const urls = asked.map((line) => line.split(' ')[2]!);
  expect(new Set(urls).size).toBe(4);
  for (const url of urls)
    expect(url).toMatch(/^http:\/\/\[2001:db8::1\]\/\.well-known\/acme-challenge\/[A-Za-z0-9_-]{43}$/);
});

it.each([
  ['edge:80', { '10.0.0.7': 200, '10.0.0.8': 404 }, 'solver/wrong-answer', 'the proxy at edge:80 returned'],
  ['edge:80', { '10.0.0.7': undefined }, 'solver/frontend-silent', 'the proxy at edge:80 did not answer'],
  ['nowhere:80', {}, 'solver/frontend-silent', 'nowhere has no address'],
])('says that %s with %j is not ready', async (frontend, proxies, code, message) => {
  const { solverFor } = connect(proxies);
  await expect(solverFor(frontend).preflight?.(identifier, signal, account)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

it('asks nothing before there is an account, and needs no effect for a challenge', async () => {
  const { solverFor, asked } = connect({});
  const solver = solverFor('edge:80');
  await solver.preflight?.(identifier, signal);
  expect(await solver.prepare?.('a', [identifier], signal)).toEqual({});
  const challenge = {
    ...{ type: 'http-01' as const, identifier, token: 'x'.repeat(43), keyAuthorization: 'x', lineage: 'a' },
    ...{ allIdentifiers: [identifier], remaining: 0 },
  } as const;
  expect(await solver.present(challenge, async () => {}, signal)).toBeNull();
  expect(await solver.ready(challenge, null, signal)).toEqual({ ready: true });
  await solver.cleanup(challenge, undefined, signal);
  await expect(solver.present({ ...challenge, token: '../x' }, async () => {}, signal)).rejects.toThrow();
  expect(asked).toEqual([]);
});
