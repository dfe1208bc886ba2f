import { expect, it } from 'vitest';
import { declaredConnections } from '../compose/declarations.ts';
import { defaultSettings } from '../config/settings/defaults.ts';
import { fail } from '../core/errors/errors.ts';
import { declarationName, encodeDeclaration } from '../core/lineage/declaration.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { Event } from '../core/plan/event.ts';
import type { CertificateSpec, Settings } from '../core/spec/spec.ts';
import type { Store } from '../ports/store.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { openSources } from './sources.ts';

const { signal } = new AbortController();

const specOf = (name: string, value: string): CertificateSpec => ({
  ...{ name, identifiers: [{ type: 'dns', value }], issuer: 'ca', solver: 'web', deploy: [], endpoints: [] },
});
const certificateNamed = (name: string) => declarationName({ section: 'certificates', name });
const fileOf = (...certificates: readonly CertificateSpec[]): Settings => ({ ...defaultSettings({}), certificates });

/** A store to which others write, and what a process makes of it. A declaration for `wrong.example` is refused. */
async function open(first: Settings = fileOf()) {
  const [memory, clock, events] = [createMemoryStore(), fakeClock(), [] as Event[]];
  let isDown = false;
  const down = <T extends (...args: never[]) => unknown>(call: T): T =>
    ((...args: never[]) => {
      if (isDown) throw fail('store/unusable', { path: 'memory', reason: 'it is away', advice: '' });
      return call(...args);
    }) as T;
  const store: Store = { ...memory, changes: down(memory.changes), scan: down(memory.scan) };
  const put = async (name: string, bytes: Uint8Array) => {
    const key = { kind: 'declared', name } as const;
    const { revision } = (await memory.get(key, signal)) ?? {};
    await memory.put(key, bytes, { ifRevision: revision ?? null, signal });
  };
  const declare = (name: string, value: string) =>
    put(
      certificateNamed(name),
      encodeDeclaration({ schema: 1, settings: { identifiers: [value] }, by: 'mia', at: '2026-11-30T00:00:00Z' })!,
    );
  const removeDocument = async (name: string) => {
    const key = { kind: 'declared', name } as const;
    const { revision } = (await memory.get(key, signal))!;
    await memory.delete(key, { ifRevision: revision, signal });
  };
  await declare('a', 'a.example');
  const changed: Settings[] = [];
  const sources = await openSources(
    first,
    {
      engine: { store, clock, reporter: { report: (event) => void events.push(event) } },
      checkConnections: declaredConnections,
      changed: (settings) => void changed.push(settings),
      async check(entries) {
        const all = [...entries].map(([name, { identifiers }]) => [name, (identifiers as string[])[0]!] as const);
        const refused = all.filter(([, value]) => value === 'wrong.example');
        return {
          certificates: all
            .filter(([, value]) => value !== 'wrong.example')
            .map(([name, value]) => specOf(name, value)),
          refused: new Map(refused.map(([name]) => [name, { solver: 'there is none' }])),
        };
      },
    },
    signal,
  );
  return {
    ...{ sources, declare, put, changed, events },
    remove: (name: string) => removeDocument(certificateNamed(name)),
    removeDocument,
    /** Lets it look once. */
    looks: () => sources.store.lookAgain(signal),
    goDown: (is: boolean) => (isDown = is),
    /** `a=a.example`, with `?` for what is refused. */
    now: () => [
      ...sources.settings().certificates.map(({ name, identifiers }) => `${name}=${identifiers[0]!.value}`),
      ...[...(sources.settings().inStore?.refused.keys() ?? [])].map((name) => `${name}?`),
    ],
  };
}

it('adds what the store declares, and follows it; the file wins', async () => {
  const world = await open(fileOf(specOf('f', 'f.example')));
  expect(world.now()).toEqual(['f=f.example', 'a=a.example']);
  const before = world.sources.settings();
  await world.looks();
  expect(world.sources.settings()).toBe(before);

  await world.declare('b', 'b.example');
  await world.declare('f', 'other.example');
  await world.looks();
  expect(world.now()).toEqual(['f=f.example', 'a=a.example', 'b=b.example']);
  expect(world.events.map(({ message }) => message)).toEqual(['declared in the store: b']);
  await world.sources.useFile(fileOf(specOf('a', 'file.example')));
  expect(world.now()).toEqual(['a=file.example', 'b=b.example', 'f=other.example']);
  expect([...world.sources.settings().inStore!.names]).toEqual(['b', 'f']);

  await world.remove('b');
  await world.looks();
  expect(world.now()).toEqual(['a=file.example', 'f=other.example']);
  expect(world.events.at(-1)?.message).toContain('no longer declared in the store, so not renewed: b');
  expect(world.changed.at(-1)).toBe(world.sources.settings());
});

it('tells of connections, too', async () => {
  const world = await open();
  const settings = { type: 'slack', url: 'https://hooks.slack.com/services/x' };
  const chat = declarationName({ section: 'alarms', name: 'chat' });
  await world.put(chat, encodeDeclaration({ schema: 1, settings, by: 'mia', at: '2026-11-30T00:00:00Z' })!);
  await world.looks();
  expect(Object.keys(world.sources.settings().alarms)).toEqual(['chat']);
  await world.removeDocument(chat);
  await world.looks();
  expect(world.events.map(({ message }) => message)).toEqual([
    'declared in the store: alarms.chat',
    'no longer declared in the store: alarms.chat',
  ]);
});

it('keeps what was declared while the store is away, and says so once', async () => {
  const world = await open();
  world.goDown(true);
  await world.declare('b', 'b.example');
  await world.looks();
  await world.looks();
  expect(world.now()).toEqual(['a=a.example']);
  expect(world.events.filter(({ level }) => level === 'error')).toHaveLength(1);
  world.goDown(false);
  await world.looks();
  expect(world.now()).toEqual(['a=a.example', 'b=b.example']);
});

it('neither uses nor forgets what is wrong or damaged, and tells of it', async () => {
  const world = await open();
  expect(world.sources.store.problem()).toBeUndefined();
  await world.declare('a', 'wrong.example');
  await world.put(certificateNamed('b'), encodeDocument({ schema: 1, settings: 'x', by: 'mia', at: 'now' }));
  // What a later version declares is none of its business.
  await world.put('sources~dns', encodeDocument({ schema: 1 }));
  await world.looks();
  expect(world.now()).toEqual(['b?', 'a?']);
  expect(world.sources.store.problem()?.message).toMatch(
    /^the declaration of b in the store is refused, and so are 1 more: /,
  );
  expect(world.events.filter(({ message }) => message?.includes('no longer declared'))).toEqual([]);
  await world.declare('a', 'a.example');
  await world.remove('b');
  await world.looks();
  expect(world.now()).toEqual(['a=a.example']);
  expect(world.sources.store.problem()).toBeUndefined();
});
