import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Http } from '../../src/ports/http.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { field, type Lie, lyingHttp, refused, type Seen } from '../support/hostile-ca.ts';
import { sampled } from '../support/seeded.ts';
import { createSimulatedWorld, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
/** No test may run for ever: beyond this, the CA gives no more answers. */
const mostAnswers = 500;
const most = { inAll: 200, inASecond: 12 };

const status = (path: string, value: string) => field(path, ['status'], value);
const acme = (type: string) => `urn:ietf:params:acme:error:${type}`;
/** A 503 that says how long to wait. */
const busy = (path: string, retryAfter: string): Lie => ({
  ...refused(path, 503, { type: acme('serverInternal') }),
  change: ({ headers }) => ({
    status: 503,
    headers: { ...headers, 'retry-after': retryAfter },
    body: new Uint8Array(),
  }),
});
const again = (path: string, type: string, code = 400) => refused(path, code, { type: acme(type), detail: type });

const busyAnswers = [
  '/directory',
  '/new-nonce',
  '/new-account',
  '/new-order',
  '/authorization/',
  '/challenge/',
  '/finalize/',
  '/order/',
  '/certificate/',
].flatMap((path) => [
  [`503 with Retry-After 0 at ${path}`, [busy(path, '0')]] satisfies [string, Lie[]],
  [`503 with Retry-After 1 at ${path}`, [busy(path, '1')]] satisfies [string, Lie[]],
  [`503 at ${path}`, [refused(path, 503, {})]] satisfies [string, Lie[]],
]);

it.each<[what: string, lies: readonly Lie[], finalized?: string]>([
  ['finalize answers `ready`, and so does the order', [], 'ready'],
  ['finalize answers `pending`, and the order is `ready`', [], 'pending'],
  ['finalize answers `ready`, and the order is `pending`', [status('/order/', 'pending')], 'ready'],
  ['finalize answers `processing`, and the order is `ready`', [], 'processing'],
  ['the order is never ready', [again('/finalize/', 'orderNotReady', 403), status('/order/', 'ready')]],
  ['the order stays `pending`', [again('/finalize/', 'orderNotReady', 403), status('/order/', 'pending')]],
  ['the order stays `processing`', [status('/finalize/', 'processing'), status('/order/', 'processing')]],
  ['the authorization stays `pending`', [status('/authorization/', 'pending')]],
  ['each nonce of newOrder is refused', [again('/new-order', 'badNonce')]],
  ['each nonce of finalize is refused', [again('/finalize/', 'badNonce')]],
  ['the certificate is never there', [again('/certificate/', 'malformed', 404)]],
  // Of the three ways for each path, one; all in a long run.
  ...sampled(busyAnswers, busyAnswers.length / 3, 'busy'),
])('a run asks a CA a bounded number of times, and not in a burst, if %s', async (_what, lies, finalized) => {
  const clock = fakeClock();
  const asked: { readonly path: string; readonly atMs: number }[] = [];
  const seen: Seen = { requests: [], isOver: false };
  const between = (honest: Http): Http => {
    const lying = lyingHttp(honest, lies, seen);
    let order: object = {};
    return {
      ...lying,
      async request(request) {
        const path = new URL(request.url).pathname;
        asked.push({ path, atMs: clock.monotonicMs() });
        if (asked.length > mostAnswers)
          throw fail('network/failed', { method: request.method, url: request.url, reason: 'too many requests' });
        if (finalized === undefined || !path.startsWith('/finalize/')) {
          const answer = await lying.request(request);
          if (path === '/new-order' && answer.status === 201)
            order = JSON.parse(new TextDecoder().decode(answer.body)) as object;
          return answer;
        }
        const body = new TextEncoder().encode(JSON.stringify({ ...order, status: finalized }));
        return { status: 200, headers: { 'content-type': 'application/json' }, body };
      },
    };
  };
  const world = await createSimulatedWorld({ clock, between });
  // Where only an answer was lost, it has what it asked for.
  const outcome = await issue(world.replica(1), job(simulatedSpec()), signal);
  expect('error' in outcome ? outcome.error.code : outcome.result).toMatch(/^acme\/|^issued$/);
  expect(asked.length).toBeLessThan(most.inAll);
  const inASecond = asked.map(
    ({ path, atMs }) => asked.filter((one) => one.path === path && one.atMs >= atMs && one.atMs < atMs + 1_000).length,
  );
  expect(Math.max(...inASecond)).toBeLessThan(most.inASecond);
});
