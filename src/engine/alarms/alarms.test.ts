import { expect, it } from 'vitest';
import type { AlarmNews } from '../../core/alarm/alarm.ts';
import type { Condition } from '../../core/alarm/conditions.ts';
import { steadyRhythm } from '../../core/alarm/open-alarms.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Event } from '../../core/plan/event.ts';
import type { Notifier } from '../../ports/notifier.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import type { ConnectionPool } from '../engine.ts';
import { type AlarmPorts, createAlarms } from './alarms.ts';
import { createOwnBook, createStoreBook } from './book.ts';

const { signal } = new AbortController();
const never = () => new Promise<never>(() => {});
const minuteMs = 60_000;
const condition = (key: string): Condition => ({
  ...{ key, kind: 'failing', certificate: key, message: `${key} fails`, hint: 'look' },
});

/** Processes that share a store, and a person who gets what they send by `mail` and `chat`. */
function fleet() {
  const clock = fakeClock();
  const store = createMemoryStore();
  const got: string[] = [];
  const events: Event[] = [];
  const dead = new Set<number>();
  let pids = 0;
  function begin(send: (name: string, news: AlarmNews, until: AbortSignal) => Promise<void> = async () => {}) {
    pids += 1;
    const pid = pids;
    const self = { bootId: 'b', pidNamespace: 'n', pid, startTime: '1' };
    const notifier = (name: string): Notifier => ({
      type: 'test',
      async send(news, until) {
        await send(name, news, until);
        const words = [...news.opened.map(({ key }) => `+${key}`), ...news.repeated.map(({ key }) => `=${key}`)];
        got.push(`${name}: ${[...words, ...news.resolved.map(({ key }) => `-${key}`)].join(' ')}`);
      },
    });
    const connect = { notifiers: () => ['mail', 'chat'], notifier: async (name: string) => notifier(name), end() {} };
    const engine = {
      ...{ node: `n${pid}`, clock, store, reporter: { report: (event: Event) => void events.push(event) } },
      processes: { self: () => self, look: (one: typeof self) => (dead.has(one.pid) ? 'dead' : 'alive') },
      connections: { owner: '', open: () => connect } as unknown as ConnectionPool,
    } as unknown as AlarmPorts & { readonly store: typeof store };
    const alarms = createAlarms(engine, createStoreBook(engine));
    const look = async (...keys: readonly string[]) => {
      await alarms.look({ conditions: keys.map(condition), covers: () => true, rhythm: steadyRhythm }, signal);
      await alarms.send(signal);
    };
    return { alarms, look, engine, kill: () => void dead.add(pid) };
  }
  const take = () => got.splice(0);
  const namesOf = () => events.splice(0).map(({ event, level }) => `${event} ${level}`);
  return { clock, store, begin, take, namesOf };
}

it('tells each notifier once, repeats it after a day, and resolves it', async () => {
  const { clock, begin, take, namesOf } = fleet();
  const { look } = begin();
  const wait = (minutes: number) => clock.advance(minutes * minuteMs);
  await look('a');
  expect(take()).toEqual(['mail: +a', 'chat: +a']);
  expect(namesOf()).toEqual(['alarm.raised alarm']);
  await wait(60);
  await look('a');
  expect([take(), namesOf()]).toEqual([[], []]);
  await wait(24 * 60);
  await look('a');
  expect(take()).toEqual(['mail: =a', 'chat: =a']);
  await wait(60);
  await look();
  await wait(1);
  await look();
  expect(take()).toEqual(['mail: -a', 'chat: -a']);
  expect(namesOf()).toEqual(['alarm.repeated alarm', 'alarm.resolved info']);
});

it('two processes that look at the same time tell it once', async () => {
  const { begin, take, namesOf } = fleet();
  const all = [begin(), begin()];
  await Promise.all(all.map(({ look }) => look('a')));
  expect(take().sort()).toEqual(['chat: +a', 'mail: +a']);
  expect(namesOf()).toEqual(['alarm.raised alarm']);
});

