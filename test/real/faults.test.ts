import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import { acmeProblem, pauseDetail } from '../support/acme-ca.ts';
import { type AcmeKind, type AcmeProxy, type Spoil, startAcmeProxy } from '../support/acme-proxy.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import {
  errorOf,
  exitOf,
  type FleetBench,
  type Home,
  type HomeOptions,
  pebbleFleetBench,
  type SimulatedFleetBench,
  simulatedFleetBench,
} from '../support/fleet-bench.ts';
import { sampled } from '../support/seeded.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Faults of a CA and of the connection, on every kind of request: the program waits for short ones, remembers long ones,
// orders nothing twice and leaves nothing behind.

const kinds = [
  'directory',
  'newNonce',
  'newAccount',
  'newOrder',
  'authorization',
  'challenge',
  'finalize',
  'order',
  'certificate',
  'renewalInfo',
] as const satisfies readonly AcmeKind[];

const hourMs = 3_600_000;
const minuteMs = 60_000;

interface Case {
  readonly kind: AcmeKind;
  readonly proxy: AcmeProxy;
  readonly home: Home;
}

/** One home behind its own proxy, so that a fault hits the right case and all cases run at once. */
async function isolate(bench: FleetBench, kind: AcmeKind, options: HomeOptions = {}): Promise<Case> {
  const behind = bench.proxy;
  const proxy = await startAcmeProxy({ directoryUrl: behind.directoryUrl, caFile: behind.caFile });
  const home = await bench.home({ ...options, directory: proxy.directoryUrl, caFile: proxy.caFile });
  return { kind, proxy, home };
}

/** Cases for some of the kinds, drawn for `what`. */
const isolateSome = (bench: FleetBench, what: string, of: readonly AcmeKind[] = kinds, options: HomeOptions = {}) =>
  Promise.all(sampled(of, 4, what).map((kind) => isolate(bench, kind, options)));

/** The answers of all cases by kind, so that a failure names its case. */
async function byKind<T>(cases: readonly Case[], run: (one: Case) => Promise<T>): Promise<Record<string, T>> {
  return Object.fromEntries(await Promise.all(cases.map(async (one) => [one.kind, await run(one)] as const)));
}

/** What each case is expected to give: `value`, or what `others` has for its kind. */
const each = <T>(
  cases: readonly Case[],
  value: T,
  others: { readonly [kind in AcmeKind]?: T } = {},
): Record<string, T> => Object.fromEntries(cases.map(({ kind }) => [kind, others[kind] ?? value]));

/** How an undisturbed issue looks from outside. */
const bought = ({ proxy }: Case) => ({ orders: proxy.accepted('newOrder'), finalized: proxy.accepted('finalize') });
const once = { orders: 1, finalized: 1 };

stopAllAfterwards();

