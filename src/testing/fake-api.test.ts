import { describe, expect, it } from 'vitest';
import { isFailure } from '../core/errors/errors.ts';
import { neverArrived } from '../core/errors/unsent.ts';
import type { HttpResponse } from '../ports/http.ts';
import { createFakeApi, type Fault } from './fake-api.ts';
import { fakeClock } from './fake-clock.ts';

const never = new AbortController().signal;
const text = ({ body }: HttpResponse): string => new TextDecoder().decode(body);

function bench() {
  const clock = fakeClock(undefined, { auto: true });
  const zones = new Set<string>();
  const fake = createFakeApi({
    clock,
    origin: 'https://api.test',
    authorize: ({ headers }) => (headers['x-key'] === 'right' ? undefined : { status: 401 }),
    routes: {
      'GET /zones': ({ url }) => ({ status: 200, body: { zones: [...zones], page: url.searchParams.get('page') } }),
      'PUT /zones/:zone/records/:name': ({ params, json }) => {
        zones.add(`${params['zone']} ${params['name']} ${(json() as { value: string }).value}`);
        return { status: 201 };
      },
      'POST /forms/*': ({ form, url }) => ({ status: 200, body: `${url.pathname} ${form().get('a')}` }),
    },
  });
  const send = (method: 'GET' | 'POST' | 'PUT', path: string, body = '', headers = { 'X-Key': 'right' }) =>
    fake.http.request({ method, url: `https://api.test${path}`, headers, body, signal: never });
  return { clock, fake, zones, send };
}

describe('createFakeApi', () => {
  it('finds the route, and keeps a log', async () => {
    const { fake, send } = bench();
    expect(await send('PUT', '/zones/example.com/records/a%2Fb', '{"value":"v"}')).toMatchObject({ status: 201 });
    const listed = await send('GET', '/zones?page=2');
    expect(JSON.parse(text(listed))).toEqual({ zones: ['example.com a/b v'], page: '2' });
    expect(listed.headers).toEqual({ date: 'Tue, 24 Nov 2026 12:00:00 GMT', 'content-type': 'application/json' });
    expect(text(await send('POST', '/forms/x/y', 'a=%C3%A9'))).toBe('/forms/x/y é');
    expect(fake.calls.map(({ name, result }) => `${name} ${result}`)).toEqual([
      'PUT /zones/example.com/records/a%2Fb 201',
      'GET /zones 200',
      'POST /forms/x/y 200',
    ]);
    expect(fake.count('GET /zones')).toBe(1);
    expect(fake.unknown).toEqual([]);
  });

  it('has routes at several addresses', async () => {
    const ok = () => ({ status: 200, body: 'ok' });
    const fake = createFakeApi({
      clock: fakeClock(),
      origin: ['https://api.test', 'https://login.test:8443'],
      routes: { 'GET /zones/:zone': ok, 'POST https://login.test:8443/token': ok },
    });
    const send = (method: 'GET' | 'POST', url: string) => fake.http.request({ method, url, signal: never });
    expect(await send('GET', 'https://api.test/zones/a')).toMatchObject({ status: 200 });
    expect(await send('POST', 'https://login.test:8443/token')).toMatchObject({ status: 200 });
    expect(await send('POST', 'https://api.test/token')).toMatchObject({ status: 404 });
    await expect(send('GET', 'https://other.test/zones/a')).rejects.toMatchObject({ code: 'network/failed' });
    expect(fake.unknown).toEqual(['POST /token']);
  });

  it('is strict about keys, routes, bodies and its own address', async () => {
    const { fake, send, zones } = bench();
    expect(await send('GET', '/zones', '', { 'X-Key': 'wrong' })).toMatchObject({ status: 401 });
    expect(await send('PUT', '/zones/a/records/b', 'no json')).toMatchObject({ status: 400 });
    expect(await send('GET', '/zone')).toMatchObject({ status: 404 });
    expect(await send('POST', '/zones')).toMatchObject({ status: 404 });
    expect(fake.unknown).toEqual(['GET /zone', 'POST /zones']);
    const elsewhere = fake.http.request({ method: 'GET', url: 'https://other.test/zones', signal: never });
    await expect(elsewhere).rejects.toMatchObject({ code: 'network/failed' });
    expect([...zones]).toEqual([]);
  });

  const faults: readonly (readonly [Fault, number | 'never sent' | 'lost', boolean])[] = [
    [{ kind: 'status', status: 503, body: { error: 'x' } }, 503, false],
    [{ kind: 'html' }, 502, false],
    [{ kind: 'limited', retryAfter: 5 }, 429, false],
    [{ kind: 'limited' }, 429, false],
    [{ kind: 'lost' }, 'lost', true],
    [{ kind: 'unreachable' }, 'never sent', false],
    [{ kind: 'delay', ms: 5_000 }, 201, true],
    [{ kind: 'echo' }, 400, false],
  ];
  it.each(faults)('%j', async (fault, result, isDone) => {
    const { fake, send, zones, clock } = bench();
    fake.fault(fault, { on: ({ method }) => method === 'PUT' });
    expect(await send('GET', '/zones')).toMatchObject({ status: 200 });
    const sent = send('PUT', '/zones/a/records/b', '{"value":"v"}').then(
      (answer) => answer,
      (error: unknown) => error,
    );
    const answer = await sent;
    if (typeof result === 'number') expect(answer).toMatchObject({ status: result });
    else {
      expect(isFailure(answer, 'network/failed')).toBe(true);
      expect(neverArrived(answer)).toBe(result === 'never sent');
    }
    if (fault.kind === 'limited')
      expect((answer as HttpResponse).headers['retry-after']).toBe(fault.retryAfter === undefined ? undefined : '5');
    if (fault.kind === 'delay') expect(clock.sleeps).toEqual([5_000]);
    if (fault.kind === 'echo') expect(text(answer as HttpResponse)).toContain('right');
    expect(zones.size).toBe(isDone ? 1 : 0);
    expect(await send('PUT', '/zones/a/records/c', '{"value":"v"}')).toMatchObject({ status: 201 });
  });

  it('lets calls overlap, and stops on abort', async () => {
    const { fake, send } = bench();
    await Promise.all([send('GET', '/zones'), send('GET', '/zones'), send('GET', '/zones')]);
    expect(fake.mostAtOnce).toBe(3);
    const stopping = new AbortController();
    fake.fault({ kind: 'hang' });
    const url = 'https://api.test/zones';
    const hanging = fake.http.request({ method: 'GET', url, signal: stopping.signal });
    const reason = new Error('stopped');
    setImmediate(() => stopping.abort(reason));
    await expect(hanging).rejects.toBe(reason);
    expect(fake.calls.at(-1)?.result).toBe('aborted');
  });
});
