import { expect, it } from 'vitest';
import { quickPasswords } from '../../test/support/quick-passwords.ts';
import type { Store } from '../ports/store.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { createAccess } from './access.ts';

const { signal } = new AbortController();
const by = { name: 'root', via: 'command' } as const;
const password = 'correct horse battery';
const open = (store: Store = createMemoryStore()) => {
  const clock = fakeClock();
  return { store, clock, access: createAccess({ store, clock, ...quickPasswords }) };
};

/** A store that counts its reads. */
function counting(store: Store): { readonly store: Store; reads(): number } {
  let count = 0;
  const get: Store['get'] = (key, over) => {
    count += 1;
    return store.get(key, over);
  };
  return { store: { ...store, get }, reads: () => count };
}

it('finds a login without a read of the store while it follows it', async () => {
  const counted = counting(createMemoryStore());
  const { access, clock } = open(counted.store);
  await access.users.add({ name: 'ann', role: 'viewer', password }, by, signal);
  const stop = new AbortController();
  const following = access.follow(stop.signal);
  await clock.advance(5_000);
  const answer = await access.logins.open({ user: 'Ann', password, from: '192.0.2.1' }, signal);
  if (answer.is !== 'in') throw new Error(answer.is);
  const token = await access.tokens.add({ name: 'ci', role: 'operator', scope: ['www'] }, by, signal);
  const before = counted.reads();
  expect(await access.logins.find(answer.cookie, signal)).toEqual({ who: answer.who, csrf: answer.csrf });
  expect(await access.tokens.find(token, signal)).toEqual({
    name: 'ci',
    role: 'operator',
    via: 'token',
    scope: ['www'],
  });
  expect(counted.reads()).toBe(before);
  // Another process takes the role away.
  const other = open(counted.store);
  await other.access.users.add({ name: 'bob', role: 'admin', password }, by, signal);
  await other.access.users.remove('ann', by, signal);
  await other.access.tokens.remove('ci', by, signal);
  await clock.advance(5_000);
  expect(await access.logins.find(answer.cookie, signal)).toBeUndefined();
  expect(await access.tokens.find(token, signal)).toBeUndefined();
  await clock.advance(3_600_000);
  expect((await counted.store.list('login', signal)).names).toEqual([]);
  stop.abort();
  await following;
});

it('keeps an administrator, whatever two of them do to each other at once in two processes', async () => {
  const store = createMemoryStore();
  const [one, other] = [open(store).access, open(store).access];
  const admins = async () => (await one.users.list(signal)).filter(({ role }) => role === 'admin').length;
  const lowered = (users: typeof one.users, name: string) => users.setRole(name, 'viewer', by, signal);
  const removed = (users: typeof one.users, name: string) => users.remove(name, by, signal);
  for (const [first, second] of [
    [removed, removed],
    [lowered, lowered],
    [removed, lowered],
  ] as const) {
    for (const name of ['ann', 'bob'])
      await one.users
        .add({ name, role: 'admin', password }, by, signal)
        .catch(() => one.users.setRole(name, 'admin', by, signal));
    const ends = await Promise.allSettled([first(one.users, 'ann'), second(other.users, 'bob')]);
    expect(ends.map(({ status }) => status)).toContain('rejected');
    expect(await admins()).toBeGreaterThan(0);
  }
});

it('writes down a change whose client has gone before it knew', async () => {
  const inner = createMemoryStore();
  let isGone = false;
  const put: Store['put'] = async (key, ...rest) => {
    const revision = await inner.put(key, ...rest);
    if (isGone && key.kind === 'user') throw new DOMException('gone', 'AbortError');
    return revision;
  };
  const { access, clock } = open({ ...inner, put });
  await access.users.add({ name: 'ann', role: 'viewer', password }, by, signal);
  isGone = true;
  await expect(access.users.setRole('ann', 'admin', by, signal)).rejects.toThrow('gone');
  expect(await access.users.list(signal)).toMatchObject([{ name: 'ann', role: 'admin' }]);
  const [, last] = await access.audit.read(clock.now(), signal);
  expect(last).toMatchObject({ what: 'user.role', object: 'ann', detail: 'admin' });
});

it('keeps no password, cookie, token or link as it is', async () => {
  const { store, access } = open();
  const link = await access.first.make(signal);
  await access.users.add({ name: 'ann', role: 'admin', password }, by, signal);
  const answer = await access.logins.open({ user: 'ann', password, from: '' }, signal);
  const token = await access.tokens.add({ name: 'ci', role: 'viewer' }, by, signal);
  let all = '';
  for (const kind of ['user', 'login', 'access', 'audit'] as const)
    for await (const page of store.scan(kind, signal))
      for (const { key, bytes } of page) all += key.name + new TextDecoder().decode(bytes);
  for (const secret of [link, password, token, answer.is === 'in' ? answer.cookie : ''])
    expect([secret, secret === '' || all.includes(secret!)]).toEqual([secret, false]);
});

it('lets a token end with its time', async () => {
  const { access, clock } = open();
  const expiresAt = new Date(clock.now().getTime() + 60_000).toISOString();
  const token = await access.tokens.add({ name: 'ci', role: 'viewer', expiresAt }, by, signal);
  expect(await access.tokens.find(token, signal)).toMatchObject({ name: 'ci' });
  await clock.advance(60_000);
  expect(await access.tokens.find(token, signal)).toBeUndefined();
});

it('offers no link for a first user while a user cannot be read', async () => {
  const { store, access } = open();
  await store.put({ kind: 'user', name: 'ann' }, new TextEncoder().encode('{'), { ifRevision: null, signal });
  expect(await access.first.make(signal)).toBeUndefined();
});

it('writes down all that several processes do at once', async () => {
  const store = createMemoryStore();
  const all = [open(store), open(store), open(store)];
  const detail = 'd'.repeat(400);
  await Promise.all(
    all.flatMap(({ access }, index) =>
      Array.from({ length: 80 }, (_, count) =>
        access.audit.record(by, { what: 'test', object: `${index}-${count}`, detail, result: 'done' }),
      ),
    ),
  );
  const { access, clock } = all[0]!;
  const entries = await access.audit.read(clock.now(), signal);
  expect(new Set(entries.map(({ object }) => object)).size).toBe(240);
  expect((await store.list('audit', signal)).names.length).toBeGreaterThan(1);
  for (const index of [0, 1, 2]) {
    const mine = entries.flatMap(({ object }) => (object.startsWith(`${index}-`) ? [Number(object.slice(2))] : []));
    expect(mine).toEqual([...mine].sort((a, b) => a - b));
  }
});
