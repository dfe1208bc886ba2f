import { describe, expect, it } from 'vitest';
import type { AccountIssuer } from '../../ports/issuer.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createMemory } from './memory.ts';
import { newPass } from './pass.ts';

const directory = 'https://ca.test/directory';
const { signal } = new AbortController();

/** A process, and a CA as a pass of it sees it. */
function bench() {
  const clock = fakeClock();
  const memory = createMemory(clock);
  const pass = () => newPass('p', clock, memory);
  return { clock, memory, pass, pace: memory.paces(directory), ca: pass().cas(directory) };
}

it('lets as many orders run as the limit allows, more once that has grown, and twice as many certificates', async () => {
  const { clock, pace, ca } = bench();
  const ends: (() => void)[] = [];
  const all = Array.from({ length: 100 }, () =>
    ca.inTurn(() => new Promise<void>((end) => void ends.push(end)), signal),
  );
  const turn = () => new Promise((done) => setImmediate(done));
  await turn();
  expect([ends.length, ca.lanes()], 'before the first order is accepted').toEqual([32, 32]);
  ca.works();
  expect(ca.lanes()).toBe(64);
  for (let answers = 0; answers < 32; answers += 1) pace.answered(clock.monotonicMs());
  await turn();
  expect([ends.length, ca.lanes()]).toEqual([64, 128]);
  for (const [index, ended] of all.entries()) {
    ends[index]?.();
    await ended;
  }
  expect(ends).toHaveLength(100);
});

describe('a CA that was down', () => {
  it('is given one certificate, and one order, and all as soon as it takes it', async () => {
    const { ca } = bench();
    let told = 0;
    const forget = ca.onGrowth(() => {
      told += 1;
    });
    ca.probe();
    expect([ca.state(), ca.lanes()]).toEqual(['probing', 1]);
    let begun = 0;
    const orders = [1, 2].map(() =>
      ca.inTurn(async () => {
        begun += 1;
        if (begun === 1) ca.works();
      }, signal),
    );
    await Promise.all(orders);
    expect([ca.state(), ca.lanes(), told]).toEqual(['works', 64, 1]);
    forget();
  });

  it('stays down for this pass, and what is known is not asked for again', () => {
    const { ca, pass } = bench();
    expect(ca.state()).toBe('unknown');
    ca.probe();
    ca.failed();
    ca.probe();
    expect(ca.state()).toBe('down');
    const other = pass().cas(directory);
    other.works();
    other.probe();
    expect([other.state(), other.lanes()]).toEqual(['works', 64]);
  });

  it('is probed once a minute, three times, if it had worked', async () => {
    const { clock, ca } = bench();
    expect([ca.failed(), ca.nextProbe()], 'it has not worked in this pass').toEqual([false, undefined]);
    ca.works();
    expect([ca.failed(), ca.lanes(), ca.nextProbe()]).toEqual([true, 1, 60_000]);
    const probes: unknown[] = [];
    for (let minute = 0; minute < 4; minute += 1) {
      await clock.advance(60_000);
      probes.push(ca.nextProbe());
      ca.failed();
    }
    expect(probes).toEqual([0, 0, 0, undefined]);
  });

  it('says nothing of another CA', () => {
    const { pass } = bench();
    const { cas } = pass();
    cas('https://a.test/').failed();
    expect(['https://a.test/', 'https://b.test/'].map((one) => cas(one).state())).toEqual(['down', 'unknown']);
  });
});

describe('the next pass of a process', () => {
  it('knows neither who was down, nor which hooks have run; how fast a CA is, it knows', () => {
    const { pace, pass } = bench();
    const first = pass();
    first.cas(directory).works();
    first.cas(directory).failed();
    first.hooks.ran.add('stop nginx');
    first.hooks.renewed.set('a', []);
    pace.strained(0);
    const next = pass();
    expect(next.cas(directory).state()).toBe('unknown');
    expect(next.cas(directory).lanes()).toBe(16);
    expect([next.hooks.ran.size, next.hooks.renewed.size, next.hooks.owes]).toEqual([0, 0, false]);
  });

  it('finds the accounts, but no more than a store has', () => {
    const { memory } = bench();
    const account = Promise.resolve({} as AccountIssuer);
    for (let at = 0; at < 1_000; at += 1) memory.accounts.set(`account-${at}`, account);
    expect([memory.accounts.size, [...memory.accounts.keys()].at(-1)]).toEqual([256, 'account-999']);
  });
});