it('a process that dies between write and send loses nothing', async () => {
  const { clock, begin, take } = fleet();
  const first = begin(never);
  void first.look('a');
  await clock.advance(0);
  const second = begin();
  await second.look('a');
  // It may still be sending.
  expect(take()).toEqual([]);
  first.kill();
  await second.look('a');
  expect(take()).toEqual(['mail: +a', 'chat: +a']);
});

it('a process that is silent for longer than it may take is not waited for', async () => {
  const { clock, begin, take } = fleet();
  void begin(never).look('a');
  await clock.advance(0);
  const second = begin();
  await clock.advance(2 * minuteMs);
  await second.look('a');
  expect(take()).toEqual(['mail: +a', 'chat: +a']);
});

it('a notifier that fails is tried again, and holds up no other', async () => {
  const { clock, begin, take, namesOf } = fleet();
  let isDown = true;
  const { look, alarms } = begin(async (name) => {
    if (isDown && name === 'mail')
      throw fail('notify/failed', { notifier: 'mail', name: 'mail', reason: 'it is down' });
  });
  await look('a');
  expect(take()).toEqual(['chat: +a']);
  expect(namesOf()).toEqual(['alarm.raised alarm', 'alarm.unsent warn']);
  const pauses: number[] = [];
  for (let tries = 0; tries < 6; tries += 1) {
    const pauseMs = alarms.nextTryMs()! - clock.now().getTime();
    pauses.push(pauseMs / 1_000);
    await clock.advance(pauseMs - 1);
    await alarms.send(signal);
    await clock.advance(1);
    await alarms.send(signal);
  }
  expect(pauses).toEqual([10, 60, 300, 1_800, 3_600, 3_600]);
  expect([take(), namesOf()]).toEqual([[], Array.from({ length: 6 }, () => 'alarm.unsent warn')]);
  isDown = false;
  await clock.advance(60 * minuteMs);
  await look('a');
  expect(take()).toEqual(['mail: +a']);
  expect(alarms.nextTryMs()).toBeUndefined();
});

it('a notifier that hangs, and does not obey its signal, ends at its deadline', async () => {
  const { clock, begin, take, namesOf } = fleet();
  const { look } = begin((name) => (name === 'mail' ? never() : Promise.resolve()));
  await clock.passWhile(look('a'));
  expect([take(), namesOf()]).toEqual([['chat: +a'], ['alarm.raised alarm', 'alarm.unsent warn']]);
});

it('what was sent while the store failed is not sent again', async () => {
  const { clock, store, begin, take } = fleet();
  const { put } = store;
  const first = begin(async () => {
    store.put = async () => {
      throw fail('store/unusable', { path: 'memory', reason: 'the disk is full', advice: '' });
    };
  });
  await expect(first.look('a')).rejects.toMatchObject({ code: 'store/unusable' });
  expect(take()).toEqual(['mail: +a', 'chat: +a']);
  store.put = put;
  await clock.advance(10 * minuteMs);
  await first.look('a');
  expect(take()).toEqual([]);
});

it('what a store cannot keep is kept by the process, and by the cache', async () => {
  const { clock, begin, take } = fleet();
  const kept = new Map<string, Uint8Array>();
  const cache = {
    read: async (name: string) => kept.get(name),
    write: async (name: string, bytes: Uint8Array) => void kept.set(name, bytes),
  };
  const { engine } = begin();
  const tell = async (...keys: readonly string[]) => {
    const alarms = createAlarms(engine, createOwnBook(cache, 'own'));
    await alarms.look({ conditions: keys.map(condition), covers: () => true, rhythm: steadyRhythm }, signal);
    await alarms.send(signal);
  };
  await tell('store');
  await clock.advance(60 * minuteMs);
  await tell('store');
  expect(take()).toEqual(['mail: +store', 'chat: +store']);
  await tell();
  await clock.advance(minuteMs);
  await tell();
  expect(take()).toEqual(['mail: -store', 'chat: -store']);
});
