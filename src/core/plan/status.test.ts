import { describe, expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import type { Failure, Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec, withSolver } from '../lineage/test-lineages.ts';
import { describeLineage } from './status.ts';

const now = new Date('2026-03-01T00:00:00Z');
const spec = testSpec;
const lineage: Lineage = {
  ...testLineage,
  renewal: { at: '2026-04-01T00:00:00Z', source: 'ari', explanationUrl: 'https://ca.test/why' },
};
const wanted = { spec, origin: 'configuration' } as const;
const at = (more: Partial<Parameters<typeof describeLineage>[1]> = {}) =>
  describeLineage('abc', { wanted, lineage, corrupt: undefined, now, isWorking: false, ...more });

const paused = { at: '2026-02-01T00:00:00Z', by: 'ada' };

describe('the status of a certificate', () => {
  it('says what it is and what comes next', () => {
    expect(at()).toMatchObject({
      state: 'valid',
      identifiers: ['abc.example.com'],
      notAfter: '2026-05-01T00:00:00Z',
      renewAt: '2026-04-01T00:00:00Z',
      renewalSource: 'ari',
      explanationUrl: 'https://ca.test/why',
      deployments: [{ target: 'edge', state: 'current', version: 'v1' }],
    });
  });

  it('marks a target that the settings no longer have', () => {
    const bare = { spec: { ...spec, targets: [], endpoints: [] }, origin: 'configuration' } as const;
    expect(at({ wanted: bare }).deployments).toMatchObject([{ target: 'edge', noLongerWanted: true }]);
    for (const one of [at(), at({ wanted: undefined })])
      expect(one.deployments[0]).not.toHaveProperty('noLongerWanted');
  });

  it.each([
    ['missing', { lineage: undefined }],
    ['due', { now: new Date('2026-04-02T00:00:00Z') }],
    ['expired', { now: new Date('2026-05-02T00:00:00Z') }],
    ['working', { isWorking: true }],
    ['pending', { lineage: { ...lineage, deployments: {} } }],
    ['paused', { lineage: { ...lineage, paused, deployments: {} } }],
    ['paused', { lineage: { ...lineage, paused }, now: new Date('2026-04-02T00:00:00Z') }],
    ['expired', { lineage: { ...lineage, paused }, now: new Date('2026-05-02T00:00:00Z') }],
    ['undeclared', { lineage: { ...lineage, paused }, wanted: undefined }],
    [
      'failing',
      {
        now: new Date('2026-04-02T00:00:00Z'),
        lineage: { ...lineage, failure: { count: 1, at: '', code: 'acme/busy', message: 'm', hint: 'h', retryAt: '' } },
      },
    ],
  ] as const)('%s', (state, more) => {
    expect(at(more).state).toBe(state);
  });

  it('says who has paused it, whatever its state, and that it is not renewed', () => {
    for (const time of ['2026-03-01T00:00:00Z', '2026-05-02T00:00:00Z']) {
      const found = at({ lineage: { ...lineage, paused }, now: new Date(time) });
      expect([found.paused, found.renewAt, found.rateLimit, found.heldUntil]).toEqual([
        ...[paused, undefined, undefined, undefined],
      ]);
    }
  });

  it('is valid if a new one was only forced, and says that this failed', () => {
    const forced = { count: 1, at: '2026-02-28T23:00:00Z', code: 'acme/busy', message: 'm', hint: 'h' };
    for (const retryAt of ['2026-02-28T23:01:00Z', '2026-03-01T23:00:00Z'])
      expect(at({ lineage: { ...lineage, failure: { ...forced, retryAt } } })).toMatchObject({
        state: 'valid',
        renewAt: '2026-04-01T00:00:00Z',
        failure: { message: 'm', retryAt: '2026-04-01T00:00:00Z', notDue: true },
      });
  });

  it('is not failing if a try was forced shortly before it is due', () => {
    const forced = {
      count: 1,
      at: '2026-03-31T23:00:00Z',
      code: 'acme/busy',
      message: 'm',
      hint: 'h',
      forced: true,
    } as const;
    const of = (failure: Failure, time: string) => at({ lineage: { ...lineage, failure }, now: new Date(time) });
    const free = { ...forced, retryAt: forced.at };
    const hold = '2026-04-02T09:00:00Z';
    const held = { ...forced, retryAt: hold, holdUntil: hold };
    const [before, after] = ['2026-03-31T23:30:00Z', '2026-04-01T00:30:00Z'];
    expect(of(free, before)).toMatchObject({
      state: 'valid',
      failure: { retryAt: '2026-04-01T00:00:00Z', notDue: true },
    });
    expect(of(held, before)).toMatchObject({
      state: 'valid',
      failure: { retryAt: hold, notDue: true },
      heldUntil: hold,
    });
    for (const failure of [free, held]) expect(of(failure, after)).toMatchObject({ state: 'due' });
    expect(of(held, after)).toMatchObject({ heldUntil: hold });
    for (const failure of [free, held]) expect(of(failure, after)).not.toHaveProperty('failure');
  });

  it('names one time for the next try', () => {
    const [late, hold] = ['2026-04-03T09:00:00Z', '2026-04-02T09:00:00Z'];
    const failure = { count: 4, at: '2026-04-02T08:00:00Z', code: 'acme/busy', message: 'm', hint: 'h', retryAt: late };
    const of = (holdUntil: string, caHold?: string) =>
      at({
        now: new Date('2026-04-02T08:30:00Z'),
        lineage: { ...lineage, failure: { ...failure, holdUntil } },
        caHold,
      });
    expect(of(hold)).toMatchObject({ failure: { retryAt: late }, heldUntil: hold });
    const later = '2026-04-04T09:00:00Z';
    expect(of(hold, later)).toMatchObject({ failure: { retryAt: later }, heldUntil: later });
  });

  it('names the account, unless it is the default one', () => {
    const bound = {
      ...spec,
      issuer: { ...spec.issuer, settings: { ...spec.issuer.settings, account: 'kid-1' } },
    };
    expect([at().account, at({ wanted: { ...wanted, spec: bound } }).account]).toEqual([undefined, 'kid-1']);
  });

  const failure = { count: 1, at: '', code: 'acme/busy', message: 'm', hint: 'h', retryAt: '2026-05-03T00:00:00Z' };
  const hold = '2026-05-02T12:00:00Z';
  it.each([
    [
      'an expired one that fails is expired, and says why',
      { failure },
      { state: 'expired', failure: { message: 'm' } },
    ],
    ['what the CA asked of this one', { failure: { ...failure, holdUntil: hold } }, { heldUntil: hold }],
    ['what the CA asked of all', { caHold: '2026-05-02T13:00:00Z' }, { heldUntil: '2026-05-02T13:00:00Z' }],
    [
      'the later of both',
      { failure: { ...failure, holdUntil: hold }, caHold: '2026-05-02T11:00:00Z' },
      { heldUntil: hold },
    ],
  ])('%s', (_what, { caHold, ...more }: { caHold?: string; failure?: Failure }, expected) => {
    const late = new Date('2026-05-02T00:00:00Z');
    const held = caHold === undefined ? {} : { caHold };
    expect(at({ now: late, lineage: { ...lineage, ...more }, ...held })).toMatchObject(expected);
  });

  it('holds nothing up that is not due', () => {
    expect(at({ caHold: '2026-03-01T01:00:00Z' })).not.toHaveProperty('heldUntil');
  });

  it('says which records stay, and which end soon', () => {
    const record = {
      identifier: 'abc.example.com',
      zone: 'example.com',
      account: 'a',
      directory: spec.issuer.settings.directory,
    };
    const kept = [
      { ...record, name: '_validation-persist.abc.example.com', value: 'v1', until: '2026-03-20T00:00:00Z' },
      { ...record, name: '_validation-persist.abc.example.com', value: 'v2', until: '2026-06-20T00:00:00Z' },
      // Of another CA, and of a name that the certificate no longer has.
      { ...record, name: 'n', value: 'v3', until: '2026-03-20T00:00:00Z', directory: 'https://other.test/' },
      { ...record, name: 'n', value: 'v4', until: '2026-03-20T00:00:00Z', identifier: 'old.example.com' },
      { ...record, name: 'n', value: 'v5' },
    ];
    const endsOf = (one: Lineage) => at({ lineage: one }).records?.map(({ value, ends }) => [value, ends]);
    const rest = ['v2', 'v3', 'v4', 'v5'].map((value) => [value, undefined]);
    expect(endsOf({ ...lineage, kept })).toEqual([['v1', 'renewal'], ...rest]);
    const byHand = withSolver(lineage.spec, { type: 'dns01' }, 'dns', { person: 'once' });
    expect(endsOf({ ...lineage, kept, spec: byHand })).toEqual([['v1', 'person'], ...rest]);
    expect(at()).not.toHaveProperty('records');
  });

  it('shows a document that cannot be read, and what to do', () => {
    const corrupt = fail('store/corrupt', { key: 'lineage/abc', reason: 'torn', file: '/f' });
    expect(at({ lineage: undefined, corrupt })).toMatchObject({
      state: 'corrupt',
      failure: { message: corrupt.message, hint: corrupt.hint },
    });
  });

  it('knows a lineage that is declared nowhere by its own spec', () => {
    expect(at({ wanted: undefined })).toMatchObject({ issuer: 'le', origin: 'configuration' });
  });
});
