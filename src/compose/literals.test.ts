import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { randomOf, seeded } from '../../test/support/seeded.ts';
import { storeWorld } from '../../test/support/store-world.ts';
import { settingsOf } from '../core/lineage/deployments.ts';
import { encodeDocument, type Lineage } from '../core/lineage/lineage.ts';
import type { StoredSpec } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import type { Key, Kind, Store } from '../ports/store.ts';
import { openEncrypted, storeKeyOf } from '../stores/encrypted.ts';
import fileStore from '../stores/file.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { withoutLiterals } from './literals.ts';
import { moveLiterals } from './move-literals.ts';
import { sealAll } from './sealing.ts';

const { signal } = new AbortController();
const random = randomOf(seeded('literals'));

/** Literals in every place that settings can have them, each with its name in it. */
function spec(name = 'abc', tsig = 'planted-tsig'): StoredSpec {
  const dns = { type: 'dns01', provider: 'rfc2136', options: { server: '192.0.2.1', keyName: 'k', secret: tsig } };
  const balancer = { type: 'alibaba-clb', accessKeyId: 'planted-id', accessKeySecret: 'planted "quoted" secret' };
  const uses = [{ kind: 'balancer', name: 'lb', settings: balancer }] as const;
  const other = { ...dns, provider: 'cloudflare', options: { token: 'planted-token' } };
  const identifiers = [{ type: 'dns', value: 'abc.test' }] as const;
  return {
    ...{ name, identifiers, endpoints: [] },
    issuer: {
      name: 'ca',
      settings: {
        ...{ directory: 'https://ca.test/', email: [], agreeToTerms: true, test: true },
        eab: { kid: 'kid-1', hmacKey: 'planted-eab' },
      },
    },
    parts: [
      {
        solver: {
          name: 'dns',
          settings: { ...dns, zones: { 'other.test': 'other' } },
          uses: [{ kind: 'solver', name: 'other', settings: other }],
        },
        identifiers: [],
      },
      { solver: { name: 'rule', settings: { type: 'http01-forward-rule', balancer: 'lb' }, uses }, identifiers },
    ],
    targets: [{ name: 'clb', settings: { type: 'alibaba-clb', balancer: 'lb' }, uses }],
    preflight: { resolvers: [], http01Port: 80 },
  };
}

function lineage(name = 'abc', tsig = 'planted-tsig'): Lineage {
  const wanted = spec(name, tsig);
  const stone = { type: 'dns-01', identifier: 'abc.test', token: 't', thumbprint: 'p', looked: 0 } as const;
  const before = { type: 'dns01', provider: 'rfc2136', options: { secret: 'planted-before' } };
  return {
    ...{ schema: 1, name, origin: 'configuration', spec: wanted },
    deployments: {
      clb: { version: 'v1', state: 'current', since: '', ...present({ settings: settingsOf(wanted, 'clb') }) },
    },
    tombstones: [
      { ...stone, closedAt: '', by: { solver: { name: 'dns', settings: before }, preflight: wanted.preflight } },
    ],
  };
}

const named = (kind: Kind, name = 'abc'): Key => ({ kind, name });
const textOf = async (store: Store, key: Key) => Buffer.from((await store.get(key, signal))?.bytes ?? []).toString();
async function write(store: Store, document: Lineage): Promise<void> {
  const key = named('lineage', document.name);
  const ifRevision = (await store.get(key, signal))?.revision ?? null;
  await store.put(key, encodeDocument(document), { ifRevision, signal });
}
/** The store as one process sees it. */
const process = (inner: Store) => withoutLiterals(inner, random);

