import { describe, expect, it } from 'vitest';
import { sampled } from '../../../test/support/seeded.ts';
import type { Deployment, Failure, Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec, withSolver } from '../lineage/test-lineages.ts';
import type { ReplicaDocument } from '../node/replica.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { sayAlarm } from './alarm-wording.ts';
import { conditionsOf, conditionsOfNodes, nextConditionMs } from './conditions.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const deployTimeoutMs = 2 * minuteMs;
const at = (time: string) => new Date(time);
const march = at('2026-03-01T00:00:00Z');

const failure = (fields: Partial<Failure>): Failure => ({
  ...{ count: 3, at: '2026-02-28T23:00:00Z', code: 'acme/unreachable', message: 'no answer', hint: 'wait' },
  ...{ retryAt: '2026-03-01T01:00:00Z', ...fields },
});
const edge = (fields: Partial<Deployment>, name = 'edge'): Pick<Lineage, 'deployments'> => ({
  deployments: { [name]: { version: 'v1', state: 'pending', since: '2026-02-28T23:00:00Z', ...fields } },
});
const byHand = withSolver(testSpec, { type: 'manual' }, 'web', { person: 'each order' } as never);
const watched: StoredSpec = { ...testSpec, endpoints: ['www.test:443'] };
const window = { start: '2026-02-20T00:00:00Z', end: '2026-02-21T00:00:00Z' };
const asked = { at: '2026-02-20T12:00:00Z', source: 'ari', window, checkAfter: '2026-03-02T00:00:00Z' } as const;
const paused = { at: '2026-02-20T00:00:00Z', by: 'ada', reason: 'moving' };
const limit = { until: '2026-05-02T00:00:00Z', quota: '5 certificates' };

