import { expect, it } from 'vitest';
import { firstSeed, isLong } from '../support/seeded.ts';
import { chanceOf } from './world/chance.ts';
import { dayMs, hourMs, type Incident, minuteMs, type Scenario, scenarioOf, startMs } from './world/scenario.ts';
import { type Ending, runWorld } from './world/world.ts';

// One process that keeps running, with five six-day certificates, and one thing that goes wrong. The world checks its
// promises at each step: nothing is ordered twice, no lease is taken from who lives, and no certificate expires.

/** Those without small limits at the CA. */
const seeds = [3 * firstSeed, 3 * firstSeed + 1];
const lifetimeMs = 160 * hourMs;
const names = ['c0', 'c1', 'c2', 'c3', 'c4'];

/** Processes on machines of their own, whose clocks may be wrong. */
const ahead = (...all: readonly number[]) =>
  all.map((aheadMs, at) => ({ name: `r${at + 1}`, host: `r${at + 1}`, aheadMs, startsAtMs: 0 }));

/** Something that the process did, or that it asked for. Times are since the beginning of the world, in ms. */
interface Line {
  readonly atMs: number;
  readonly what: string;
  readonly about: string;
}

const linesOf = async (seed: number, incidents: readonly Incident[]) => (await lived(seed, { incidents })).lines;

async function lived(seed: number, change: Partial<Scenario>): Promise<Ending & { readonly lines: readonly Line[] }> {
  const lines: Line[] = [];
  const calm = scenarioOf(seed, { specs: names.length, replicas: 1, lifetimes: 1, faults: 0 });
  const scenario = { ...calm, incidents: [], lifetimeMs, spanMs: 9 * dayMs, askEveryMs: 6 * hourMs, ...change };
  const ending = await runWorld(scenario, {
    print(line) {
      const [at = '', , what = '', ...about] = line.replace(/\[\S+\] /, '').split(/ +/);
      lines.push({ atMs: Date.parse(at) - startMs, what, about: about.join(' ') });
    },
  });
  expect(ending.violation).toBeUndefined();
  return { ...ending, lines };
}

const during = (lines: readonly Line[], fromMs: number, toMs: number) =>
  lines.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
const calls = (lines: readonly Line[], name: string) => lines.filter(({ what }) => what === name);

/** Returns when each certificate is first issued or renewed after a time. */
const gotAfter = (lines: readonly Line[], fromMs: number): readonly number[] =>
  names.map((name) => {
    const got = new RegExp(`^${name} (issued|renewed): `);
    return lines.find(({ atMs, what, about }) => atMs >= fromMs && what === 'outcome' && got.test(about))!.atMs;
  });

/** Returns what a person was told, in order: `+` opened, `=` repeated, `-` resolved. */
const told = (lines: readonly Line[]): readonly string[] =>
  calls(lines, 'notify.send').flatMap(({ about }) => about.match(/[+=-]\S+ \S+/g) ?? []);

it.each(seeds)('the CA is away for a day, while all are to be renewed (seed %i)', async (seed) => {
  const [atMs, forMs] = [lifetimeMs / 2 - 3 * hourMs, dayMs];
  const lines = await linesOf(seed, [{ what: 'down', atMs, forMs }]);
  const orders = calls(during(lines, atMs, atMs + forMs), 'ca.newOrder');
  for (const about of new Set(orders.map((order) => order.about))) {
    // One try may send a request twice.
    const tries = orders
      .filter((order) => order.about === about)
      .map((order) => order.atMs)
      .filter((at, index, all) => index === 0 || at - all[index - 1]! > 10_000);
    // The pauses are a minute, ten, a hundred, and then a tenth of what is left.
    expect(tries.length, about).toBeLessThanOrEqual(9);
  }
  const late = during(orders, atMs + forMs / 2, atMs + forMs);
  expect(late.length).toBeLessThanOrEqual(orders.length / 2);
  // What has failed three times is told once, and what is nearer to its expiry than planned.
  const news = told(lines);
  const opened = news.filter((one) => one.startsWith('+')).map((one) => one.slice(1));
  expect(opened.some((one) => one.startsWith('failing '))).toBe(true);
  expect(opened.filter((one) => !/^(failing|expiring) c\d$/.test(one))).toEqual([]);
  expect(new Set(opened).size).toBe(opened.length);
  expect(new Set(news.filter((one) => one.startsWith('-')))).toEqual(new Set(opened.map((one) => `-${one}`)));
  // A tenth of the validity that is left. In some worlds, there is another CA.
  for (const at of gotAfter(lines, atMs)) expect(at - atMs - forMs).toBeLessThan(8 * hourMs);
});

