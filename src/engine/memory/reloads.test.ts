import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createReloads, mostTogether } from './reloads.ts';

const { signal } = new AbortController();

/** Reloads of targets `t` and `u`. Each entry of `done` is one reload: its target, its certificates, and when it began. */
function bench() {
  const clock = fakeClock();
  const reloads = createReloads(clock);
  const done: (readonly [string, number, ...string[]])[] = [];
  const arrive = (certificate: string, target = 't', over = signal) =>
    reloads.share(
      target,
      { certificate, directory: 'ca' },
      async (all) => {
        done.push([target, clock.monotonicMs() / 1000, ...all.map((one) => one.certificate)]);
        await clock.sleep(5_000, signal);
        return all.map((one) => `${one.certificate} loaded`);
      },
      over,
    );
  return { clock, reloads, done, arrive };
}

it('reloads for a single certificate at once', async () => {
  const { clock, reloads, done, arrive } = bench();
  reloads.expect('a', ['t']);
  expect(await clock.passWhile(arrive('a'))).toBe('a loaded');
  expect(done).toEqual([['t', 0, 'a']]);
});

it('reloads once for all that are expected, and then for those that were not expected', async () => {
  const { clock, reloads, done, arrive } = bench();
  for (const name of ['a', 'b', 'c', 'd', 'e']) reloads.expect(name, ['t']);
  const all = [arrive('a')];
  await clock.advance(2_000);
  all.push(arrive('b'));
  reloads.expect('c', []); // its order failed
  reloads.expect('d', ['u']); // it turned out to have the version
  await clock.advance(1_000);
  expect(done).toEqual([]);
  all.push(arrive('e'));
  await clock.advance(1_000);
  all.push(arrive('f'));
  expect(await clock.passWhile(Promise.all(all))).toEqual(['a', 'b', 'e', 'f'].map((name) => `${name} loaded`));
  expect(done).toEqual([
    ['t', 3, 'a', 'b', 'e'],
    ['t', 8, 'f'],
  ]);
});

it('waits at each target only for those that are expected there', async () => {
  const { clock, reloads, done, arrive } = bench();
  reloads.expect('a', ['t', 'u']);
  reloads.expect('b', ['u']);
  const all = [arrive('a'), arrive('a', 'u')];
  await clock.advance(1_000);
  expect(done).toEqual([['t', 0, 'a']]);
  all.push(arrive('b', 'u'));
  await clock.passWhile(Promise.all(all));
  expect(done.at(-1)).toEqual(['u', 1, 'a', 'b']);
});

it('waits for a slow certificate until none has arrived for 20 s', async () => {
  const { clock, reloads, done, arrive } = bench();
  for (const name of ['a', 'b', 'slow']) reloads.expect(name, ['t']);
  const all = [arrive('a')];
  await clock.advance(15_000);
  all.push(arrive('b'));
  await clock.advance(22_000);
  all.push(arrive('c')); // during the reload
  await clock.passWhile(Promise.all(all));
  expect(done).toEqual([
    ['t', 35, 'a', 'b'],
    ['t', 57, 'c'],
  ]);
});

it('waits for 2 min at most while certificates keep arriving', async () => {
  const { clock, reloads, done, arrive } = bench();
  reloads.expect('slow', ['t']);
  const all: Promise<string>[] = [];
  for (let at = 0; at < 10; at += 1) {
    all.push(arrive(`c${at}`));
    await clock.advance(15_000);
  }
  await clock.passWhile(Promise.all(all));
  expect(done.map(([, at, ...names]) => [at, names.length])).toEqual([
    [120, 8],
    [155, 2],
  ]);
});

it('does not wait once as many have arrived as may share a reload', async () => {
  const { clock, reloads, done, arrive } = bench();
  reloads.expect('slow', ['t']);
  const all = Array.from({ length: mostTogether }, (_, at) => arrive(`c${at}`));
  await clock.passWhile(Promise.all(all));
  expect(done.map(([, at, ...names]) => [at, names.length])).toEqual([[0, mostTogether]]);
});

it('reloads without a certificate that leaves, and not at all if none is left', async () => {
  const { clock, reloads, done, arrive } = bench();
  for (const name of ['a', 'b', 'c']) reloads.expect(name, ['t']);
  const [left, stopped] = [new AbortController(), new Error('stopped')];
  const leaves = arrive('a', 't', left.signal);
  const stays = arrive('b');
  left.abort(stopped);
  await expect(leaves).rejects.toBe(stopped);
  reloads.expect('c', []);
  await clock.passWhile(stays);
  expect(done).toEqual([['t', 0, 'b']]);

  reloads.expect('d', ['u']);
  const again = new AbortController();
  const alone = arrive('a', 'u', again.signal);
  again.abort(stopped);
  await expect(alone).rejects.toBe(stopped);
  await clock.advance(60_000);
  expect([done.length, clock.waiting, reloads.waiting('ca')]).toEqual([1, 0, 0]);
});

it('counts the certificates that wait, once each, and tells when one begins to wait', async () => {
  const { clock, reloads, arrive } = bench();
  let told = 0;
  const forget = reloads.onWait(() => {
    told += 1;
  });
  for (const name of ['a', 'b', 'slow']) reloads.expect(name, ['t', 'u']);
  const all = [arrive('a'), arrive('a', 'u'), arrive('b')];
  expect([reloads.waiting('ca'), reloads.waiting('other'), told]).toEqual([2, 0, 3]);
  forget();
  reloads.expect('slow', []);
  all.push(arrive('b', 'u'));
  await clock.passWhile(Promise.all(all));
  expect([reloads.waiting('ca'), told]).toEqual([0, 3]);
});
