import { describe, expect, it } from 'vitest';
import { fail } from '../../errors/errors.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import { isOnlyOwing, type Lineage, type Tombstone, type Work } from '../lineage.ts';
import { testLineage, testSpec, withNames, withSolver } from '../test-lineages.ts';
import { tombstoneOf } from '../tombstones.ts';
import * as work from './test-work.ts';

const now = new Date('2026-03-01T12:00:00Z');
const holder = { bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1' };
const lease = { id: 'mine', holder, beat: 0 };
const claim: work.Claim = { lease, isDoubtful: false, now };
const url = 'https://ca.test/order/1';
const specOf = (names: readonly string[], solver: string): StoredSpec => ({
  ...withSolver(withNames(testSpec, names), { type: solver }, solver),
  targets: [{ name: 'edge', settings: { type: 'files' } }],
});
const wanted = specOf(['a.test', 'b.test'], 'web');
const otherSolver = specOf(['a.test', 'b.test'], 'dns');
const otherNames = specOf(['c.test'], 'web');
const facts = { wanted, origin: 'command-line', aim: 'certificate', newId: 'v2' } as const;
const version = { ...testLineage.current, id: 'v2' };
const challenges = [
  { type: 'http-01', identifier: 'a.test', token: 'ta' },
  { type: 'http-01', identifier: 'b.test', token: 'tb' },
] as const;
const last = { at: now.toISOString(), result: 'renewed', message: '' } as const;
const busy = fail('acme/busy', { issuer: 'CA', what: 'newOrder', status: 503 });
const refused = fail('acme/invalid-authorization', {
  ...{ issuer: 'CA', identifier: 'a.test', challenge: 'http-01', detail: '', advice: '' },
});

const one: Readonly<Record<work.TransitionName, work.Transition>> = {
  begun: work.begun(facts, claim),
  leased: work.leased(claim),
  trialBegun: work.trialBegun({ wanted, thumbprint: 'print', challenge: challenges[0] }, claim),
  imported: work.imported({ wanted, version, renewal: { at: now.toISOString(), source: 'lifetime' }, has: [], now }),
  rebuilt: work.rebuilt({
    wanted,
    versions: [version],
    renewal: { at: now.toISOString(), source: 'lifetime' },
    now,
    isDeclared: false,
  }),
  leftAlone: work.leftAlone({ target: 'edge', path: '/old', now }),
  windowAsked: work.windowAsked({ renewal: { at: now.toISOString(), source: 'ari' }, last }),
  drifted: work.drifted(new Map()),
  paused: work.paused({ at: now.toISOString(), by: 'ops' }),
  resumed: work.resumed(),
  recordsKept: work.recordsKept([]),
  released: work.released(),
  abandoned: work.abandoned(now),
  restored: work.restored(),
  pastRemoved: work.pastRemoved({ wanted, left: [], now }),
  overruled: work.overruled(now),
  orderGivenUp: work.orderGivenUp(),
  orderLimited: work.orderLimited({ until: now.toISOString(), detail: 'too many' }),
  ordered: work.ordered({ url }),
  challengesIntended: work.challengesIntended({ thumbprint: 'print', accountUrl: 'a', challenges }),
  receiptsKept: work.receiptsKept(new Map([['http-01 a.test', 'receipt']])),
  presentFailed: work.presentFailed(new Map([['http-01 a.test', 'receipt']]), new Set(['http-01 b.test'])),
  accountKeyChanged: work.accountKeyChanged({ left: [], now }),
  accountLost: work.accountLost({ left: [], now }),
  orderFailed: work.orderFailed({ left: [], now }),
  certificateRefused: work.certificateRefused('v3'),
  namesDropped: work.namesDropped({ dropped: [{ identifier: 'b.test', reason: 'no' }], left: [], now }),
  madeCurrent: work.madeCurrent({ wanted, version, now }),
  sent: work.sent({ target: 'edge', version: 'v2', receipt: 'upload', now }),
  revocationMeant: work.revocationMeant({
    ...{ versions: ['v1'], reason: 'keyCompromise', by: 'account-key', newId: 'v3', now },
  }),
  revoked: work.revoked({ version: 'v1', reason: 'keyCompromise', when: 'now', now }),
  revocationRefused: work.revocationRefused({ version: 'v1' }),
  rolledBack: work.rolledBack({ wanted, now }),
  exported: work.exported({ at: now.toISOString(), version: 'v1', format: 'pem', to: '/root/x' }),
  exportFailed: work.exportFailed({ at: now.toISOString(), version: 'v1', format: 'pem', to: '/root/x' }),
  closed: work.closed({ deployments: undefined, renewal: undefined, retired: [], left: [], last, now }),
  failed: work.failed({ error: busy, asked: true, left: [], now }),
  stopped: work.stopped({ asked: true, left: [], now }),
  waited: work.waited({ left: [], now }),
  swept: work.swept({ looked: new Map(), left: [], now }),
  forgotten: work.forgotten(),
};

/** The document after all of them. */
const through = (lineage: Lineage | undefined, ...names: readonly (work.TransitionName | work.Transition)[]) => {
  const all = names.map((name) => (typeof name === 'string' ? one[name] : name));
  return all.reduce<Lineage | undefined>(work.after, lineage);
};
const idle: Lineage = { ...testLineage, origin: 'command-line', spec: wanted, last: { ...last, version: 'v1' } };
/** One document for each phase; `first`: of a lineage that has no certificate yet. */
const from = (lineage: Lineage | undefined) => ({
  bare: () => through(lineage, 'leased') as Lineage,
  begun: () => through(lineage, 'begun') as Lineage,
  ordered: () => through(lineage, 'begun', 'ordered') as Lineage,
  challenged: () => through(lineage, 'begun', 'ordered', 'challengesIntended') as Lineage,
  current: () => through(lineage, 'begun', 'ordered', 'challengesIntended', 'madeCurrent') as Lineage,
});
const dates = { notBefore: '2026-02-01T00:00:00Z', notAfter: '2026-05-01T00:00:00Z' };
const validFacts = { ...testLineage.current.facts, ...dates, identifiers: wanted.identifiers };
const valid: Lineage = { ...idle, current: { ...testLineage.current, facts: validFacts } };
const renewal = from(idle);
const first = from(undefined);
const workOf = (lineage: Lineage | undefined): Work => {
  if (!lineage?.work) throw new Error('there is no work');
  return lineage.work;
};

describe('the table of what may follow what', () => {
  const phases: Readonly<Record<work.Phase, Lineage | undefined>> = {
    absent: undefined,
    idle,
    interrupted: through(renewal.ordered(), 'released'),
    bare: renewal.bare(),
    begun: renewal.begun(),
    ordered: renewal.ordered(),
    challenged: renewal.challenged(),
    current: renewal.current(),
  };
  it.each(Object.entries(phases))('%s is a phase', (phase, lineage) => expect(work.phaseOf(lineage)).toBe(phase));

  const stays = { bare: 'bare', begun: 'begun', ordered: 'ordered', challenged: 'challenged', current: 'current' };
  const left = { begun: 'interrupted', ordered: 'interrupted', challenged: 'interrupted', current: 'interrupted' };
  /** The phase before → the phase after; any other fails. */
  const table: Readonly<Record<work.TransitionName, Readonly<Record<string, string>>>> = {
    begun: {
      ...{ absent: 'begun', idle: 'begun', interrupted: 'begun', bare: 'begun' },
      ...{ begun: 'begun', ordered: 'begun', challenged: 'begun', current: 'current' },
    },
    leased: { ...stays, idle: 'bare', interrupted: 'ordered' },
    trialBegun: { absent: 'bare' },
    imported: { absent: 'idle', idle: 'idle' },
    rebuilt: { absent: 'idle' },
    leftAlone: {
      ...{ idle: 'idle', interrupted: 'idle', bare: 'idle' },
      ...{ begun: 'idle', ordered: 'idle', challenged: 'idle', current: 'idle' },
    },
    windowAsked: { idle: 'idle' },
    drifted: { idle: 'idle', interrupted: 'interrupted' },
    paused: { ...stays, idle: 'idle', interrupted: 'interrupted' },
    resumed: { ...stays, idle: 'idle', interrupted: 'interrupted' },
    recordsKept: stays,
    released: { ...left, bare: 'idle' },
    abandoned: { ...left, bare: 'idle' },
    restored: { ...left, bare: 'idle' },
    pastRemoved: { begun: 'begun', current: 'current' },
    overruled: { begun: 'begun', ordered: 'ordered', challenged: 'challenged' },
    orderGivenUp: { begun: 'begun' },
    orderLimited: { begun: 'begun' },
    ordered: { begun: 'ordered' },
    challengesIntended: { begun: 'challenged', ordered: 'challenged' },
    receiptsKept: { challenged: 'challenged' },
    presentFailed: { challenged: 'challenged' },
    accountKeyChanged: { begun: 'begun', ordered: 'begun', challenged: 'begun' },
    accountLost: { begun: 'begun', ordered: 'begun', challenged: 'begun' },
    orderFailed: { begun: 'begun', ordered: 'begun', challenged: 'begun' },
    certificateRefused: { begun: 'begun', ordered: 'ordered', challenged: 'challenged' },
    namesDropped: { begun: 'begun', ordered: 'begun', challenged: 'begun' },
    madeCurrent: { begun: 'current', ordered: 'current', challenged: 'current' },
    sent: { current: 'current' },
    revocationMeant: stays,
    revoked: stays,
    revocationRefused: stays,
    rolledBack: stays,
    exported: stays,
    exportFailed: stays,
    closed: { current: 'idle' },
    failed: left,
    stopped: left,
    waited: { begun: 'interrupted', ordered: 'interrupted', challenged: 'interrupted' },
    swept: { ...left, bare: 'idle' },
    forgotten: { bare: 'absent', begun: 'absent', ordered: 'absent', challenged: 'absent', current: 'absent' },
  };
  const withPrevious = (lineage: Lineage | undefined) =>
    lineage && { ...lineage, previous: { ...testLineage.current, id: 'v0' } };
  const cases = Object.entries(table).flatMap(([name, rows]) =>
    Object.entries(phases).map(
      ([phase, lineage]) =>
        [name, phase, rows[phase], name === 'rolledBack' ? withPrevious(lineage) : lineage] as const,
    ),
  );
  it.each(cases)('%s after %s: %s', (name, _phase, expected, lineage) => {
    const transition = one[name as work.TransitionName];
    if (expected !== undefined) return expect(work.phaseOf(work.after(lineage, transition))).toBe(expected);
    return expect(() => work.after(lineage, transition)).toThrow(`${name} cannot follow`);
  });
});

describe('begun', () => {
  it('holds the intents of the order and of the probe, and nothing of before', () => {
    const held = { lease, step: 'lease', version: 'v2', directory: wanted.issuer.settings.directory, challenges: [] };
    const intents = { order: {}, probe: 'ours', startedAt: now.toISOString() };
    expect(renewal.begun().work).toEqual({ ...held, ...intents });
    expect(first.begun()).toMatchObject({ name: 'abc', schema: 1, deployments: {}, work: { first: true } });
  });

  it.each<[string, Lineage, Partial<work.Beginning>, Partial<Work>]>([
    ['keeps an order and its version', renewal.ordered(), { newId: 'v3' }, { version: 'v2', order: { url } }],
    [
      'doubts an order whose URL never came',
      renewal.begun(),
      { newId: 'v3' },
      { version: 'v2', order: { doubtful: true } },
    ],
    [
      'gives it up for other names',
      renewal.ordered(),
      { wanted: otherNames, newId: 'v3' },
      { version: 'v3', order: {} },
    ],
    [
      'parks it while it delivers',
      renewal.ordered(),
      { aim: 'delivery' },
      { parked: { version: 'v2', order: { url } } },
    ],
    ['delivers first what was interrupted there', renewal.current(), {}, { step: 'deploy', version: 'v2' }],
    [
      'orders where there is nothing to deliver',
      first.ordered(),
      { aim: 'delivery' },
      { step: 'lease', order: { url } },
    ],
    ['takes the probe of before for one that was left', renewal.begun(), {}, { probe: 'left' }],
    ['keeps it, whatever is wanted', renewal.begun(), { wanted: otherNames, aim: 'delivery' }, { probe: 'left' }],
    ['keeps the journal, whatever is wanted', renewal.challenged(), { wanted: otherNames }, { challenges }],
  ])('%s', (_what, before, changed, expected) => {
    const after = work.after(before, work.begun({ ...facts, ...changed }, claim));
    expect(after?.work).toMatchObject(expected);
  });

  it('keeps the spec of what is to be removed, until it is', () => {
    const begun = work.begun({ ...facts, wanted: otherSolver }, claim);
    for (const owing of [renewal.begun(), renewal.challenged()]) expect(work.after(owing, begun)?.spec).toEqual(wanted);
    expect(work.after(renewal.ordered(), begun)?.spec).toEqual(otherSolver);
    const removed = work.pastRemoved({ wanted: otherSolver, left: [], now });
    const after = through(renewal.challenged(), begun, removed);
    expect([after?.spec, workOf(after).challenges, workOf(after).probe]).toEqual([otherSolver, [], 'ours']);
  });

  it('forgets what was said of targets that are none any more', () => {
    const before = {
      ...idle,
      deployments: { ...idle.deployments, gone: { version: 'v1', state: 'current', since: '' } },
    };
    expect(Object.keys(work.after(before as Lineage, one.begun)?.deployments ?? {})).toEqual(['edge']);
  });

  it.each([
    ['a holder that may live', { ...claim, isDoubtful: true }, true],
    ['a dead one', claim, undefined],
  ])('and leased know from %s that something may come late', (_who, by, expected) => {
    for (const taken of [work.begun(facts, by), work.leased(by)]) {
      const after = work.after(renewal.challenged(), taken);
      expect(workOf(after).takenOver).toBe(expected);
      // Until the work is closed, no matter which process works on it.
      expect(workOf(through(after, 'recordsKept', 'begun', 'leased')).takenOver).toBe(expected);
    }
  });
});

describe('towards a certificate', () => {
  it('the dead order is gone before the next one is asked for', () => {
    expect(workOf(through(renewal.ordered(), 'begun', 'orderGivenUp'))).toMatchObject({ order: { doubtful: true } });
  });

  it('the probe is taken back, and the lineage is no first try any more', () => {
    for (const after of [first.ordered(), through(first.begun(), 'challengesIntended'), first.current()])
      expect(workOf(after).probe).toBeUndefined();
    expect([workOf(first.ordered()).first, workOf(first.current()).first]).toEqual([undefined, undefined]);
  });

  it('receipts stand with their challenges, and what was refused needs no removal', () => {
    const [a, b] = challenges;
    expect(workOf(through(renewal.challenged(), 'receiptsKept')).challenges).toEqual([{ ...a, receipt: 'receipt' }, b]);
    expect(workOf(through(renewal.challenged(), 'presentFailed')).challenges).toEqual([{ ...a, receipt: 'receipt' }]);
    const unanswered = work.presentFailed(new Map(), new Set(['http-01 b.test']));
    expect(workOf(through(renewal.challenged(), unanswered)).challenges).toEqual([a]);
  });

  it('dropped names stay with the work, however its orders end, until an order is dead for another reason', () => {
    const dropped = [{ identifier: 'b.test', reason: 'no' }];
    const narrowed = through(renewal.challenged(), 'namesDropped');
    expect(workOf(narrowed)).toMatchObject({ step: 'lease', version: 'v2', challenges: [], order: { dropped } });
    expect(workOf(narrowed).order).not.toHaveProperty('url');
    expect(workOf(through(narrowed, 'ordered')).order).toMatchObject({ dropped, url: expect.any(String) });
    expect(workOf(through(narrowed, 'orderGivenUp')).order).toEqual({ dropped, doubtful: true });
    expect(workOf(through(narrowed, 'accountLost')).order).toEqual({ dropped });
    expect(workOf(through(narrowed, 'ordered', 'accountLost')).order).toEqual({ dropped });
    const more = [{ identifier: 'a.test', reason: 'no' }];
    const twice = through(narrowed, 'ordered', work.namesDropped({ dropped: more, left: [], now }));
    expect(workOf(twice).order).toEqual({ dropped: [...dropped, ...more] });
  });

  it.each(['accountLost', 'orderFailed'] as const)('%s takes the order along, and leaves the version', (name) => {
    const after = workOf(through(renewal.challenged(), name));
    // A run that had resumed the order has not prepared yet, and does so now.
    expect(after).toMatchObject({ step: 'lease', version: 'v2', challenges: [], probe: 'ours' });
    expect(after.order).toEqual({});
  });

  it('another key of the account leaves the order, whose challenges are presented anew', () => {
    const after = workOf(through(renewal.challenged(), 'accountKeyChanged'));
    expect(after).toMatchObject({ step: 'lease', version: 'v2', challenges: [], order: { url } });
    const names = through(renewal.challenged(), 'namesDropped', 'ordered', 'accountKeyChanged');
    expect(workOf(names).order).toMatchObject({ url, dropped: [{ identifier: 'b.test' }] });
  });

  it('a wrong certificate ends its order, and its version', () => {
    const after = through(renewal.challenged(), 'certificateRefused', 'failed');
    expect([workOf(after).order, workOf(after).version, after?.retired]).toEqual([undefined, 'v3', ['v2']]);
  });

  it('a new version moves those before it on, once', () => {
    const third = work.begun({ ...facts, newId: 'v3' }, claim);
    const made = work.madeCurrent({ wanted, version: { ...version, id: 'v3' }, now });
    const after = through(renewal.current(), 'closed', third, made);
    expect([after?.current?.id, after?.previous?.id, after?.retired]).toEqual(['v3', 'v2', ['v1']]);
    expect(after?.deployments).toEqual({ edge: { version: 'v3', state: 'intended', since: now.toISOString() } });
    expect(workOf(after)).toMatchObject({ step: 'deploy', version: 'v3' });
    expect(workOf(after).order).toBeUndefined();
  });
});

describe('a version that broke a handshake', () => {
  const third = work.begun({ ...facts, newId: 'v3' }, claim);
  const made = work.madeCurrent({ wanted, version: { ...version, id: 'v3' }, now });
  const deployments = {
    edge: { version: 'v2', state: 'pending', since: '', code: 'deploy/handshake-failed' },
  } as const;
  const broken = () => ({ ...(through(renewal.current(), 'closed') as Lineage), deployments });
  const withEnd = (lineage: Lineage, notAfter: string): Lineage => {
    const { facts: before, ...rest } = lineage.previous!;
    return { ...lineage, previous: { ...rest, facts: { ...before, notAfter } } };
  };
  it.each<[string, Lineage, (string | string[] | undefined)[]]>([
    ['is retired, and the one before it stays', withEnd(broken(), '2099-01-01T00:00:00Z'), ['v3', 'v1', ['v2']]],
    ['stays if the one before it has expired', withEnd(broken(), now.toISOString()), ['v3', 'v2', ['v1']]],
    ['stays if there is none before it', { ...broken(), previous: undefined }, ['v3', 'v2', undefined]],
  ])('%s', (_what, lineage, expected) => {
    const after = through(lineage, third, made);
    expect([after?.current?.id, after?.previous?.id, after?.retired]).toEqual(expected);
  });
});

describe('a certificate that the CA may have issued', () => {
  const laterFailed = (mayBeIssued?: boolean) =>
    work.failed({ ...{ error: busy, asked: true, left: [], mayBeIssued }, now: new Date(now.getTime() + 60_000) });
  const at = now.toISOString();
  const end = { error: busy, asked: true, mayBeIssued: true, left: [], now };
  const issuedBy = { failed: work.failed(end), stopped: work.stopped(end) };

  it.each<[string, Parameters<typeof through>[1][], string | undefined]>([
    ['if the run was killed', ['begun'], at],
    ['if a sweep follows a kill', ['leased', 'swept', 'begun'], at],
    ['if the run failed after it', [issuedBy.failed, 'begun'], at],
    ['if the run was stopped after it', [issuedBy.stopped, 'begun'], at],
    ['since the first time', [issuedBy.failed, 'begun', laterFailed(true)], at],
    ['as long as nothing says otherwise', [issuedBy.failed, 'begun', laterFailed()], at],
    ['while it is parked', [issuedBy.failed, work.begun({ ...facts, aim: 'delivery' }, claim), 'closed'], at],
    ['not if the order is open', ['begun', laterFailed(false)], undefined],
    ['not if the run ended before', ['failed', 'begun'], undefined],
  ])('is known %s', (_when, names, expected) => {
    expect(workOf(through(renewal.ordered(), ...names)).order?.finalizedAt).toBe(expected);
  });

  it('is fetched even if it was only forced, or for a change by flags', () => {
    const { current } = testLineage;
    const young = { ...idle, current: { ...current, facts: { ...current.facts, identifiers: wanted.identifiers } } };
    const change = work.begun({ ...facts, wanted: otherNames }, claim);
    const opened = work.failed({ error: refused, asked: true, mayBeIssued: false, left: [], now });
    for (const begin of ['begun', change] as const) {
      const ordered = through(young, begin, 'ordered');
      expect(through(ordered, opened)?.work).toBeUndefined();
      const after = through(ordered, issuedBy.failed);
      expect(after).toMatchObject({
        work: { version: 'v2', order: { url } },
        spec: workOf(ordered).before ? otherNames : wanted,
      });
      expect(after?.failure).not.toHaveProperty('forced');
      expect(workOf(after).before).toEqual(workOf(ordered).before);
    }
  });

  it('takes its version along if its order is dead', () => {
    for (const lost of [work.orderGivenUp('v3'), work.accountLost({ left: [], now, newId: 'v3' })]) {
      const after = through(renewal.ordered(), 'begun', lost);
      expect([workOf(after).version, after?.retired]).toEqual(['v3', ['v2']]);
      expect(workOf(after).order).not.toHaveProperty('url');
    }
  });
});

describe('a version that is given up', () => {
  const delivery = work.begun({ ...facts, aim: 'delivery' }, claim);
  const others = work.begun({ ...facts, wanted: otherNames, newId: 'v3' }, claim);
  it.each<[string, Parameters<typeof through>[1][], readonly string[] | undefined]>([
    ['for other names is retired', ['begun', 'ordered', others], ['v2']],
    ['while it is parked is retired', ['begun', 'ordered', delivery, others], ['v2']],
    ['for a compromised key is retired', ['begun', 'ordered', 'released', 'leased', 'revocationMeant'], ['v2']],
    ['for the client before is retired', ['begun', 'ordered', 'leftAlone'], ['v2']],
    ['joins those that are retired', ['begun', 'ordered', others, 'ordered', 'begun'], ['v2', 'v3']],
    ['is none if the work is resumed', ['begun', 'ordered', 'begun'], undefined],
    ['is none if it is current', ['begun', 'madeCurrent', others], undefined],
  ])('%s', (_what, names, expected) => expect(through(idle, ...names)?.retired).toEqual(expected));

  it('because its change has failed is retired', () =>
    expect(through(valid, others, 'ordered', 'failed')?.retired).toEqual(['v3']));
});

describe('a compromised key', () => {
  it.each<[string, Parameters<typeof through>[1][], Partial<Work>]>([
    ['is that of no further try', ['begun', 'ordered'], { version: 'v3', order: { doubtful: true } }],
    [
      'is not that of the order that waits for a delivery',
      ['begun', 'ordered', 'stopped', work.begun({ ...facts, aim: 'delivery' }, claim)],
      { version: 'v1', parked: { version: 'v3', order: { doubtful: true } } },
    ],
  ])('%s', (_what, names, expected) =>
    expect(workOf(through(idle, ...names, 'revocationMeant'))).toMatchObject(expected),
  );
});

it('after a rollback, the version that was current can be put back', () => {
  const after = through({ ...idle, previous: { ...version, id: 'v0' } }, 'leased', 'rolledBack');
  expect([after?.current?.id, after?.previous?.id]).toEqual(['v0', 'v1']);
});

describe('imported', () => {
  const imported = (id: string) =>
    work.imported({ wanted, version: { ...version, id }, renewal: testLineage.renewal, has: [], now });
  const idsAfter = (...names: Parameters<typeof through>[1][]) => {
    const after = through(idle, ...names);
    return [after?.current?.id, after?.previous?.id, after?.retired];
  };

  it.each<[string, Parameters<typeof through>[1][], (string | string[] | undefined)[]]>([
    ['moves those before it on', [imported('v2'), imported('v3')], ['v3', 'v2', ['v1']]],
    [
      'retires no version after a rollback to the one before',
      [imported('v2'), 'leased', 'rolledBack', 'released', imported('v2')],
      ['v2', 'v1', undefined],
    ],
    ['brings a retired version back', [imported('v2'), imported('v3'), imported('v1')], ['v1', 'v3', ['v2']]],
    ['moves nothing for the version that is current', [imported('v2'), imported('v2')], ['v2', 'v1', undefined]],
  ])('%s', (_what, names, expected) => expect(idsAfter(...names)).toEqual(expected));
});

describe('what a target was sent', () => {
  const sentV1: Lineage = {
    ...idle,
    deployments: { edge: { ...idle.deployments['edge']!, sent: [{ version: 'v1', receipt: 'first' }] } },
  };
  it('stands beside what it was sent before, from step 12 until the next version', () => {
    const current = from(sentV1).current();
    expect(current.deployments['edge']).toMatchObject({ state: 'intended', sent: [{ version: 'v1' }] });
    for (const after of [
      through(current, 'sent'),
      through(current, 'sent', 'failed'),
      through(current, 'sent', 'begun'),
    ])
      expect(after?.deployments['edge']?.sent).toEqual([
        { version: 'v1', receipt: 'first' },
        { version: 'v2', receipt: 'upload' },
      ]);
  });

  it('is an intent for a target that was added', () => {
    const added = work.sent({ target: 'other', version: 'v1', receipt: { id: 1 }, now });
    const delivery = work.begun({ ...facts, aim: 'delivery' }, claim);
    expect(through(idle, delivery, added)?.deployments['other']).toEqual({
      ...{ version: 'v1', state: 'intended', since: now.toISOString() },
      sent: [{ version: 'v1', receipt: { id: 1 } }],
    });
  });
});

describe('the end of a run', () => {
  const doubtful = work.begun(facts, { ...claim, isDoubtful: true });

  it('closed brings the parked order back', () => {
    const delivery = work.begun({ ...facts, aim: 'delivery' }, claim);
    const after = through(renewal.ordered(), 'failed', delivery, 'closed');
    expect(after?.work).toEqual({
      ...{ step: 'lease', version: 'v2', order: { url }, challenges: [] },
      ...{ directory: wanted.issuer.settings.directory, startedAt: now.toISOString() },
    });
    const [change, other] = [facts, { ...facts, aim: 'delivery' } as const].map((each) =>
      work.begun({ ...each, wanted: otherSolver }, claim),
    ) as [work.Transition, work.Transition];
    expect(through(idle, change, 'ordered', 'stopped', other, 'closed')?.work?.before?.spec).toEqual(wanted);
    // The failure of the order that waits stands; a certificate ends it.
    expect(after?.failure?.code).toBe('acme/busy');
    expect(through(renewal.ordered(), 'failed', 'begun', 'madeCurrent', 'closed')?.failure).toBeUndefined();
    expect(
      through(renewal.ordered(), 'failed', delivery, 'failed', 'begun', 'stopped', 'begun', 'closed')?.work,
    ).toEqual(after?.work);
  });

  it.each<[string, Lineage, Partial<Parameters<typeof work.failed>[0]>, Partial<Work> | undefined]>([
    ['keeps an order that may live', renewal.challenged(), {}, { order: { url }, version: 'v2' }],
    ['keeps the key of one that is dead', renewal.challenged(), { error: refused }, { version: 'v2' }],
    ['keeps the key where newOrder was sent', renewal.begun(), {}, { order: {}, version: 'v2' }],
    ['keeps nothing where none was sent', renewal.begun(), { asked: false }, undefined],
    ['keeps a doubt', through(renewal.begun(), 'begun') as Lineage, { asked: false }, { order: { doubtful: true } }],
    ['keeps a delivery', renewal.current(), {}, { step: 'deploy', version: 'v2' }],
    [
      'keeps no doubt about answers',
      through(renewal.challenged(), doubtful) as Lineage,
      {},
      { order: { url, finalizedAt: now.toISOString() } },
    ],
  ])('failed %s', (_what, before, changed, expected) => {
    const after = work.after(before, work.failed({ error: busy, asked: true, left: [], now, ...changed }));
    expect(after).toMatchObject({ failure: { count: 1 }, last: { result: 'failed' } });
    if (!expected) return expect(after?.work).toBeUndefined();
    expect(after?.work).toMatchObject(expected);
    expect(after?.work?.order).toEqual(expected.order);
    for (const gone of ['lease', 'probe', 'thumbprint', 'takenOver'] as const)
      expect(after?.work?.[gone]).toBeUndefined();
    return expect(after?.work?.challenges).toEqual([]);
  });

  it('of a delivery replaces no kept record while the order with the new one is parked', () => {
    const record = {
      identifier: 'a.test',
      zone: 'test',
      name: '_validation-persist.a.test',
      directory: 'ca',
      account: 'a',
    };
    const [old, fresh] = [
      { ...record, value: 'old' },
      { ...record, value: 'new', intended: true as const },
    ];
    const persist = { type: 'dns-persist-01', identifier: 'a.test' } as const;
    const noted = (receipt: object) => work.receiptsKept(new Map([['dns-persist-01 a.test', receipt as never]]));
    const intended = work.challengesIntended({ thumbprint: 'print', accountUrl: 'a', challenges: [persist] });
    const delivery = work.begun({ ...facts, aim: 'delivery' }, claim);
    const begun = through({ ...idle, kept: [old] }, 'begun', 'ordered', intended, noted(fresh));
    const after = through(begun, delivery, 'closed');
    expect([after?.kept, after?.tombstones]).toEqual([[old, fresh], undefined]);
    // The order that the new one was for ends it.
    const ended = through(after, 'begun', intended, noted(fresh), 'madeCurrent', 'closed');
    expect([ended?.kept, ended?.tombstones?.length]).toEqual([[fresh], 1]);
  });

  it('swept keeps an order, and neither its lease nor its probe', () => {
    const after = workOf(through(renewal.begun(), 'released', 'leased', 'swept'));
    expect(after).toMatchObject({ version: 'v2', order: {} });
    expect([after.lease, after.probe]).toEqual([undefined, undefined]);
  });

  it('stopped keeps all of it, and counts no failure', () => {
    const after = through(renewal.challenged(), 'stopped');
    expect(after).toMatchObject({ last: { result: 'stopped' }, work: { version: 'v2', order: { url } } });
    expect(after?.failure).toBeUndefined();
  });

  it('waited counts no failure, and keeps the work only of a certificate that is due', () => {
    const begun = work.begun({ ...facts, wanted: testLineage.spec, origin: 'configuration' }, claim);
    const ended = (at: string) => through({ ...testLineage, renewal: { at, source: 'lifetime' } }, begun, 'waited');
    const due = ended(now.toISOString());
    expect(due?.work).toMatchObject({ version: 'v2', order: undefined });
    expect([due?.failure, due?.last]).toEqual([undefined, undefined]);
    expect(ended('2026-06-01T00:00:00Z')?.work).toBeUndefined();
  });

  describe('of a first try by flags', () => {
    const before = work.failed({ error: busy, asked: false, left: [], now });
    const probe = { type: 'http-01', identifier: 'abc', token: '', thumbprint: '', probe: true } as const;
    const left = [tombstoneOf(wanted, probe, now, -1)];
    const owing = work.failed({ error: busy, asked: false, left, now });

    it('that came to no order leaves no document; one that is declared does, and so does any later one', () => {
      expect(work.after(first.begun(), before)).toBeUndefined();
      const declared = work.begun({ ...facts, origin: 'configuration' }, claim);
      expect(through(undefined, declared, before)).toMatchObject({ failure: { count: 1 } });
      for (const after of [
        through(first.begun(), 'failed'),
        through(first.ordered(), work.failed({ error: refused, asked: true, left: [], now }), 'begun', before),
        through(first.begun(), 'begun', before),
        // The first process may have sent newOrder before it died.
        through(first.begun(), work.begun({ ...facts, wanted: otherNames }, claim), before),
        through(renewal.begun(), before),
      ])
        expect(after?.failure?.count).toBeGreaterThan(0);
    });

    it('leaves what it owes, for the sweep alone', () => {
      const after = work.after(first.begun(), owing) as Lineage;
      expect(after).toMatchObject({ tombstones: left, work: { step: 'close', first: true } });
      expect([isOnlyOwing(after), after.failure, after.work?.lease]).toEqual([true, undefined, undefined]);
      expect(through(after, 'leased', 'released')).toEqual(after);

      const taken = through(after, 'leased') as Lineage;
      const [due = left[0]] = work.dueStones(taken, now);
      const look = (stone: Tombstone | undefined) =>
        work.swept({ looked: new Map([[due as Tombstone, stone]]), left: [], now });
      expect(work.after(taken, look(left[0]))).toEqual(after);
      expect(work.after(taken, look(undefined))).toBeUndefined();
    });

    it('may come to nothing again, and to an order', () => {
      const after = work.after(first.begun(), owing);
      expect(workOf(through(after, 'begun')).first).toBe(true);
      expect(through(after, 'begun', before, 'leased', 'swept')).toMatchObject({ tombstones: left });
      expect(through(after, 'begun', 'failed')?.failure?.count).toBe(1);
    });
  });
});

describe('tombstones', () => {
  const [a] = challenges;
  const presented = { ...a, thumbprint: 'print' };
  const left = tombstoneOf(wanted, presented, now, -1);
  const byDoubt = work.begun(facts, { ...claim, isDoubtful: true });
  const closing = (stones: readonly Tombstone[]) => work.stopped({ asked: true, left: stones, now });

  const stones = { left: [left], now };
  const untouched = { deployments: undefined, renewal: undefined, retired: [], last };
  const ends: readonly (readonly [Lineage, work.Transition])[] = [
    [through(renewal.challenged(), 'begun') as Lineage, work.pastRemoved({ wanted, ...stones })],
    [renewal.challenged(), work.accountKeyChanged(stones)],
    [renewal.challenged(), work.accountLost(stones)],
    [renewal.challenged(), work.orderFailed(stones)],
    [renewal.challenged(), work.namesDropped({ dropped: [], ...stones })],
    [renewal.current(), work.closed({ ...untouched, ...stones })],
    [renewal.challenged(), work.failed({ error: busy, asked: true, ...stones })],
    [renewal.challenged(), work.stopped({ asked: true, ...stones })],
    [renewal.challenged(), work.waited(stones)],
    [renewal.challenged(), work.swept({ looked: new Map(), ...stones })],
  ];
  it.each(ends.map(([before, end]) => [end.name, before, end] as const))(
    'stand for what could not be removed when it was %s, and nothing else',
    (name, before, end) => {
      expect(work.after(before, end)?.tombstones).toEqual([left]);
      expect(work.after(before, one[name])?.tombstones).toBeUndefined();
    },
  );

  it('stand for all that a process presented which may live; what was not removed is looked at first', () => {
    const stones = through(renewal.challenged(), byDoubt, closing([left]))?.tombstones;
    expect(stones).toMatchObject([
      { token: 'ta', looked: -1, late: true },
      { token: 'tb', looked: 0 },
    ]);
  });

  it('stand for what a sweep took over from a process that may live', () => {
    const leased = work.leased({ ...claim, isDoubtful: true });
    expect(through(renewal.challenged(), leased, 'swept')?.tombstones).toMatchObject([
      { token: 'ta', looked: 0 },
      { token: 'tb', looked: 0 },
    ]);
  });

  it('wait for what may come late, also where a sweep could not remove it', () => {
    const doubted: Tombstone = { ...left, looked: 0 };
    const taken = through({ ...idle, tombstones: [doubted] }, 'leased');
    const swept = work.swept({ looked: new Map([[doubted, left]]), left: [], now });
    expect(work.after(taken, swept)?.tombstones).toEqual([{ ...left, late: true }]);
  });

  it('are kept by a sweep that did not look at them', () => {
    const other = { ...left, token: 'other', looked: 0 } as const;
    const before = { ...idle, tombstones: [left, other] };
    const looked = new Map([[left as Tombstone, undefined]]);
    expect(through(before, 'leased', work.swept({ looked, left: [], now }))?.tombstones).toEqual([other]);
  });
});

it('a change back that dies before the clean-up leaves the settings of before, also if it fails then', () => {
  const change = work.begun({ ...facts, wanted: otherSolver }, claim);
  const ended = through(valid, change, 'begun', 'begun', 'pastRemoved', 'failed');
  expect(ended?.spec).toEqual(wanted);
  expect(through(valid, change, 'begun', 'begun', 'pastRemoved')?.work?.before).toBeUndefined();
});

it('the settings of a certificate that was made again are known once a run has begun with others', () => {
  const lost = work.after(undefined, one.rebuilt);
  expect(lost).toHaveProperty('settingsLost', true);
  expect(work.after(lost, one.begun)).not.toHaveProperty('settingsLost');
});
