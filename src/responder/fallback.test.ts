import { describe, expect, it } from 'vitest';
import type { Vantage } from '../ports/vantage.ts';
import { createFallback } from './fallback.ts';

const path = '/.well-known/acme-challenge/token';
type Got = Awaited<ReturnType<Vantage['get']>>;

/** A fallback to `web.test:8080`, whose server answers as given. */
function start(answer: (url: string) => Got | Promise<Got>, addresses: readonly string[] = ['10.0.0.8', '10.0.0.9']) {
  const asked: (readonly [string, { readonly address: string; readonly port: number }])[] = [];
  const looked: string[] = [];
  const fallback = createFallback(
    { host: 'web.test', port: 8080 },
    {
      vantage: {
        name: 'test',
        async get(url, at) {
          asked.push([url, at]);
          return answer(url);
        },
        handshake: () => Promise.reject(new Error('unused')),
      },
      lookup: async (host) => {
        looked.push(host);
        return addresses;
      },
    },
  );
  return { fallback, asked, looked };
}

const fine = (body = 'an answer'): Got => ({ status: 200, body, location: undefined });

describe('the fallback', () => {
  it('asks the one server that was configured, in the name of the host that was asked for', async () => {
    const { fallback, asked, looked } = start(() => fine());
    expect(await fallback('other.example.test', path)).toEqual({ status: 200, body: 'an answer' });
    expect(asked).toEqual([[`http://other.example.test${path}`, { address: '10.0.0.8', port: 8080 }]]);
    expect(looked).toEqual(['web.test']);
  });

  it('passes on a refusal and a redirect as they are, and does not follow', async () => {
    const { fallback, asked } = start((url) =>
      url.includes('moved')
        ? { status: 301, body: '', location: 'https://other.example.test/x' }
        : { status: 404, body: 'no such challenge', location: undefined },
    );
    expect(await fallback('other.example.test', path)).toEqual({ status: 404, body: 'no such challenge' });
    expect(await fallback('moved.example.test', path)).toEqual({
      status: 301,
      body: '',
      location: 'https://other.example.test/x',
    });
    expect(asked).toHaveLength(2);
  });

  it.each(['https://x/\r\nset-cookie: a=b', 'https://x/ y', 'https://x/ü', '', `https://x/${'y'.repeat(2_000)}`])(
    'leaves out a location that is no plain URL: %j',
    async (location) => {
      const { fallback } = start(() => ({ status: 302, body: '', location }));
      expect(await fallback('other.example.test', path)).toEqual({ status: 302, body: '' });
    },
  );

  it.each(['other.example.test', 'other.example.test:5002', '192.0.2.1', '[2001:db8::1]', '[::1]:80'])(
    'asks for the host %s',
    async (host) => {
      const { fallback, asked } = start(() => fine());
      expect(await fallback(host, path)).toMatchObject({ status: 200 });
      expect(asked[0]?.[0]).toBe(`http://${host}${path}`);
    },
  );

  it.each([
    '',
    ' ',
    'a b',
    'a/b',
    'a@b',
    'a#b',
    'a?b',
    'a\\b',
    'a%2fb',
    'a\r\nb',
    'a:b',
    'a:123456',
    'ü.example',
    'user:pass@other.example.test',
    '[::1',
    '[zz]',
    'a'.repeat(254),
  ])('makes no request for the host %j', async (host) => {
    const { fallback, asked } = start(() => fine());
    expect(await fallback(host, path)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('ends a loop: a target behind the same rule asks us again', async () => {
    const loop = { rounds: 0 };
    const { fallback, asked } = start(async (url) => {
      loop.rounds += 1;
      const again = await fallback(new URL(url).host, path);
      return again ? { ...again, location: undefined } : { status: 404, body: 'not found', location: undefined };
    });
    expect(await fallback('other.example.test', path)).toEqual({ status: 404, body: 'not found' });
    expect(loop.rounds).toBe(8);
    // And is as good as new afterwards.
    await fallback('other.example.test', path);
    expect(asked).toHaveLength(16);
  });

  it('asks for other paths while one is in a loop', async () => {
    let answer = () => {};
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { fallback } = start(async (url) => {
      if (url.includes('slow')) await slow;
      return fine();
    });
    const open = Array.from({ length: 9 }, () => fallback('slow.example.test', path));
    expect(await open[8]).toBeUndefined();
    expect(await fallback('slow.example.test', path)).toBeUndefined();
    expect(await fallback('other.example.test', path)).toMatchObject({ status: 200 });
    answer();
    expect((await Promise.all(open)).filter((one) => one?.status === 200)).toHaveLength(8);
    expect(await fallback('slow.example.test', path)).toMatchObject({ status: 200 });
  });

  it('fails if the server does not answer or has no address, and is not stuck then', async () => {
    const silent = start(() => Promise.reject(new Error('connection refused')));
    for (let times = 0; times < 20; times++)
      await expect(silent.fallback('other.example.test', path)).rejects.toThrow('connection refused');
    const nameless = start(() => fine(), []);
    await expect(nameless.fallback('other.example.test', path)).rejects.toMatchObject({
      code: 'network/failed',
      message: expect.stringContaining('web.test has no address'),
    });
  });
});
