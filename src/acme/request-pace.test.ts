import { expect, test } from 'vitest';
import { fakeClock } from '../testing/fake-clock.ts';
import { createRequestPace } from './request-pace.ts';

const production = 'https://acme-v02.api.letsencrypt.org';
const staging = 'https://acme-staging-v02.api.letsencrypt.org';
const { signal } = new AbortController();

/** Returns when each request leaves, in ms, if all of them come at once. */
async function departures(urls: readonly string[]): Promise<readonly number[]> {
  const clock = fakeClock();
  const { sleep } = clock;
  // Monotonic time has fractions.
  const pace = createRequestPace({ sleep, monotonicMs: () => clock.monotonicMs() + 0.7 });
  const sent: number[] = [];
  await clock.passWhile(
    Promise.all(
      urls.map(async (url) => {
        await pace(url, signal);
        sent.push(clock.monotonicMs());
      }),
    ),
  );
  return sent;
}

/** Returns the requests that have this many others within the second after them. */
const crowded = (sent: readonly number[], others: number): readonly number[] =>
  sent.filter((ms, at) => (sent[at + others] ?? Number.POSITIVE_INFINITY) - ms < 1000);

test.each([
  { what: 'anything', urls: [`${production}/acme/order/1/2`, `${production}/acme/new-order`], perSecond: 250 },
  { what: 'anything of staging', urls: [`${staging}/acme/order/1/2`, `${staging}/acme/new-order`], perSecond: 20 },
  { what: 'nonces', urls: [`${production}/acme/new-nonce`], perSecond: 20 },
  { what: 'new accounts', urls: [`${production}/acme/new-acct`], perSecond: 5 },
  { what: 'revocations', urls: [`${production}/acme/revoke-cert`], perSecond: 10 },
  { what: 'renewal windows', urls: [`${staging}/acme/renewal-info/a.b`], perSecond: 1000 },
  { what: 'directories', urls: [`${staging}/directory`], perSecond: 40 },
  {
    what: 'nonces beside others',
    urls: [`${staging}/acme/new-nonce`, ...Array.from({ length: 4 }, () => `${staging}/acme/cert/1`)],
    perSecond: 20,
  },
])('$what: at most $perSecond in a second, and nearly as many', async ({ urls, perSecond }) => {
  const count = 2 * perSecond;
  const sent = await departures(Array.from({ length: count }, (_, at) => urls[at % urls.length]!));
  expect(sent).toHaveLength(count);
  expect(crowded(sent, perSecond)).toEqual([]);
  expect(sent.at(-1)).toBeLessThanOrEqual((count / (perSecond * 0.8)) * 1000);
});

test('a few at once, those of other rates, and those to other CAs do not wait', async () => {
  const few = (url: string, count: number) => Array.from({ length: count }, () => url);
  const sent = await departures([
    ...few(`${production}/acme/authz/1`, 25),
    ...few(`${staging}/acme/authz/1`, 2),
    ...few(`${production}/acme/renewal-info/a.b`, 100),
    ...few('https://ca.test/acme/new-nonce', 1000),
    ...few('https://acme-v02.api.letsencrypt.org.ca.test/acme/new-nonce', 1000),
  ]);
  expect(new Set(sent)).toEqual(new Set([0]));
});

test('a request that is given up leaves its place to the next', async () => {
  const clock = fakeClock();
  const pace = createRequestPace(clock);
  const controller = new AbortController();
  const url = `${staging}/acme/order/1`;
  await Promise.all([pace(url, signal), pace(url, signal)]);
  const givenUp = Array.from({ length: 100 }, () => pace(url, controller.signal));
  const next = pace(url, signal);
  controller.abort(new Error('enough'));
  for (const one of givenUp) await expect(one).rejects.toThrow('enough');
  await clock.passWhile(Promise.resolve(next));
  expect(clock.monotonicMs()).toBeLessThan(100);
});
