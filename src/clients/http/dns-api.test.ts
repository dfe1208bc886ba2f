import { expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import type { World } from '../../ports/world.ts';
import { createFakeApi, type Fault } from '../../testing/fake-api.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createDnsApi } from './dns-api.ts';

const token = new Secret('t0ken-of-this-test');
const log = { debug() {}, info() {}, warn() {} };

it.each<[Fault, object]>([
  [
    { kind: 'status', status: 403, body: { message: 'no right' } },
    {
      code: 'dns/refused',
      message: 'Example DNS refused to change _acme-challenge.example.com: no right',
      hint: 'Nothing was changed. Check token.',
    },
  ],
  [
    { kind: 'status', status: 404, body: { message: 'no such zone' } },
    { code: 'dns/refused', hint: 'Nothing was changed. Check token. Or check `endpoint`: it may lack the API’s path.' },
  ],
  [
    { kind: 'limited', retryAfter: 3_600 },
    { code: 'dns/limited', retryAt: expect.any(Date) },
  ],
  [{ kind: 'html' }, { code: 'dns/failed', message: expect.stringContaining('HTTP 502 (text/html)') }],
  [{ kind: 'lost' }, { code: 'dns/unreachable' }],
  [{ kind: 'echo' }, { code: 'dns/refused', message: expect.not.stringContaining(token.reveal()) }],
])('the error of a call that goes wrong: %o', async (fault, error) => {
  const clock = fakeClock();
  const origin = 'https://api.dns.example';
  const fake = createFakeApi({ clock, origin, routes: { 'POST /records': () => ({ status: 201, body: {} }) } });
  fake.fault(fault, { times: 10 });
  const world = { clock, random: { number: () => 0 }, log } as unknown as World;
  const api = createDnsApi({
    world,
    http: fake.http,
    provider: 'Example DNS',
    advice: 'Check token.',
    endpoint: origin,
  });
  const call = api.call({
    what: 'the new record',
    about: '_acme-challenge.example.com',
    build: () => ({
      method: 'POST',
      url: `${origin}/records`,
      headers: { authorization: `Bearer ${token.reveal()}` },
      body: '{}',
    }),
    read: () => undefined,
    readsOnly: false,
    secrets: [token],
    signal: new AbortController().signal,
  });
  await expect(call).rejects.toMatchObject(error);
});
