import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Lineage } from '../../src/core/lineage.ts';
import { acmeProblem } from '../support/acme-ca.ts';
import { type AcmeKind, type AcmeProxy, type Spoil, startAcmeProxy } from '../support/acme-proxy.ts';
import { bindPrograms } from '../support/bind.ts';
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
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What a CA and the way to it may do wrong, on every kind of request, and what the whole program makes of it: short
// troubles are waited for, long ones are remembered, and nothing is bought twice or left behind.

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

/** One home behind a proxy of its own: a fault hits what it is meant for, and all cases run at once. */
async function isolate(bench: FleetBench, kind: AcmeKind, options: HomeOptions = {}): Promise<Case> {
  const behind = bench.proxy;
  const proxy = await startAcmeProxy({ directoryUrl: behind.directoryUrl, caFile: behind.caFile });
  const home = await bench.home({ ...options, directory: proxy.directoryUrl, caFile: proxy.caFile });
  return { kind, proxy, home };
}

const isolateAll = (bench: FleetBench, some: readonly AcmeKind[] = kinds, options: HomeOptions = {}) =>
  Promise.all(some.map((kind) => isolate(bench, kind, options)));

/** The answers of all cases by kind, so that a failure says which one it was. */
async function byKind<T>(cases: readonly Case[], run: (one: Case) => Promise<T>): Promise<Record<string, T>> {
  return Object.fromEntries(await Promise.all(cases.map(async (one) => [one.kind, await run(one)] as const)));
}

const each = <T>(cases: readonly Case[], value: T): Record<string, T> =>
  Object.fromEntries(cases.map(({ kind }) => [kind, value]));

