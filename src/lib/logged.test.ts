import { expect, it } from 'vitest';
import { fail } from '../core/errors/errors.ts';
import type { Http } from '../ports/http.ts';
import type { Vantage } from '../ports/vantage.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { loggedHttp, loggedVantage } from './logged.ts';

const { signal } = new AbortController();

function bench() {
  const clock = fakeClock();
  const lines: string[] = [];
  const log = { debug: (line: string) => void lines.push(line), info: () => {}, warn: () => {} };
  return { clock, lines, log };
}

it('says of each request what was asked, and nothing that may be a secret', async () => {
  const { clock, lines, log } = bench();
  const http: Http = {
    async request({ url }) {
      await clock.advance(34);
      if (url.includes('cut')) throw fail('network/failed', { method: 'PUT', url, reason: 'the connection was cut' });
      return { status: 201, headers: { 'replay-nonce': 's3cret' }, body: new TextEncoder().encode('s3cret') };
    },
    close: async () => {},
  };
  const logged = loggedHttp(http, { log, clock });
  const request = { signal, headers: { authorization: 'Bearer s3cret' }, body: 's3cret' };
  await logged.request({ ...request, method: 'POST', url: 'https://user:s3cret@ca.test/order/1?token=s3cret#s3cret' });
  await expect(logged.request({ ...request, method: 'PUT', url: 'https://api.test/cut' })).rejects.toThrow();
  expect(lines).toEqual([
    'POST https://ca.test/order/1: 201 in 34 ms',
    'PUT https://api.test/cut: the connection was cut after 34 ms',
  ]);
});

it('leaves out the path of an address that is a secret', async () => {
  const { clock, lines, log } = bench();
  const answer = { status: 200, headers: {}, body: new Uint8Array() };
  const logged = loggedHttp({ request: async () => answer, close: async () => {} }, { log, clock }, true);
  await logged.request({ signal, method: 'POST', url: 'https://hooks.test/services/s3cret?token=s3cret' });
  expect(lines).toEqual(['POST https://hooks.test: 200 in 0 ms']);
});

it('says where a look went', async () => {
  const { clock, lines, log } = bench();
  const vantage: Vantage = {
    name: 'here',
    get: async () => ({ status: 404, headers: {}, body: '' }) as never,
    handshake: () =>
      Promise.reject(
        fail('network/failed', { method: 'TLS', url: 'a.test at 192.0.2.1:443', reason: 'connection refused' }),
      ),
  };
  const logged = loggedVantage(vantage, { log, clock });
  await logged.get('http://a.test/.well-known/acme-challenge/_health', { address: '2001:db8::1', port: 80 }, signal);
  const endpoint = { address: '192.0.2.1', port: 443, serverName: 'a.test' };
  await expect(logged.handshake(endpoint, signal)).rejects.toThrow();
  expect(lines).toEqual([
    'GET http://a.test/.well-known/acme-challenge/_health at [2001:db8::1]:80: 404 in 0 ms',
    'TLS a.test at 192.0.2.1:443: connection refused after 0 ms',
  ]);
});
