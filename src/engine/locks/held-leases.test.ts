import { expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../../test/support/fake-processes.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { documentOf, type SessionRef } from '../../core/lineage/session.ts';
import type { Kind } from '../../ports/store.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { isHeld } from './held-leases.ts';

const { signal } = new AbortController();
const [alive, dead] = [1, 9];
const at = '2026-11-30T02:00:00.000Z';
const here = identityOf(alive);
const elsewhere = { ...here, bootId: 'other' };
const session = (id: string) => ({ id, holder: here, beat: 1 });
const node = (id: string | undefined) => {
  const running = { version: '1', configuration: 'c', since: at, at, everyMs: 20_000 };
  const lease = id === undefined ? undefined : session(id);
  return { schema: 1, version: '1', runs: [], lacks: [], running: { node: { ...running, lease } } };
};
const own: SessionRef = { id: 's' };
const ofNode: SessionRef = { id: 's', node: 'n' };

it.each<
  [
    what: string,
    holder: object,
    ref: SessionRef | undefined,
    document: [Kind, string, object] | undefined,
    held: boolean,
  ]
>([
  ['an older version, alive', here, undefined, undefined, true],
  ['an older version, elsewhere', elsewhere, undefined, undefined, true],
  ['an older version, dead', identityOf(dead), undefined, undefined, false],
  ['a session', here, own, ['session', 's', documentOf(session('s'))], true],
  ['a session elsewhere', elsewhere, own, ['session', 's', documentOf(session('s'))], true],
  ['a session of a dead process', identityOf(dead), own, ['session', 's', documentOf(session('s'))], false],
  ['a session that is gone', here, own, undefined, false],
  ['a session that another process has just ended', elsewhere, own, ['session', 's', documentOf(null)], false],
  ['a damaged session', elsewhere, own, ['session', 's', { schema: 1 }], true],
  ['the session of a node', elsewhere, ofNode, ['replica', 'n', node('s')], true],
  ['the session that a node had before', elsewhere, ofNode, ['replica', 'n', node('t')], false],
  ['a session of a node that has none', elsewhere, ofNode, ['replica', 'n', node(undefined)], false],
  ['a session of a node that is forgotten', elsewhere, ofNode, undefined, false],
])('a lease that rests on %s', async (_what, holder, ref, document, held) => {
  const store = createMemoryStore();
  if (document) {
    const [kind, name, content] = document;
    await store.put({ kind, name }, encodeDocument(content), { ifRevision: null, signal });
  }
  const processes = fakeProcesses({ dead: new Set([dead]) });
  const lease = { id: 'l', holder: { ...here, ...holder }, session: ref };
  expect(await isHeld(lease, { store, processes }, signal)).toBe(held);
});

it('no lease', async () => {
  expect(await isHeld(undefined, { store: createMemoryStore(), processes: fakeProcesses() }, signal)).toBe(false);
});