/** What an issue in one breath looks like from outside. */
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
      // Dates have whole seconds, so that two of them are a wait of one to two.
      what: () => ({ type: 'status', status: 503, body: 'html', retryAfter: new Date(Date.now() + 3_000) }),
    },
    { title: '500 with Retry-After', what: () => ({ type: 'status', status: 500, retryAfter: 1 }) },
  ];

  for (const { title, what } of shortWaits)
    it(`waits for what is short, and issues: ${title}`, async () => {
      const cases = await isolateAll(bench);
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

  it('asks again, or goes on at the next run, after a 500 that names no time', async () => {
    const cases = await isolateAll(bench);
    const results = await byKind(cases, async ({ kind, proxy, home }) => {
      proxy.fault({ on: kind, what: { type: 'status', status: 500 } });
      const outcome = await home.issueOne();
      if (outcome.result === 'issued') return 'issued';
      const { code } = errorOf(outcome);
      return `${code}, then ${(await home.issueOne()).result}`;
    });
    expect(results).toEqual({
      ...each(cases, 'issued'),
      // Sent once only: nobody knows what a CA that failed inside has done. The next run looks, and goes on.
      newOrder: 'acme/busy, then issued',
    });
    expect(await byKind(cases, async (one) => bought(one))).toEqual(each(cases, once));
    expect(await byKind(cases, async ({ home }) => (await home.documents('key')).length)).toEqual(each(cases, 1));
  });

  const cuts = [
    { title: 'before the CA heard it', what: { type: 'cut-before' } },
    { title: 'after the CA did it', what: { type: 'cut-after' } },
    { title: 'in the middle of the answer', what: { type: 'cut-in-body' } },
  ] as const;
  for (const { title, what } of cuts)
    it(`buys once over a connection that is cut ${title}`, async () => {
      const cases = await isolateAll(bench);
      const results = await byKind(cases, async ({ kind, proxy, home }) => {
        const fault = proxy.fault({ on: kind, what });
        const { result } = await home.issueOne();
        return `${result} after ${fault.hits} fault`;
      });
      expect(results).toEqual(each(cases, 'issued after 1 fault'));
      expect(await byKind(cases, async (one) => bought(one))).toEqual({
        ...each(cases, once),
        // Pebble opens a second order for the same names; the first one expires unused.
        ...(title === 'before the CA heard it' ? {} : { newOrder: { orders: 2, finalized: 1 } }),
      });
      expect(await bench.challengeFiles()).toEqual([]);
    });

  // Of the challenge's answer nothing is read, and a nonce has no body.
  const withBody = kinds.filter((kind) => kind !== 'challenge' && kind !== 'newNonce');
  const broken = [
    // A quarter of what a page needs: it does not come to its end within the second that these requests are given.
    { title: 'slow', what: { type: 'slow', bytes: 1, everyMs: 50 }, words: /no complete answer|did not answer/ },
    { title: 'endless', what: { type: 'endless' }, words: /larger than/ },
    { title: 'wrongly labelled', what: { type: 'content-type', value: 'text/html' }, words: /content type/ },
  ] as const;
  for (const { title, what, words } of broken)
    it(`says what is wrong with a body that is ${title}, and loses nothing`, async () => {
      const cases = await isolateAll(bench, withBody, { requestTimeoutMs: 1_000 });
      const results = await byKind(cases, async ({ kind, proxy, home }) => {
        proxy.fault({ on: kind, times: Number.POSITIVE_INFINITY, what });
        const outcome = await home.issueOne();
        proxy.clear();
        const said = home.events.filter((event) => words.test(event.message)).length > 0;
        if (outcome.result === 'issued') return `issued all the same${said ? ', and says why' : ''}`;
        const clear = words.test(outcome.message) && exitOf(outcome) === 4;
        return `${clear ? 'a clear error' : outcome.message}, then ${(await home.issueOne()).result}`;
      });
      expect(results).toEqual({
        ...each(cases, 'a clear error, then issued'),
        // The order says what became of it.
        finalize: 'issued all the same',
        // The renewal time by the lifetime is always at hand.
        renewalInfo: 'issued all the same, and says why',
      });
      expect(await byKind(cases, async (one) => bought(one))).toEqual({
        ...each(cases, once),
        // No answer at all is asked for again in the same run, an answer that makes no sense in the next one.
        newOrder: { orders: title === 'slow' ? 3 : 2, finalized: 1 },
      });
      expect(await byKind(cases, async ({ home }) => (await home.documents('key')).length)).toEqual(each(cases, 1));
      expect(await bench.challengeFiles()).toEqual([]);
    });

  it('clears the back-off when the credentials change', async () => {
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

  it('keeps a long Retry-After: nobody asks before, and then the same order goes on', async () => {
    const cases = await isolateAll(
      bench,
      kinds.filter((kind) => kind !== 'renewalInfo'),
    );
    // So that the order is looked at after finalize.
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
    // Before the hold or after it: one order a certificate.
    expect(bench.ca.state.orders.size).toBe(cases.length);
    expect(bench.ca.state.certificates.size).toBe(cases.length);
  });

  it('asks for the renewal window no sooner than a limit on it says', async () => {
    const { proxy, home } = await isolate(bench, 'renewalInfo');
    proxy.fault({ on: 'renewalInfo', what: { type: 'status', status: 429, retryAfter: 8 * 3_600 } });
    expect((await home.issueOne()).result).toBe('issued');
    const { renewal } = await home.lineage();
    expect(renewal?.source).toBe('lifetime');
    expect(Date.parse(renewal?.checkAfter ?? '') - bench.clock.now().getTime()).toBeGreaterThan(7.9 * hourMs);
    expect(proxy.seen('renewalInfo')).toBe(1);
  });

  it('keeps the hold of a forced renewal through a pass that has nothing to do', async () => {
    const { proxy, home } = await isolate(bench, 'newOrder');
    expect((await home.issueOne()).result).toBe('issued');
    proxy.fault({ on: 'newOrder', what: { type: 'status', status: 429, retryAfter: 7 * 3_600 } });
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/rate-limited');
    // Past the next look at the renewal window, within the hold.
    bench.clock.shift(6.5 * hourMs);
    proxy.forget();
    expect(await home.renewOne()).toMatchObject({ result: 'unchanged' });
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/hold');
    expect(errorOf(await home.issueOne()).code).toBe('acme/hold');
    expect(proxy.requests).toEqual([]);
    // Another deployer, another solver: the CA asked to be left alone all the same.
    const [certificate] = home.settings.certificates;
    home.settings = { ...home.settings, certificates: [{ ...certificate!, endpoints: ['127.0.0.1:1'] }] };
    expect(errorOf(await home.issueOne({ force: true })).code).toBe('acme/hold');
    expect(proxy.requests).toEqual([]);
    home.settings = { ...home.settings, certificates: [certificate!] };
    bench.clock.shift(hourMs);
    expect((await home.issueOne({ force: true })).result).toBe('renewed');
  });

  it('waits out a CA that signs later', async () => {
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

  it('tells why an order turned invalid, and begins a new one with the same key', async () => {
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

  it('drops a `replaces` that is refused, and renews', async () => {
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

  it('tells an unknown profile and each refused identifier in the CA’s words', async () => {
    const profile = await bench.home({ profile: 'no-such' });
    const unknown = await profile.issueOne();
    expect(errorOf(unknown).code).toBe('acme/problem');
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

  it('tells who must act when the account is paused, and does not knock again meanwhile', async () => {
    const { proxy, home } = await isolate(bench, 'newOrder');
    const detail = 'Your account is paused for this name. See https://ca.test/unpause?jwt=x';
    bench.ca.failNext('newOrder', { status: 429, problem: acmeProblem('rateLimited', detail) });
    const paused = await home.issueOne();
    expect(errorOf(paused)).toMatchObject({ code: 'acme/paused', retry: 'never' });
    expect(paused.message).toContain('https://ca.test/unpause');
    expect(proxy.seen('newOrder')).toBe(1);
    proxy.forget();
    expect((await home.renewOne()).result).toBe('unchanged');
    expect(proxy.requests).toEqual([]);
    // It is no Retry-After: the person who has ended the pause says so with `issue`.
    expect((await home.issueOne()).result).toBe('issued');
  });

  describe('the back-off', () => {
    const refuse = async () => acmeProblem('unauthorized', 'the answer is wrong');

    it('grows from a minute to a day, is remembered, and is obeyed by renew alone', async () => {
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
        // By hand it is not obeyed.
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

    it('is cleared by a changed spec', async () => {
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
});
