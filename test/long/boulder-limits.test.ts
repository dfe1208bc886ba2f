import { beforeAll, expect, it } from 'vitest';
import { type LimitId, type LimitTexts, limitsOf } from '../../src/core/limits/rate-limits.ts';
import { type Boulder, boulderPrograms, startBoulder } from '../support/boulder.ts';
import {
  type BoulderFleet,
  boulderFleet,
  boulderLimits,
  type FleetRan,
  type Waiting,
} from '../support/boulder-fleet.ts';
import { buildCertfleet, type Certfleet } from '../support/e2e.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Many certificates at Boulder, with the limits of Let's Encrypt and with such whose tokens come within seconds. It
// refuses nothing that our own orders, or an earlier answer, foretold, and every certificate that waits comes when it was
// said to. The figures are printed.

stopAllAfterwards();

const timeout = 900_000;
const minuteMs = 60_000;

/** `n0.many-0.com`, `n1.many-1.com` …: `count` names below ten registered domains. */
const namesOf = (domain: string, count: number) =>
  Array.from({ length: count }, (_, at) => `n${at}.${domain}-${at % 10}.com`);
const below = (domain: string, count: number, label = 'n') =>
  Array.from({ length: count }, (_, at) => `${label}${at}.${domain}`);

/** Makes fleets at one Boulder. */
function atBoulder(limits: LimitTexts) {
  let boulder: Boulder;
  let certfleet: Certfleet;
  beforeAll(async () => {
    [boulder, certfleet] = await Promise.all([startBoulder(boulderLimits(limits)), buildCertfleet()]);
  });
  return {
    fleet: () => boulderFleet(boulder, certfleet, limits),
    limit: (id: LimitId) => limitsOf('https://ca.test/directory', limits).find((one) => one.id === id)!,
  };
}

async function print(what: string, here: BoulderFleet, { issued, waiting }: FleetRan, account?: string) {
  const { accepted, refused } = await here.orders(account);
  const times = waiting.length === 0 ? '' : ` from ${timeOf(waiting[0]!)} to ${timeOf(waiting.at(-1)!)}`;
  process.stdout.write(
    `${what}: ${issued.length} issued, ${waiting.length} wait${times}; newOrders so far: ${accepted} accepted, ${refused} refused\n`,
  );
}
const timeOf = ({ untilMs }: Waiting) => new Date(untilMs).toISOString();

/** Fails unless the times are those at which Boulder has the next tokens, to a minute. */
function expectTokens(waiting: readonly Waiting[], firstMs: number, intervalMs: number): void {
  const late = waiting.map(({ untilMs }, at) => Math.round((untilMs - firstMs - at * intervalMs) / 1000));
  expect(late.filter((seconds) => Math.abs(seconds) > minuteMs / 1000)).toEqual([]);
}

/** Fails unless `status` says the same times as the run. */
async function expectShown(here: BoulderFleet, waiting: readonly Waiting[]): Promise<void> {
  const shown = await here.shown();
  expect([...shown.keys()].sort()).toEqual(waiting.map(({ name }) => name).sort());
  const late = waiting.map(({ name, untilMs }) => Math.abs(shown.get(name)! - untilMs));
  expect(late.filter((ms) => ms > minuteMs)).toEqual([]);
}

