import { mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Files } from '../../src/ports/files.ts';
import type { RenewalAnswer } from '../support/acme-ca.ts';
import type { AcmeProxy } from '../support/acme-proxy.ts';
import { bindPrograms } from '../support/bind.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Home, pebbleFleetBench, type SimulatedFleetBench, simulatedFleetBench } from '../support/fleet-bench.ts';
import { sampled } from '../support/seeded.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// When a certificate is renewed: within the CA's window (ARI, RFC 9773), else after a share of its lifetime; and how the
// new order names what it replaces.

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

interface OrderPayload {
  readonly replaces?: string;
}

const orderPayloads = (proxy: AcmeProxy): readonly OrderPayload[] =>
  proxy.requests.filter((request) => request.kind === 'newOrder').map((request) => request.payload as OrderPayload);

async function renewalOf(home: Home, name?: string) {
  const { renewal } = await home.lineage(name);
  if (!renewal) throw new Error('no renewal time is kept');
  return renewal;
}

stopAllAfterwards();

describeWith(bindPrograms, 'the renewal time, on the simulated CA', () => {
  let bench: SimulatedFleetBench;
  beforeAll(async () => {
    bench = await simulatedFleetBench({
      ca: {
        settings: {
          profiles: {
            default: { description: 'ninety days', validityMs: 90 * dayMs },
            shortlived: { description: '160 hours', validityMs: 160 * hourMs },
          },
        },
      },
    });
  });
  beforeEach(() => {
    bench.ca.settings.renewalInfo = true;
    bench.proxy.forget();
    bench.proxy.clear();
  });

  const daysAhead = (days: number): Date => new Date(bench.clock.now().getTime() + days * dayMs);
  async function suggest(home: Home, answer: RenewalAnswer): Promise<void> {
    const { current } = await home.lineage();
    bench.ca.setRenewalInfo(current?.facts.ariId ?? '', answer);
  }
  /** Past the CA's own Retry-After, so that the next pass asks again. */
  const untilAsked = async (home: Home) => bench.clock.passTo((await renewalOf(home)).checkAfter ?? '');

  it('is a random time in the CA’s window, stored while the window stays and drawn again with a new one', async () => {
    const certificates = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`r${n}`, [`r${n}.example.test`]]));
    const many = await bench.home({ certificates });
    await many.issue();
    const drawn = await Promise.all(Object.keys(certificates).map((name) => renewalOf(many, name)));
    const shares = drawn.map(({ at, window, source }) => {
      expect(source).toBe('ari');
      const [start, end] = [Date.parse(window?.start ?? ''), Date.parse(window?.end ?? '')];
      return (Date.parse(at) - start) / (end - start);
    });
    expect(shares.every((share) => share >= 0 && share < 1)).toBe(true);
    // The windows differ by the time that issuing took; the times within them are random.
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.05);

    const home = await bench.home();
    await home.issueOne();
    const answer = { start: daysAhead(20), end: daysAhead(30), explanationURL: 'https://ca.test/why' };
    await suggest(home, answer);
    await untilAsked(home);
    expect(await home.renewOne()).toMatchObject({ result: 'unchanged' });
    const first = await renewalOf(home);
    expect(first.window).toEqual({ start: answer.start.toISOString(), end: answer.end.toISOString() });
    expect(Date.parse(first.at)).toBeGreaterThanOrEqual(answer.start.getTime());
    expect(Date.parse(first.at)).toBeLessThan(answer.end.getTime());
    expect((await home.status())[0]).toMatchObject({
      state: 'valid',
      renewAt: first.at,
      renewalSource: 'ari',
      explanationUrl: 'https://ca.test/why',
    });

    for (let asked = 0; asked < 3; asked += 1) {
      await untilAsked(home);
      bench.proxy.forget();
      await home.renewOne();
      expect(bench.proxy.seen('renewalInfo')).toBe(1);
      expect(await renewalOf(home)).toMatchObject({ at: first.at, window: first.window });
    }
    // Before the next time to ask, no request is sent.
    bench.proxy.forget();
    expect((await home.renewOne()).result).toBe('unchanged');
    expect(bench.proxy.requests).toEqual([]);

    await suggest(home, { start: daysAhead(2), end: daysAhead(3) });
    await untilAsked(home);
    await home.renewOne();
    const second = await renewalOf(home);
    expect(Date.parse(second.at)).toBeLessThan(answer.start.getTime());
    expect(second.explanationUrl).toBeUndefined();
    expect((await home.status())[0]).not.toHaveProperty('explanationUrl');
  });

  itDrawn(
    'keeps the current and the previous version with their keys, and older ones until all is delivered',
    async () => {
      const home = await bench.home();
      await home.issueOne();
      const kept = async () => {
        const { name, current, previous } = await home.lineage();
        return [current, previous].map((version) => `${name}~${version?.id}`).sort();
      };
      const stored = async () => [
        (await home.documents('key')).toSorted(),
        (await home.documents('version')).toSorted(),
      ];
      for (let renewed = 0; renewed < 3; renewed += 1) {
        expect((await home.renewOne({ force: true })).result).toBe('renewed');
        expect(await stored()).toEqual([await kept(), await kept()]);
        expect(await home.lineage()).not.toHaveProperty('retired');
      }

      // A foreign file is in the way, so the target is pending.
      const target = join(home.live, 'live', (await home.lineage()).name);
      await rm(target);
      await mkdir(target);
      const oldest = (await home.lineage()).previous?.id;
      expect((await home.renewOne({ force: true })).result).toBe('pending');
      expect((await home.lineage()).retired).toEqual([oldest]);
      expect((await stored()).map((names) => names.length)).toEqual([3, 3]);
      await rmdir(target);
      expect((await home.renewOne()).result).toBe('deployed');
      expect(await stored()).toEqual([await kept(), await kept()]);
    },
  );

  it('writes nothing in a pass where nothing is due', async () => {
    const written: string[] = [];
    const home = await bench.home({
      world: (world) => ({
        ...world,
        files: new Proxy(world.files, {
          get: (files, call: keyof Files) => {
            if (!['read', 'stat', 'list', 'untrusted', 'space'].includes(call)) written.push(call);
            return files[call];
          },
        }),
      }),
    });
    await home.issueOne();
    expect(written).not.toEqual([]);
    written.length = 0;
    expect(await home.renewOne()).toMatchObject({ result: 'unchanged' });
    expect(await home.status()).toMatchObject([{ state: 'valid' }]);
    expect(written).toEqual([]);
  });

  itDrawn('is obeyed if the CA moves it to the past: the pass that asks renews', async () => {
    const home = await bench.home();
    await home.issueOne();
    const before = (await home.lineage()).current;
    await untilAsked(home);
    // Like Boulder for a revoked certificate.
    await suggest(home, {
      start: new Date(bench.clock.now().getTime() - hourMs),
      end: new Date(bench.clock.now().getTime() - hourMs / 2),
      explanationURL: 'https://ca.test/revocation',
    });
    bench.proxy.forget();
    expect((await home.renewOne()).result).toBe('renewed');
    const scheduled = home.events.filter((event) => event.data?.explanationUrl !== undefined);
    expect(scheduled.map(({ event, data }) => [event, data])).toEqual([
      ['renewal.scheduled', expect.objectContaining({ source: 'ari', explanationUrl: 'https://ca.test/revocation' })],
    ]);
    expect(orderPayloads(bench.proxy)).toEqual([expect.objectContaining({ replaces: before?.facts.ariId })]);
    expect(bench.ca.certificate(before?.facts.ariId ?? '')).toBeDefined();
    const { current, previous } = await home.lineage();
    expect(previous).toEqual(before);
    expect(current?.facts.spkiFingerprint).not.toBe(before?.facts.spkiFingerprint);
    // Now the new certificate's own window applies.
    expect(Date.parse((await renewalOf(home)).at)).toBeGreaterThan(daysAhead(30).getTime());
    expect((await home.status())[0]).toMatchObject({ state: 'valid' });
  });

  itDrawn('waits for a window in the future', async () => {
    const home = await bench.home();
    await home.issueOne();
    const end = daysAhead(6);
    await suggest(home, { start: daysAhead(5), end });
    await untilAsked(home);
    await home.renewOne();
    const { at } = await renewalOf(home);
    // A run in the last hour of the window does not leave it to the next one.
    const before = Math.min(Date.parse(at), end.getTime() - 2 * hourMs) - minuteMs;
    bench.clock.passTo(new Date(before).toISOString());
    expect((await home.renewOne()).result).toBe('unchanged');
    bench.clock.passTo(at);
    expect((await home.renewOne()).result).toBe('renewed');
  });

  itDrawn('drops a `replaces` that the CA does not know, in the same run', async () => {
    const home = await bench.home();
    await home.issueOne();
    const { current } = await home.lineage();
    const forgotten = bench.ca.certificate(current?.facts.ariId ?? '');
    bench.ca.state.certificates.delete(forgotten?.id ?? '');
    bench.proxy.forget();
    expect((await home.renewOne({ force: true })).result).toBe('renewed');
    expect(orderPayloads(bench.proxy).map(({ replaces }) => replaces)).toEqual([current?.facts.ariId, undefined]);
    expect(bench.proxy.accepted('newOrder')).toBe(1);
  });

  it.each(
    sampled(
      [
        ['default', 90 * dayMs, 2 / 3],
        ['shortlived', 160 * hourMs, 1 / 2],
      ],
      1,
      'lifetimes',
    ),
  )('is a share of the lifetime if the CA has no ARI: %s', async (profile, lifetimeMs, share) => {
    bench.ca.settings.renewalInfo = false;
    const home = await bench.home({ profile });
    expect((await home.issueOne()).result).toBe('issued');
    const { current, renewal } = await home.lineage();
    expect(renewal).toMatchObject({ source: 'lifetime' });
    const from = Date.parse(current?.facts.notBefore ?? '');
    // The last second belongs to the validity (RFC 5280 §4.1.2.5).
    expect(Math.abs(Date.parse(renewal?.at ?? '') - from - lifetimeMs * share)).toBeLessThan(2_000);
    expect(bench.proxy.seen('renewalInfo')).toBe(0);

    bench.clock.passTo(new Date(Date.parse(renewal?.at ?? '') - minuteMs).toISOString());
    expect((await home.renewOne()).result).toBe('unchanged');
    bench.clock.passTo(renewal?.at ?? '');
    bench.proxy.forget();
    expect((await home.renewOne()).result).toBe('renewed');
    // Without ARI there is no id for `replaces`.
    expect(orderPayloads(bench.proxy)).toEqual([expect.not.objectContaining({ replaces: expect.anything() })]);
  });

  itDrawn('keeps the known window if the CA gives no usable answer', async () => {
    const home = await bench.home();
    await home.issueOne();
    const known = await renewalOf(home);
    const nonsense: readonly RenewalAnswer[] = [
      { status: 500, body: '{}' },
      { status: 404, body: '{"type":"urn:ietf:params:acme:error:malformed","detail":"no such certificate"}' },
      { status: 200, body: '{"suggestedWindow":{"start":"2030-01-02T00:00:00Z","end":"2030-01-01T00:00:00Z"}}' },
      { status: 200, body: 'not JSON', headers: { 'content-type': 'application/json' } },
    ];
    for (const answer of nonsense) {
      await suggest(home, answer);
      await untilAsked(home);
      const asked = bench.clock.now().getTime();
      expect((await home.renewOne()).result).toBe('unchanged');
      const now = await renewalOf(home);
      expect(now).toMatchObject({ at: known.at, source: 'ari', window: known.window });
      expect(Math.abs(Date.parse(now.checkAfter ?? '') - asked - 6 * hourMs)).toBeLessThan(minuteMs);
    }
    const warnings = home.events.filter((event) => /could not get .* renewal window/.test(event.message));
    expect(warnings).toHaveLength(nonsense.length);
  });
});