describeWith(['pebble', ...bindPrograms], 'faults on every kind of request, on Pebble', () => {
  let bench: FleetBench;
  beforeAll(async () => {
    bench = await pebbleFleetBench();
  });

  const shortWaits: readonly { readonly title: string; readonly what: () => Spoil & { type: 'status' } }[] = [
    { title: '429 with Retry-After in seconds', what: () => ({ type: 'status', status: 429, retryAfter: 1 }) },
    {
      title: '503 of a balancer (HTML) with Retry-After as a date',
      // Dates have whole seconds, so two seconds mean a wait of one to two.
      what: () => ({ type: 'status', status: 503, body: 'html', retryAfter: new Date(Date.now() + 3_000) }),
    },
    { title: '500 with Retry-After', what: () => ({ type: 'status', status: 500, retryAfter: 1 }) },
  ];

  for (const { title, what } of sampled(shortWaits, 1, 'short waits'))
    it(`waits for short faults, and issues: ${title}`, async () => {
      const cases = await isolateSome(bench, 'kinds with a short wait');
      const waited = await byKind(cases, async ({ kind, proxy, home }) => {
        const spoil = what();
        const fault = proxy.fault({ on: kind, what: spoil });
        const outcome = await home.issueOne();
        const [spoilt, again] = proxy.requests.filter((request) => request.kind === kind);
        if (!spoilt || !again) return 'it was not asked again';
        const early =
          typeof spoil.retryAfter === 'number'
            ? again.atMs - spoilt.atMs < spoil.retryAfter * 1000 - 5
            : performance.timeOrigin + again.atMs < Math.floor((spoil.retryAfter?.getTime() ?? 0) / 1000) * 1000 - 5;
        return early ? 'it was asked too early' : `${outcome.result} after ${fault.hits} fault`;
      });
      expect(waited).toEqual(each(cases, 'issued after 1 fault'));
      expect(await byKind(cases, async (one) => bought(one))).toEqual(each(cases, once));
      expect(await bench.challengeFiles()).toEqual([]);
    });

  it('asks again, or continues in the next run, after a 500 without a time', async () => {
    const cases = await isolateSome(bench, 'kinds without a time');
    const results = await byKind(cases, async ({ kind, proxy, home }) => {
      proxy.fault({ on: kind, what: { type: 'status', status: 500 } });
      const outcome = await home.issueOne();
      if (outcome.result === 'issued') return 'issued';
      const { code } = errorOf(outcome);
      return `${code}, then ${(await home.issueOne()).result}`;
    });
    // Sent only once, because the failed CA may have done it. The next run finds out, and continues.
    expect(results).toEqual(each(cases, 'issued', { newOrder: 'acme/busy, then issued' }));
    expect(await byKind(cases, async (one) => bought(one))).toEqual(each(cases, once));
    expect(await byKind(cases, async ({ home }) => (await home.documents('key')).length)).toEqual(each(cases, 1));
  });

  const cuts = [
    { title: 'before the CA heard it', what: { type: 'cut-before' } },
    { title: 'after the CA did it', what: { type: 'cut-after' } },
    { title: 'in the middle of the answer', what: { type: 'cut-in-body' } },
  ] as const;
  for (const { title, what } of sampled(cuts, 1, 'cuts'))
    it(`orders once over a connection that is cut ${title}`, async () => {
      const cases = await isolateSome(bench, 'kinds that are cut');
      const results = await byKind(cases, async ({ kind, proxy, home }) => {
        const fault = proxy.fault({ on: kind, what });
        const { result } = await home.issueOne();
        return `${result} after ${fault.hits} fault`;
      });
      expect(results).toEqual(each(cases, 'issued after 1 fault'));
      // Pebble opens a second order for the same names; the first one expires unused.
      const twice = title === 'before the CA heard it' ? {} : { newOrder: { orders: 2, finalized: 1 } };
      expect(await byKind(cases, async (one) => bought(one))).toEqual(each(cases, once, twice));
      expect(await bench.challengeFiles()).toEqual([]);
    });

  // The body of a challenge's answer is not used, and a nonce has none.
  const withBody = kinds.filter((kind) => kind !== 'challenge' && kind !== 'newNonce');
  const broken = [
    // Too slow to finish within the second that these requests may take.
    { title: 'slow', what: { type: 'slow', bytes: 1, everyMs: 50 }, words: /no complete answer|did not answer/ },
    { title: 'endless', what: { type: 'endless' }, words: /larger than/ },
    { title: 'wrongly labelled', what: { type: 'content-type', value: 'text/html' }, words: /content type/ },
  ] as const;
  for (const { title, what, words } of sampled(broken, 1, 'broken bodies'))
    it(`reports a body that is ${title}, and loses nothing`, async () => {
      const cases = await isolateSome(bench, 'kinds with a broken body', withBody, { requestTimeoutMs: 1_000 });
      const results = await byKind(cases, async ({ kind, proxy, home }) => {
        proxy.fault({ on: kind, times: Number.POSITIVE_INFINITY, what });
        const outcome = await home.issueOne();
        proxy.clear();
        const said = home.events.filter((event) => words.test(event.message)).length > 0;
        if (outcome.result === 'issued') return `issued all the same${said ? ', and says why' : ''}`;
        const clear = words.test(outcome.message) && exitOf(outcome) === 4;
        return `${clear ? 'a clear error' : outcome.message}, then ${(await home.issueOne()).result}`;
      });
      expect(results).toEqual(
        each(cases, 'a clear error, then issued', {
          // The order has the result.
          finalize: 'issued all the same',
          // The renewal time by the lifetime is always known.
          renewalInfo: 'issued all the same, and says why',
        }),
      );
      // Without an answer, the same run asks again; after an unusable answer, the next run does.
      const newOrder = { orders: title === 'slow' ? 3 : 2, finalized: 1 };
      expect(await byKind(cases, async (one) => bought(one))).toEqual(each(cases, once, { newOrder }));
      expect(await byKind(cases, async ({ home }) => (await home.documents('key')).length)).toEqual(each(cases, 1));
      expect(await bench.challengeFiles()).toEqual([]);
    });

  itDrawn('ends the back-off if the credentials change', async () => {
    const home = await bench.home({ solver: 'dns' });
    const secretFile = join(home.store, '../tsig');
    await writeFile(secretFile, Buffer.alloc(32, 7).toString('base64'));
    const refused = await home.renewOne();
    expect(exitOf(refused)).toBe(5);
    expect(errorOf(refused).code).toMatch(/^dns\//);
    expect((await home.renewOne()).result).toBe('unchanged');
    await writeFile(secretFile, bench.bind.key.secret);
    expect((await home.renewOne()).result).toBe('issued');
    expect(await bench.bind.txt('example.test')).toEqual([]);
  });
});

describeWith(bindPrograms, 'faults on the simulated CA, with its clock', () => {
  let bench: SimulatedFleetBench;
  beforeAll(async () => {
    bench = await simulatedFleetBench();
  });

  it('obeys a long Retry-After, and then continues the same order', async () => {
    const limited = kinds.filter((kind) => kind !== 'renewalInfo');
    const cases = await isolateSome(bench, 'kinds with a limit', limited);
    // So that the order is polled after finalize.
    bench.ca.settings.processingPolls = 1;
    const until = Math.floor((bench.clock.now().getTime() + hourMs) / 1000) * 1000;
    const failed = await byKind(cases, async ({ kind, proxy, home }) => {
      const what: Spoil =
        kinds.indexOf(kind as (typeof kinds)[number]) % 2 === 0
          ? { type: 'status', status: 429, retryAfter: 3_600 }
          : { type: 'status', status: 503, body: 'html', retryAfter: new Date(until) };
      proxy.fault({ on: kind, what });
      const outcome = await home.issueOne();
      const { code } = errorOf(outcome);
      expect(code).toBe(what.status === 429 ? 'acme/rate-limited' : 'acme/busy');
      const { failure } = await home.lineage();
      const far = Date.parse(failure?.holdUntil ?? '') - until;
      expect(failure?.retryAt).toBe(failure?.holdUntil);
      return `exit ${exitOf(outcome)}, held ${far >= 0 && far < 30_000 ? 'as long as the CA said' : far}`;
    });
    expect(failed).toEqual(each(cases, 'exit 4, held as long as the CA said'));
    expect(await bench.challengeFiles()).toEqual([]);
    expect(await byKind(cases, async ({ home }) => (await home.lineage()).work?.challenges ?? [])).toEqual(
      each(cases, []),
    );

    const refused = await byKind(cases, async ({ proxy, home }) => {
      proxy.forget();
      const renewed = await home.renewOne();
      const forced = await home.issueOne({ force: true });
      const renewedByForce = await home.renewOne({ force: true });
      const asked = proxy.requests.length;
      return `${renewed.result}, ${errorOf(forced).code}, ${errorOf(renewedByForce).code}, ${asked} requests`;
    });
    expect(refused).toEqual(each(cases, 'unchanged, acme/hold, acme/hold, 0 requests'));

    bench.clock.shift(hourMs + minuteMs);
    const later = await byKind(cases, async ({ home }) => (await home.renewOne()).result);
    bench.ca.settings.processingPolls = 0;
    expect(later).toEqual(each(cases, 'issued'));
    const again = await byKind(cases, async ({ home }) => (await home.documents('key')).length);
    expect(again).toEqual(each(cases, 1));
    // Before or after the hold: one order per certificate.
    expect(bench.ca.state.orders.size).toBe(cases.length);
    expect(bench.ca.state.certificates.size).toBe(cases.length);
  });

  itDrawn('asks for the renewal window no sooner than a limit allows', async () => {
    const { proxy, home } = await isolate(bench, 'renewalInfo');
    proxy.fault({ on: 'renewalInfo', what: { type: 'status', status: 429, retryAfter: 8 * 3_600 } });
    expect((await home.issueOne()).result).toBe('issued');
    const { renewal } = await home.lineage();
    expect(renewal?.source).toBe('lifetime');
    expect(Date.parse(renewal?.checkAfter ?? '') - bench.clock.now().getTime()).toBeGreaterThan(7.9 * hourMs);
    expect(proxy.seen('renewalInfo')).toBe(1);
  });

  itDrawn('keeps the hold of a forced renewal through a pass that has nothing to do', async () => {
    const { proxy, home } = await isolate(bench, 'newOrder');
    expect((await home.issueOne()).result).toBe('issued');
    proxy.fault({ on: 'newOrder', what: { type: 'status', status: 429, retryAfter: 7 * 3_600 } });
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/rate-limited');
    // Past the next request for the renewal window, within the hold.
    bench.clock.shift(6.5 * hourMs);
    proxy.forget();
    expect(await home.renewOne()).toMatchObject({ result: 'unchanged' });
    // The certificate is not due, so its window is asked for as usual; only orders are limited.
    expect(proxy.requests.map(({ kind }) => kind)).toEqual(['directory', 'renewalInfo']);
    proxy.forget();
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/hold');
    // What was forced and failed does not make the certificate due.
    expect(await home.issueOne()).toMatchObject({ result: 'unchanged' });
    expect(proxy.requests).toEqual([]);
    // Another deployer or solver does not end the CA's wait.
    const [certificate] = home.settings.certificates;
    home.settings = { ...home.settings, certificates: [{ ...certificate!, endpoints: ['127.0.0.1:1'] }] };
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/hold');
    expect(proxy.requests).toEqual([]);
    home.settings = { ...home.settings, certificates: [certificate!] };
    bench.clock.shift(hourMs);
    expect((await home.issueOne({ force: true })).result).toBe('renewed');
  });

  itDrawn('waits for a CA that signs later', async () => {
    const { settings } = bench.ca;
    Object.assign(settings, { processingPolls: 4, retryAfter: { order: { seconds: 1 } } });
    try {
      const { proxy, home } = await isolate(bench, 'order');
      expect((await home.issueOne()).result).toBe('issued');
      const looks = proxy.requests.filter((r) => r.kind === 'finalize' || r.kind === 'order').map((r) => r.atMs);
      const pauses = looks.slice(1).map((at, n) => at - (looks[n] ?? 0));
      expect(pauses.filter((pause) => pause > 990).length).toBeGreaterThanOrEqual(4);
      expect(proxy.accepted('finalize')).toBe(1);
    } finally {
      Object.assign(settings, { processingPolls: 0, retryAfter: {} });
    }
  });

  itDrawn('says why an order became invalid, and begins a new one with the same key', async () => {
    const { settings, state } = bench.ca;
    const { proxy, home } = await isolate(bench, 'order');
    settings.validate = async () => {
      const order = [...state.orders.values()].at(-1)!;
      order.status = 'invalid';
      order.error = acmeProblem('serverInternal', 'the signer is on holiday');
      return undefined;
    };
    const failed = await home.issueOne().finally(() => (settings.validate = undefined));
    expect(errorOf(failed).code).toBe('acme/invalid-order');
    expect(failed.message).toContain('the signer is on holiday');
    const [key] = await home.documents('key');
    const { work } = await home.lineage();
    expect(work).toMatchObject({ version: key?.slice('abc~'.length), challenges: [] });
    expect(work?.order).toBeUndefined();

    expect((await home.issueOne()).result).toBe('issued');
    expect(await home.documents('key')).toEqual([key]);
    expect(await home.documents('version')).toEqual([key]);
    expect(proxy.accepted('newOrder')).toBe(2);
    expect(proxy.accepted('finalize')).toBe(1);
    expect(await bench.challengeFiles()).toEqual([]);
  });

  itDrawn('drops a `replaces` that is refused, and renews', async () => {
    const { proxy, home } = await isolate(bench, 'newOrder');
    expect((await home.issueOne()).result).toBe('issued');
    const first = (await home.lineage()).current;
    const account = [...bench.ca.state.accounts.values()].at(-1)?.id;
    const order = [...bench.ca.state.orders.values()].findLast((one) => one.accountId === account);
    // Another client of the same account has renewed it.
    bench.ca.state.orders.set('other', { ...order!, id: 'other', replaces: first!.facts.ariId!, status: 'valid' });
    proxy.forget();
    expect((await home.renewOne({ force: true })).result).toBe('renewed');
    const orders = proxy.requests.filter((request) => request.kind === 'newOrder');
    expect(orders.map((request) => request.problem)).toEqual(['alreadyReplaced', undefined]);
    expect(orders.map((request) => (request.payload as { replaces?: string }).replaces)).toEqual([
      first?.facts.ariId,
      undefined,
    ]);
  });

  itDrawn('quotes the CA on an unknown profile and on each refused identifier', async () => {
    const profile = await bench.home({ profile: 'no-such' });
    const unknown = await profile.issueOne();
    expect(errorOf(unknown).code).toBe('acme/profile-refused');
    expect(unknown.message).toContain('no profile no-such here');
    expect(errorOf(unknown).hint).toContain('profile');

    const names = ['good.example.test', 'bad-a.example.test', 'bad-b.example.test'];
    const home = await bench.home({ certificates: { abc: names } });
    bench.ca.settings.blocked = names.slice(1);
    const refused = await home.issueOne();
    expect(errorOf(refused).code).toBe('acme/problem');
    expect(refused.message).toContain('bad-a.example.test is blocked');
    expect(refused.message).toContain('bad-b.example.test is blocked');
    expect(await bench.challengeFiles()).toEqual([]);
  });

  itDrawn('says who must act if the account is paused, and does not ask again meanwhile', async () => {
    const { proxy, home } = await isolate(bench, 'newOrder');
    const detail = pauseDetail('a.example.test');
    bench.ca.failNext('newOrder', { status: 429, problem: acmeProblem('rateLimited', detail) });
    const paused = await home.issueOne();
    expect(errorOf(paused)).toMatchObject({ code: 'acme/paused', retry: 'never' });
    expect(paused.message).toContain('https://ca.test/sfe/v1/unpause?jwt=x');
    expect(proxy.seen('newOrder')).toBe(1);
    proxy.forget();
    expect((await home.renewOne()).result).toBe('unchanged');
    expect(proxy.requests).toEqual([]);
    // Not a Retry-After: the person who has ended the pause runs `issue`.
    expect((await home.issueOne()).result).toBe('issued');
  });

  const refuse = async () => acmeProblem('unauthorized', 'the answer is wrong');

  itDrawn('the back-off: grows from a minute to a day, is stored, and only renew obeys it', async () => {
    const { proxy, home } = await isolate(bench, 'challenge');
    bench.ca.settings.validate = refuse;
    try {
      const waits = [1, 10, 100, 1440, 1440];
      for (const [tried, minutes] of waits.entries()) {
        expect(errorOf(await home.renewOne()).code).toBe('acme/invalid-authorization');
        const failure = (await home.lineage()).failure as NonNullable<Lineage['failure']>;
        expect(failure.count).toBe(tried + 1);
        expect(Date.parse(failure.retryAt) - Date.parse(failure.at)).toBe(minutes * minuteMs);
        expect(failure.holdUntil).toBeUndefined();

        proxy.forget();
        bench.clock.shift((minutes - 0.5) * minuteMs);
        const idle = await home.renewOne();
        expect(idle).toMatchObject({ result: 'unchanged', next: failure.retryAt });
        expect(idle.message).toContain('the answer is wrong');
        expect(proxy.requests).toEqual([]);
        bench.clock.shift(minuteMs);
      }
      // `issue` does not obey it.
      await home.renewOne();
      expect(errorOf(await home.issueOne()).code).toBe('acme/invalid-authorization');
    } finally {
      bench.ca.settings.validate = undefined;
    }
    expect((await home.renewOne()).result).toBe('unchanged');
    expect((await home.issueOne()).result).toBe('issued');
    expect((await home.lineage()).failure).toBeUndefined();
    expect(await bench.challengeFiles()).toEqual([]);
  });

  itDrawn('the back-off: ends with a changed spec', async () => {
    const { home } = await isolate(bench, 'challenge');
    bench.ca.settings.validate = refuse;
    try {
      expect((await home.renewOne()).result).toBe('failed');
      expect((await home.renewOne()).result).toBe('unchanged');
    } finally {
      bench.ca.settings.validate = undefined;
    }
    const [certificate] = home.settings.certificates;
    home.settings = { ...home.settings, certificates: [{ ...certificate!, deploy: [] }] };
    expect((await home.renewOne()).result).toBe('issued');
  });
});