describe('a lineage', () => {
  it('is stored without the literal secrets, and read with them, also by another process', async () => {
    const inner = createMemoryStore();
    const store = process(inner);
    await write(store, lineage());
    expect(await textOf(inner, named('lineage'))).not.toContain('planted');
    expect(await textOf(inner, named('credential'))).toContain('planted-tsig');
    for (const reader of [store, process(inner)]) {
      expect(JSON.parse(await textOf(reader, named('lineage')))).toEqual(lineage());
      for await (const page of reader.scan('lineage', signal))
        expect(page.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()))).toEqual([lineage()]);
    }
  });

  it('from before is read as it is, and loses them when it is written', async () => {
    const inner = createMemoryStore();
    await write(inner, lineage());
    const store = process(inner);
    expect(JSON.parse(await textOf(store, named('lineage')))).toEqual(lineage());
    expect(await store.hasLiterals((await inner.get(named('lineage'), signal))!.bytes)).toBe(true);
    await write(store, lineage());
    const after = (await inner.get(named('lineage'), signal))!.bytes;
    expect(Buffer.from(after).toString()).not.toContain('planted');
    expect(await store.hasLiterals(after)).toBe(false);
  });

  it('without literals is stored byte for byte, and has no credentials', async () => {
    const inner = createMemoryStore();
    const plain = JSON.stringify({ ...lineage(), tombstones: [] })
      .replaceAll(/planted[\w-]*/g, 'file:/planted')
      .replaceAll(/file:\/planted \\+"quoted\\+" secret/g, 'env:PLANTED');
    await inner.put(named('lineage'), Buffer.from(plain), { ifRevision: null, signal });
    const store = process(inner);
    await write(store, JSON.parse(plain) as Lineage);
    expect(await textOf(inner, named('lineage'))).toBe(plain);
    expect(await inner.get(named('credential'), signal)).toBeUndefined();
  });

  it('keeps a secret that it still names, and drops it afterwards', async () => {
    const inner = createMemoryStore();
    const store = process(inner);
    for (const tsig of ['planted-tsig', 'planted-2', 'planted-3']) await write(store, lineage('abc', tsig));
    const kept = await textOf(inner, named('credential'));
    expect(['tsig', '2', '3'].map((one) => kept.includes(`planted-${one}`))).toEqual([false, true, true]);
  });

  it('that is written again gets back a secret that another process has dropped', async () => {
    const inner = createMemoryStore();
    const store = process(inner);
    await write(store, lineage('abc', 'planted-1'));
    for (const tsig of ['planted-2', 'planted-3']) await write(process(inner), lineage('abc', tsig));
    await write(store, lineage('abc', 'planted-1'));
    expect(JSON.parse(await textOf(process(inner), named('lineage')))).toEqual(lineage('abc', 'planted-1'));
  });

  it('that is deleted leaves no credentials', async () => {
    const inner = createMemoryStore();
    const store = process(inner);
    await write(store, lineage());
    const { revision } = (await store.get(named('lineage'), signal))!;
    await store.delete(named('lineage'), { ifRevision: revision, signal });
    expect(await inner.get(named('credential'), signal)).toBeUndefined();
  });

  it('whose credentials cannot be read does not hide the others', async () => {
    const inner = createMemoryStore();
    for (const [name, tsig] of [
      ['abc', 'planted-1'],
      ['xyz', 'planted-2'],
    ] as const)
      await write(process(inner), lineage(name, tsig));
    const { revision } = (await inner.get(named('credential'), signal))!;
    await inner.put(named('credential'), Buffer.from('{'), { ifRevision: revision, signal });
    const found = [];
    for await (const page of process(inner).scan('lineage', signal)) found.push(...page);
    expect(found.map(({ key, corrupt }) => [key.name, corrupt?.code]).sort()).toEqual([
      ['abc', 'store/corrupt'],
      ['xyz', undefined],
    ]);
  });

  it('whose credentials are lost says which value is missing, and is not changed', async () => {
    const inner = createMemoryStore();
    await write(process(inner), lineage());
    const { revision } = (await inner.get(named('credential'), signal))!;
    await inner.delete(named('credential'), { ifRevision: revision, signal });
    expect(await textOf(process(inner), named('lineage'))).toContain('kept:');
  });
});

it('a thousand certificates with the same settings need one look at credentials', async () => {
  const inner = createMemoryStore();
  const writer = process(inner);
  for (let at = 0; at < 1_000; at += 1) await write(writer, lineage(`abc${at}`));
  let looks = 0;
  const counting: Store = {
    ...inner,
    get: (key, s) => {
      looks += 1;
      return inner.get(key, s);
    },
  };
  for await (const page of process(counting).scan('lineage', signal))
    for (const { bytes } of page) expect(Buffer.from(bytes).includes('kept:')).toBe(false);
  // A page is read at once.
  expect(looks).toBeLessThanOrEqual(16);
});

describe('moveLiterals', () => {
  async function oldStore() {
    const clock = fakeClock();
    const disk = memoryFiles(() => clock.now());
    const world = storeWorld({ files: disk, clock });
    const plain = fileStore.connect({ options: { path: '/s' }, name: 'store', world });
    await plain.check(signal);
    for (const tsig of ['planted-1', 'planted-2']) await write(plain, lineage('abc', tsig));
    await write(plain, lineage('xyz'));
    const keys = [storeKeyOf(new Uint8Array(32).fill(1))];
    const { store: sealed } = await openEncrypted(plain, { keys, random, isNew: false }, signal);
    const move = (look: 'dead' | 'alive' = 'dead') =>
      moveLiterals({ plain, sealed }, { random, processes: { look: () => look } as never }, signal);
    const found = () =>
      Object.entries(disk.contents('/s'))
        .filter(([, content]) => content.includes('planted'))
        .map(([path]) => path);
    return { plain, sealed, move, found, seal: () => sealAll(plain, { keys, random }, signal) };
  }

  it('leaves none in the whole store, earlier revisions included, once it is encrypted', async () => {
    const { sealed, move, found, seal } = await oldStore();
    expect(found().length).toBeGreaterThan(2);
    await move();
    await seal();
    expect(found()).toEqual([]);
    expect(JSON.parse(await textOf(process(sealed), named('lineage')))).toEqual(lineage('abc', 'planted-2'));
    await move(); // and again
  });

  it('leaves a certificate alone that another process works on, and says so', async () => {
    const { plain, move } = await oldStore();
    const lease = { id: 'l', holder: { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' }, beat: 0 };
    const work = { step: 'lease', version: 'v', directory: '', startedAt: '', challenges: [], lease } as const;
    await write(plain, { ...lineage(), work });
    const { revision } = (await plain.get(named('lineage'), signal))!;
    await expect(move('alive')).rejects.toMatchObject({ code: 'store/in-use' });
    expect((await plain.get(named('lineage'), signal))!.revision).toBe(revision);
    await move('dead');
    expect(await textOf(plain, named('lineage'))).not.toContain('planted');
  });
});