describeWith([{ name: 'pebble', where: 'shared' }, ...bindPrograms], 'ARI on Pebble 2.10', () => {
  it('renews an hour after the issue if the first answer says “now”, and names what it replaces', async () => {
    const bench = await pebbleFleetBench({ pebble: { program: 'shared' } });
    const pebble = bench.pebble!;
    const home = await bench.home();
    const window = { start: '2020-01-01T00:00:00.000Z', end: new Date(Date.now() + minuteMs).toISOString() };
    // Hold the first request until Pebble knows what to answer.
    const told = (async () => {
      const path = join(home.live, 'live/abc/cert.pem');
      const pem = await until(() => readFile(path, 'utf8').catch(() => false as const), { what: 'it is deployed' });
      await pebble.setRenewalInfo(pem, JSON.stringify({ suggestedWindow: window }));
    })();
    bench.proxy.fault({ on: 'renewalInfo', what: { type: 'hold', when: 'before', until: told } });
    expect((await home.issueOne()).result).toBe('issued');
    const { current, renewal } = await home.lineage();
    expect(renewal).toMatchObject({ source: 'ari', window });

    expect((await home.renewOne()).result).toBe('unchanged');
    bench.clock.shift(61 * minuteMs);
    bench.proxy.forget();
    expect((await home.renewOne()).result).toBe('renewed');
    expect(orderPayloads(bench.proxy).map(({ replaces }) => replaces)).toEqual([current?.facts.ariId]);
    expect(bench.proxy.accepted('newOrder')).toBe(1);
    expect((await home.renewOne()).result).toBe('unchanged');
  });
});