it.each(seeds)('the disk is full for an hour, at the first orders and at renewals (seed %i)', async (seed) => {
  const forMs = hourMs;
  // A process that cannot write at all does not begin.
  const times = [30, lifetimeMs / 2 - 0.5 * hourMs];
  const lines = await linesOf(
    seed,
    times.map((atMs) => ({ what: 'disk-full', atMs, forMs })),
  );
  // What was under way may end.
  for (const atMs of times) expect(calls(during(lines, atMs + minuteMs, atMs + forMs), 'ca.newOrder')).toEqual([]);
  const first = during(lines, 0, 2 * forMs);
  expect(told(first)).toEqual(['+store r1', '-store r1']);
  expect(calls(first, 'notify.send')[0]!.atMs).toBeLessThan(25 * minuteMs);
  for (const at of gotAfter(lines, 0)) expect(at).toBeLessThan(forMs + 15 * minuteMs);
  const all = told(lines);
  // A slow target may be in the middle of a roll-out when the disk is full.
  expect(all.filter((one) => !/^.(store|target) /.test(one))).toEqual([]);
  expect(all.filter((one) => one.startsWith('-'))).toHaveLength(all.length / 2);
});

it.each([
  ['ahead', dayMs],
  ['behind', -dayMs],
])('the clock is a day %s for a day, and then right again, while it runs', async (_where, aheadMs) => {
  const [atMs, forMs] = [lifetimeMs / 2 - 12 * hourMs, dayMs];
  const incident = { what: 'clock', replica: 'r1', runs: true, aheadMs, atMs, forMs } as const;
  const lines = await linesOf(seeds[0]!, [incident]);
  const meanwhile = during(lines, atMs, atMs + forMs);
  expect(calls(meanwhile, 'ca.newOrder')).toEqual([]);
  // With a clock that is ahead, it sees that they are due, and that it cannot order. With one that is behind, it does not.
  const news = told(lines);
  const opened = new Set(news.flatMap((one) => (one.startsWith('+') ? [one.slice(1)] : [])));
  expect(opened).toEqual(new Set(aheadMs > 0 ? names.map((name) => `expiring ${name}`) : []));
  expect(news.filter((one) => one.startsWith('+'))).toHaveLength(opened.size);
  expect(new Set(news.filter((one) => one.startsWith('-')))).toEqual(new Set([...opened].map((one) => `-${one}`)));
  expect(news.length).toBeLessThanOrEqual(3 * opened.size);
  for (const at of gotAfter(lines, atMs + forMs)) expect(at - atMs - forMs).toBeLessThan(15 * minuteMs);
  const bought = calls(lines, 'ca.finalize').length;
  expect(bought).toBe(calls(lines, 'certificate.issued').length);
});

it.each([{ minutes: [0] }, ...[20, -20, 0.5, -7.3].map((one) => ({ minutes: [one] })), { minutes: [20, -20] }])(
  'certificates are renewed in windows of half an hour, with clocks $minutes min ahead',
  async ({ minutes }) => {
    const short: Incident = { what: 'short-windows', atMs: 0, windowMs: 30 * minuteMs };
    const replicas = ahead(...minutes.map((one) => one * minuteMs));
    const { lines, outsideWindow } = await lived(seeds[0]!, { incidents: [short], replicas, askEveryMs: 1 });
    const renewed = calls(lines, 'outcome').filter(({ about }) => / renewed: /.test(about));
    expect(renewed.length).toBeGreaterThanOrEqual(names.length);
    expect(outsideWindow).toBe(0);
  },
);

it.each([
  ['right', 0],
  ['up to 20 minutes off', 20],
])(
  'six-day certificates are renewed in the window of the CA, through 20 kills, with a clock %s',
  async (_how, most) => {
    const calls = [
      '',
      'ca.newOrder',
      'ca.finalize',
      'ca.download',
      'ca.renewalInfo',
      'store.put lineage',
      'solver.present',
    ];
    let killed = 0;
    for (const seed of isLong ? Array.from({ length: 40 }, (_, at) => 3 * at + seeds[0]!) : seeds) {
      const chance = chanceOf(seed).fork('kills');
      const faults = Array.from({ length: 20 }, (_, at) => ({
        ...{ atMs: Math.floor(((at + chance()) / 20) * 9 * dayMs), forMs: 0, replica: 'r1' },
        ...{ call: chance.one(calls), what: chance.one(['kill-before', 'kill-after'] as const) },
      }));
      const replicas = ahead(Math.floor(chance.between(-most, most) * minuteMs));
      const { lines, outsideWindow } = await lived(seed, {
        faults,
        replicas,
        askEveryMs: 1,
        restartMs: minuteMs,
      });
      killed += lines.filter(({ what }) => what === 'killed').length;
      expect(outsideWindow, `seed ${seed}`).toBe(0);
    }
    expect(killed).toBeGreaterThan(20);
  },
  900_000,
);