describeWith(boulderPrograms, 'Boulder with the limits of Let’s Encrypt', () => {
  const { fleet, limit } = atBoulder({
    newOrdersPerAccount: '300/3h',
    certificatesPerDomain: '50/7d',
    certificatesPerSet: '5/7d',
    failedAuthorizations: '5/1h',
    pausingFailures: '1152/1152d',
  });

  it.each([
    { what: '330 new names', domain: 'many', before: 0 },
    { what: '60 names with 30 tokens left', domain: 'left', before: 270 },
  ])('$what: those without a token wait', { timeout }, async ({ what, domain, before }) => {
    const here = await fleet();
    const names = namesOf(domain, 330);
    if (before > 0) {
      await here.configure({ default: names.slice(0, before) });
      const { outcomes } = await here.run('renew');
      expect(outcomes.filter(({ result }) => result !== 'issued')).toEqual([]);
      expect(outcomes).toHaveLength(before);
    }
    await here.configure({ default: names });
    const ran = await here.run('renew');
    await print(what, here, ran);
    expect(ran.status, ran.stderr).toBe(0);
    const { accepted, refused } = await here.orders();
    expect([refused, ran.waiting.length]).toEqual([0, 330 - accepted]);
    expect(accepted).toBeGreaterThanOrEqual(300);
    expect(new Set(ran.waiting.map(({ quota }) => quota))).toEqual(
      new Set(['300 new orders of this account in 3 hours']),
    );
    const { intervalMs } = limit('newOrdersPerAccount');
    expectTokens(ran.waiting, await here.nextTokenMs('newOrdersPerAccount'), intervalMs);
    await expectShown(here, ran.waiting);
  });

  it('120 names below one domain, and 40 more', { timeout }, async () => {
    const here = await fleet();
    const domain = 'one-domain.com';
    const { intervalMs } = limit('certificatesPerDomain');
    for (const [names, issued] of [
      [below(domain, 120), 50],
      [below(domain, 40, 'more'), 0],
    ] as const) {
      await here.configure({ default: names });
      const ran = await here.run('renew');
      await print(`${names.length} names below one domain`, here, ran);
      expect(ran.status, ran.stderr).toBe(0);
      expect([ran.issued.length, ran.waiting.length]).toEqual([issued, names.length - issued]);
      expect(await here.orders()).toEqual({ accepted: 50, refused: 0 });
      expect(ran.waiting[0]?.quota).toBe('50 certificates for one-domain.com in 7 days');
      expectTokens(ran.waiting, await here.nextTokenMs('certificatesPerDomain', domain), intervalMs);
      await expectShown(here, ran.waiting);
    }
  });

  it.each([
    { what: '20 names each below one domain', limitId: 'certificatesPerDomain', count: 20, enough: 3 },
    { what: 'the same name', limitId: 'certificatesPerSet', count: 1, enough: 5 },
  ] as const)('six fresh stores, $what: a store is refused once', { timeout }, async ({ what, ...given }) => {
    for (let store = 0; store < 6; store += 1) {
      const here = await fleet();
      const isSame = given.count === 1;
      await here.configure({
        default: isSame ? ['same.shared-set.com'] : below('shared.com', given.count, `s${store}-`),
      });
      const ran = await here.run('renew');
      await print(`fresh store ${store + 1}, ${what}`, here, ran);
      expect(ran.status, ran.stderr).toBe(0);
      const isRefused = store >= given.enough;
      expect(ran.waiting).toHaveLength(isRefused ? given.count : 0);
      const again = await here.run('renew');
      expect(await here.orders()).toEqual(
        isRefused ? { accepted: 0, refused: 1 } : { accepted: given.count, refused: 0 },
      );
      // The CA puts up to 3 % on the time that it names.
      const { intervalMs } = limit(given.limitId);
      const apart = ({ waiting }: FleetRan) =>
        waiting.slice(1).map(({ untilMs }, at) => Math.round((untilMs - waiting[at]!.untilMs) / 1000));
      for (const steps of [apart(ran), apart(again)]) expect(new Set(steps).size).toBeLessThanOrEqual(1);
      expect(apart(ran)[0] ?? intervalMs / 1000).toBe(intervalMs / 1000);
      await expectShown(here, ran.waiting);
    }
  });

  it('failed validations: the sixth try within an hour is not made, and other names go on', { timeout }, async () => {
    const here = await fleet();
    const bad = 'bad.failing.com';
    const fails = async () => {
      await here.configure({ default: [bad] }, 81);
      return here.run('issue');
    };
    let failedMs = 0;
    for (let at = 1; at <= 5; at += 1) {
      const ran = await fails();
      failedMs = Date.now();
      expect(ran.outcomes).toMatchObject([{ result: 'failed', code: 'acme/invalid-authorization' }]);
      expect(await here.orders()).toEqual({ accepted: 2 * at - 1, refused: 0 });
      await here.configure({ default: [`good${at}.failing.com`] });
      expect((await here.run('issue')).issued).toHaveLength(1);
    }
    const sixth = await fails();
    await print('failed validations, sixth try', here, sixth);
    expect(await here.orders()).toEqual({ accepted: 10, refused: 0 });
    const quota = `5 failed validations of ${bad} in 60 minutes`;
    expect(sixth.outcomes).toMatchObject([{ certificate: bad, message: expect.stringContaining(quota) }]);
    const { message, next = '' } = sixth.outcomes[0]!;
    const untilMs = Date.parse(/ until (\S+)/.exec(message)?.[1] ?? '');
    const { intervalMs } = limit('failedAuthorizations');
    const tokenMs = await here.nextTokenMs('failedAuthorizations', bad);
    expectTokens([{ name: bad, untilMs, quota }], tokenMs, intervalMs);
    // After so many failures, `renew` waits for a day, which is longer than the limit.
    expect(Math.abs(Date.parse(next) - failedMs - 24 * 60 * minuteMs)).toBeLessThan(minuteMs);
  });
});

describeWith(boulderPrograms, 'Boulder with limits whose tokens come within seconds', () => {
  const { fleet } = atBoulder({
    newOrdersPerAccount: '20/5m',
    certificatesPerDomain: '10/150s',
    certificatesPerSet: '2/1m',
    failedAuthorizations: '2/1m',
  });

  it.each([
    { what: '30 new names', names: namesOf('soon', 30) },
    { what: '20 names below one domain', names: below('soon.com', 20) },
  ])('$what: each comes when it was said to', { timeout }, async ({ what, names }) => {
    const here = await fleet();
    await here.configure({ default: names });
    let came = 0;
    for (let passes = 1; came < names.length; passes += 1) {
      const ran = await here.run('renew');
      await print(`${what}, pass ${passes}`, here, ran);
      expect(ran.status, ran.stderr).toBe(0);
      expect(ran.issued.length, 'a pass at the time that was said issues one').toBeGreaterThan(0);
      expect(await here.orders()).toMatchObject({ refused: 0 });
      came += ran.issued.length;
      const [first] = ran.waiting;
      if (!first) continue;
      await expectShown(here, ran.waiting);
      await until(() => Date.now() >= first.untilMs, { what: 'its time has come', deadlineMs: 120_000, everyMs: 100 });
    }
    expect(await here.orders()).toEqual({ accepted: names.length, refused: 0 });
  });

  it('a second account beside one without tokens orders at once', { timeout }, async () => {
    const here = await fleet();
    const first = namesOf('first', 40);
    await here.configure({ first: first.slice(0, 20) });
    await here.run('renew');
    await here.configure({ first, second: namesOf('second', 10) });
    const ran = await here.run('renew');
    const began = ran.events.find(({ event }) => event === 'run.planned')!;
    const waitedMs = (await here.firstOrderMs('second')) - Date.parse(began.time);
    await print(`a second account, whose first newOrder came after ${waitedMs} ms`, here, ran, 'second');
    expect(ran.waiting.length).toBeGreaterThan(0);
    expect(waitedMs).toBeLessThan(2000);
    expect(await here.orders('second')).toEqual({ accepted: 10, refused: 0 });
    expect(await here.orders('first')).toMatchObject({ refused: 0 });
  });
});