const rows: readonly (readonly [
  what: string,
  facts: Partial<Lineage> & { readonly now?: Date; readonly wanted?: StoredSpec | null; readonly limit?: typeof limit },
  keys: readonly string[],
])[] = [
  ['nothing of one that is well', {}, []],
  ['one that has failed three times', { failure: failure({}) }, ['failing abc']],
  ['not one that has failed twice', { failure: failure({ count: 2 }) }, []],
  [
    'what only a person can mend, at its first failure',
    { failure: failure({ count: 1, needsPerson: true }) },
    ['failing abc'],
  ],
  ['not what a person forced', { failure: failure({ forced: true }) }, []],
  ['not a failure with other settings', { failure: failure({}), wanted: { ...watched, endpoints: ['b.test:1'] } }, []],
  ['not one that is no longer declared', { failure: failure({}), wanted: null }, []],
  ...(
    [
      ['not one that is no longer declared before a renewal would be late', '2026-04-10T23:00:00Z', {}, []],
      ['one that is no longer declared and still in use, later', '2026-04-11T00:00:00Z', {}, ['expiring abc']],
      ['one that is no longer declared and has expired', '2026-05-07T00:00:00Z', {}, ['expiring abc']],
      ['not one that is no longer declared a week after its expiry', '2026-05-09T00:00:00Z', {}, []],
      ['not one that is no longer declared and nowhere', '2026-04-11T00:00:00Z', { deployments: {} }, []],
      ['not one that was given back', '2026-04-11T00:00:00Z', { givenBack: { at: '', path: '/etc/letsencrypt' } }, []],
      ['not a test', '2026-04-11T00:00:00Z', { name: 'abc~staging' }, []],
    ] as const
  ).map(
    ([what, time, fields, keys]) =>
      [what, { ...edge({ state: 'current' }), wanted: null, now: at(time), ...fields }, [...keys]] as const,
  ),
  [
    'a pause at the first failure',
    {
      failure: failure({
        count: 1,
        needsPerson: true,
        code: 'acme/paused',
        message: 'paused: visit https://ca.test/unpause?jwt=a.b.',
      }),
    },
    ['paused abc https://ca.test/unpause?jwt=a.b'],
  ],
  [
    'a pause and the failures that led to it',
    { failure: failure({ code: 'acme/paused', message: 'paused' }) },
    ['paused abc', 'failing abc'],
  ],
  ['not a renewal that is a little late', { now: at('2026-04-10T23:00:00Z') }, []],
  ['a renewal after a third of the rest', { now: at('2026-04-11T00:00:00Z') }, ['expiring abc']],
  ['one that has expired', { now: at('2026-05-02T00:00:00Z') }, ['expiring abc']],
  ['one that is paused and not renewed in time', { now: at('2026-04-11T00:00:00Z'), paused }, ['expiring abc']],
  ['one that is paused and has expired', { now: at('2026-05-02T00:00:00Z'), paused }, ['expiring abc']],
  ['not the limit of one that is paused', { limit, paused }, []],
  [
    'not one that a person has rolled back',
    { now: at('2026-04-11T00:00:00Z'), rolledBack: { at: '2026-04-01T00:00:00Z', until: '2026-04-12T00:00:00Z' } },
    [],
  ],
  ['one by hand as soon as it is due', { now: at('2026-04-01T00:00:00Z'), wanted: byHand }, ['expiring abc']],
  ['a limit that lasts longer than it', { limit }, ['limited abc']],
  ['not a limit that ends before', { limit: { ...limit, until: '2026-04-02T00:00:00Z' } }, []],
  ['not a target that lacks it for a minute', edge({ since: '2026-02-28T23:59:00Z' }), []],
  ['a target that lacks it for longer', edge({}), ['target abc edge']],
  ['the target of a node', edge({ node: 'n1' }), ['target abc edge n1']],
  ['a target that broke at once', edge({ since: march.toISOString(), alarmed: true }), ['target abc edge']],
  ['not a target that rolls it out', edge({ settlesUntil: '2026-03-01T00:01:00Z' }), []],
  ['not a command that waits for another target', edge({ waitsFor: ['other'] }), []],
  ['a delivery that was cut off', edge({ state: 'intended' }), ['target abc edge']],
  [
    'not a delivery under way',
    {
      ...edge({ state: 'intended' }),
      work: {
        ...{ step: 'deploy', version: 'v1', directory: '', startedAt: '', challenges: [] },
        lease: { id: 'l', holder: { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' } },
      },
    },
    [],
  ],
  ['an endpoint', { ...edge({}, 'www.test:443'), wanted: watched, spec: watched }, ['endpoint abc www.test:443']],
  [
    'an incident of the CA, with its page',
    { renewal: { ...asked, explanationUrl: 'https://ca.test/incident' } },
    ['ca-incident le https://ca.test/incident https://ca.test/incident'],
  ],
  [
    'not a page about a usual window',
    { renewal: { ...testLineage.renewal, source: 'ari', explanationUrl: 'https://ca.test/x' } },
    [],
  ],
  ['not a window that moved without a page', { renewal: asked }, []],
];

describe('what is worth an alarm about a certificate', () => {
  it.each(rows)('%s', (_what, { now = march, wanted = testSpec, limit: known, ...fields }, keys) => {
    const facts = { now, deployTimeoutMs, limit: known };
    const found = conditionsOf(wanted ?? undefined, { ...testLineage, ...fields }, facts);
    expect(found.map(({ key, url }) => (url === undefined ? key : `${key} ${url}`))).toEqual(keys);
    for (const { message, hint } of found) expect([message, hint]).not.toContain('');
  });

  it('changes with time alone only at the times that are foretold', () => {
    for (const [, { now: _at, wanted = testSpec, limit: _known, ...fields }] of sampled(rows, 12, 'conditions')) {
      const lineage: Lineage = { ...testLineage, ...fields };
      const keysAt = (ms: number) =>
        conditionsOf(wanted ?? undefined, lineage, { now: new Date(ms), deployTimeoutMs }).map(({ key }) => key);
      let nextMs: number | undefined;
      let before = keysAt(march.getTime() - hourMs);
      for (let ms = march.getTime() - hourMs; ms < at('2026-05-10T00:00:00Z').getTime(); ms += hourMs) {
        const keys = keysAt(ms);
        if (keys.join() !== before.join()) expect(nextMs).toBeLessThanOrEqual(ms);
        before = keys;
        nextMs = nextConditionMs(wanted ?? undefined, lineage, { now: new Date(ms), deployTimeoutMs });
      }
    }
  });
});

it('nodes that are missing, and what they lack for too long, are worth an alarm', () => {
  const lack = { certificate: 'abc', target: 'web', version: 'v1', since: '2026-02-28T00:00:00Z', tries: 3 };
  const document = (alarmed?: true): ReplicaDocument => ({
    ...{ schema: 1, version: '1', runs: [], lacks: [{ ...lack, alarmed }] },
  });
  const replicas = [
    { node: 'waits', document: document() },
    { node: 'lacks', document: document(true) },
  ];
  const missing = { node: 'away', since: '2026-02-28T00:00:00Z', message: 'away is missing', hint: 'start it' };
  const keys = conditionsOfNodes(replicas, [missing]).map(({ key }) => key);
  expect(keys).toEqual(['target abc web lacks', 'node-missing away']);
});

it('says who has paused a certificate that expires, and how to end that, in both languages', () => {
  const facts = { now: at('2026-04-11T00:00:00Z'), deployTimeoutMs };
  const lineage: Lineage = { ...testLineage, paused, ...edge({}), failure: failure({}) };
  const all = conditionsOf(testSpec, lineage, facts);
  const [expiring, target] = ['expiring', 'target'].map((kind) => all.find((one) => one.kind === kind)!);
  expect(expiring?.message).toMatch(
    /, and should have been .*; it is paused by ada since 2026-02-20T00:00:00Z \(moving\)$/,
  );
  expect(sayAlarm(expiring!, 'zh').message).toMatch(/^abc 将于 .*；已由 ada 于 2026-02-20T00:00:00Z 暂停（moving）$/);
  for (const one of [expiring, target]) {
    expect(one?.hint).toBe('Until it is resumed (`certfleet resume abc`), it is neither renewed nor delivered.');
    expect(sayAlarm(one!, 'zh').hint).toMatch(/^恢复之前/);
  }
});
