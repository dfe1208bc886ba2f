import { expect, it } from 'vitest';
import { fakeClock } from '../testing/fake-clock.ts';
import { createGuests } from './guests.ts';

const never = () => new AbortController().signal;

function makeGuests() {
  const store = new Map<string, string>();
  const clock = fakeClock();
  let isBroken = false;
  const guests = createGuests(async (token) => {
    if (isBroken) throw new Error('the store does not answer');
    return store.get(token);
  }, clock);
  return { store, clock, guests, breakStore: () => (isBroken = true) };
}

it('counts each token that the store knows once', async () => {
  const { store, guests } = makeGuests();
  store.set('known', 'known.thumbprint');
  expect(await guests.find('known')).toBe('known.thumbprint');
  expect(await guests.find('known')).toBe('known.thumbprint');
  expect(await guests.find('made-up')).toBeUndefined();
  expect(guests.count).toBe(1);
});

it('ends when the last guest has left the store, even one that came meanwhile', async () => {
  const { store, clock, guests } = makeGuests();
  let isThrough = false;
  store.set('one', 'one.thumbprint');
  await guests.find('one');
  void guests.gone(never()).then(() => (isThrough = true));
  await clock.advance(1_000);
  store.set('two', 'two.thumbprint');
  await guests.find('two');
  store.delete('one');
  await clock.advance(1_000);
  expect([isThrough, guests.count]).toEqual([false, 1]);
  store.delete('two');
  await clock.advance(1_000);
  expect([isThrough, guests.count, clock.waiting]).toEqual([true, 0, 0]);
});

it('ends at once without guests', async () => {
  await makeGuests().guests.gone(never());
});

it('keeps its guests while the store does not answer', async () => {
  const { store, clock, guests, breakStore } = makeGuests();
  store.set('one', 'one.thumbprint');
  await guests.find('one');
  breakStore();
  const stop = new AbortController();
  const waiting = guests.gone(stop.signal);
  await clock.advance(1_000);
  expect(guests.count).toBe(1);
  stop.abort();
  await waiting;
});

it('ends with its signal, even during a look-up that hangs', async () => {
  let hangs = false;
  const guests = createGuests(async () => (hangs ? new Promise<never>(() => {}) : 'an answer'), fakeClock());
  await guests.find('one');
  hangs = true;
  const stop = new AbortController();
  const waiting = guests.gone(stop.signal);
  stop.abort();
  await waiting;
});

it('waits no longer than allowed', async () => {
  const { store, clock, guests } = makeGuests();
  store.set('one', 'one.thumbprint');
  await guests.find('one');
  const stop = new AbortController();
  const waiting = guests.gone(stop.signal);
  await clock.advance(1_000);
  stop.abort();
  await waiting;
  expect(guests.count).toBe(1);
});

it('remembers only a bounded number of the latest guests', async () => {
  const { guests, store } = makeGuests();
  for (let n = 0; n < 1_100; n++) {
    store.set(`t${n}`, 'x');
    await guests.find(`t${n}`);
  }
  expect(guests.count).toBe(1_024);
});
