import { expect, it } from 'vitest';
import { describeNode, withoutEnded } from './node-status.ts';
import type { ReplicaDocument } from './replica.ts';

const at = (minute: number) => `2026-11-24T10:${`${minute}`.padStart(2, '0')}:00.000Z`;
const now = new Date(at(50));
const holder = { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' };
const process = (seen: number, lease?: object) => ({
  ...{ version: '1.0.0', configuration: 'c', since: at(0), everyMs: 20_000, at: at(seen) },
  lease: lease && { id: 'a', holder, beat: 1 },
});

it.each<[string, Partial<ReplicaDocument>, isDead: boolean, expected: object]>([
  ['that runs', { running: { node: process(49, {}) } }, false, { running: [{ role: 'node' }], stopped: undefined }],
  ['that was stopped', { running: { node: process(20) } }, false, { stopped: { role: 'node', since: at(20) } }],
  ['that was killed', { running: { node: process(49, {}) } }, true, { stopped: { role: 'node', since: at(49) } }],
  ['whose responder was', { running: { responder: process(9) } }, false, { stopped: { role: 'responder' } }],
  [
    'that still answers',
    { running: { node: process(20), responder: process(49, {}) } },
    false,
    { running: [{ role: 'responder' }], stopped: { role: 'node', since: at(20) } },
  ],
  ['on which a run began later', { running: { node: process(20) }, runs: [at(30)] }, false, { stopped: undefined }],
  ['on which nothing kept running', { runs: [at(30)] }, false, { stopped: undefined }],
  ['that is missing', { running: { node: process(20, {}) } }, false, { missing: 'node', stopped: undefined }],
])('status tells of a node %s', (_what, document, isDead, expected) => {
  const replica = { node: 'a', document: { schema: 1, version: '1.0.0', runs: [], lacks: [], ...document } as const };
  const status = describeNode(replica, [], { now, isDead: () => isDead });
  expect({ ...{ stopped: undefined, missing: undefined }, ...status }).toMatchObject(expected);
});

it.each<[string, ReplicaDocument['running'], live: readonly string[], left: readonly string[] | undefined]>([
  ['a stopped responder beside a node', { node: process(49, {}), responder: process(9) }, ['node'], ['node']],
  ['a responder that died beside a node', { node: process(49, {}), responder: process(9, {}) }, ['node'], ['node']],
  ['a stopped node beside a responder', { node: process(9), responder: process(49, {}) }, ['responder'], ['responder']],
  ['nothing where all runs', { node: process(49, {}), responder: process(49, {}) }, ['node', 'responder'], undefined],
  ['all where nothing runs', { node: process(9) }, [], []],
])('what has ended is %s', (_what, running, live, left) => {
  const missingTold = { what: 'responder', at: at(20) } as const;
  const before = { schema: 1, version: '1.0.0', runs: [at(1)], lacks: [], running, missingTold } as const;
  const found = withoutEnded({ node: 'a', document: before }, { now, isDead: () => false });
  expect([found.live, found.document && Object.keys(found.document.running!)]).toEqual([live, left]);
  if (found.document) expect(found.document).toMatchObject({ runs: [at(1)], missingTold: undefined });
});
