import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../errors/error-table.ts';
import { CertfleetError, fail } from '../errors/errors.ts';
import type { StoredSpec } from '../spec/spec.ts';
import {
  failureAfter,
  failureThatCounts,
  forgiven,
  heldUntil,
  laterOf,
  longestStored,
  type Means,
  type Wait,
  waitOf,
} from './failure.ts';
import type { Failure, Lineage } from './lineage.ts';
import { testLineage, testSpec, withNames, withSolver } from './test-lineages.ts';

const now = new Date('2026-03-01T00:00:00Z');
const minutesOn = (minutes: number): string => new Date(now.getTime() + minutes * 60_000).toISOString();
const dayMinutes = 24 * 60;

const wanted: StoredSpec = testSpec;
const otherSolver = withSolver(wanted, { type: 'http01-responder' });
const otherNames = withNames(wanted, ['other.example.com']);
const { name: issuer, settings: ca } = testSpec.issuer;
const otherCa: StoredSpec = {
  ...wanted,
  issuer: { name: issuer, settings: { ...ca, directory: 'https://other.test/dir' } },
};

const failure: Failure = {
  ...{ count: 2, at: now.toISOString(), code: 'acme/busy', message: 'busy', hint: '', retryAt: minutesOn(10) },
};
const held: Failure = { ...failure, holdUntil: minutesOn(180) };
const limited: Failure = { ...held, code: 'acme/rate-limited' };
const ahead: Failure = { ...held, at: minutesOn(dayMinutes) };
const having = (one: Failure | undefined, more: Partial<Lineage> = {}): Lineage => ({
  ...testLineage,
  failure: one,
  ...more,
});

describe('waitOf', () => {
  const byCron = { now, obeyBackoff: true };
  const byHand = { now, obeyBackoff: false };
  type Facts = Parameters<typeof waitOf>[2];
  it.each<[string, Lineage | undefined, Facts, Pick<Wait, 'until' | 'why' | 'isFailing'> | undefined]>([
    ['for nothing', having(undefined), byCron, undefined],
    ['for nothing, if it was never tried', undefined, byCron, undefined],
    [
      'for the end of the back-off',
      having(failure),
      byCron,
      { until: minutesOn(10), why: 'back-off', isFailing: true },
    ],
    ['for no back-off by hand', having(failure), byHand, undefined],
    ['for nothing once it is over', having({ ...failure, retryAt: minutesOn(0) }), byCron, undefined],
    ['for the CA, by hand too', having(held), byHand, { until: minutesOn(180), why: 'hold', isFailing: true }],
    [
      'for a CA that asked everybody',
      having(undefined),
      { ...byHand, caHold: minutesOn(5) },
      { until: minutesOn(5), why: 'hold', isFailing: false },
    ],
    [
      'for the longer one of the holds',
      having(held),
      { ...byCron, caHold: minutesOn(300) },
      { until: minutesOn(300), why: 'hold', isFailing: true },
    ],
    [
      'for the longer one of hold and back-off',
      having({ ...held, retryAt: minutesOn(200) }),
      byCron,
      { until: minutesOn(200), why: 'hold', isFailing: true },
    ],
    [
      'for a CA that is down, whatever else',
      having(held),
      { ...byHand, isDown: true },
      { until: minutesOn(0), why: 'down', isFailing: false },
    ],
  ])('waits %s', (_what, lineage, facts, expected) => {
    const wait = waitOf(wanted, lineage, facts);
    if (!expected) return expect(wait).toBeUndefined();
    return expect(wait).toMatchObject(expected);
  });

  it('says why', () => {
    expect(waitOf(wanted, having(failure), byCron)?.reason).toContain('busy');
    expect(waitOf(wanted, undefined, { ...byCron, caHold: minutesOn(5) })?.reason).toContain('Retry-After');
    expect(waitOf(wanted, undefined, { ...byCron, isDown: true })?.reason).toContain('orders');
  });
});

describe('failureThatCounts and forgiven', () => {
  const closed = having({ ...failure, account: 'old' });
  it.each<[string, StoredSpec, Lineage | undefined, Means, boolean]>([
    ['counts', wanted, having(failure), {}, true],
    ['counts for the same credentials', wanted, having(failure, { credentials: 'old' }), { credentials: 'old' }, true],
    ['counts where the credentials are not known', wanted, having(failure, { credentials: 'old' }), {}, true],
    ['counts where no credentials were stored', wanted, having(failure), { credentials: 'new' }, true],
    ['is over with other credentials', wanted, having(failure, { credentials: 'old' }), { credentials: 'new' }, false],
    ['counts for another account, if it was not about that', wanted, having(failure), { account: 'new' }, true],
    ['counts for the same deactivated account', wanted, closed, { account: 'old' }, true],
    ['is over with another account than the deactivated one', wanted, closed, { account: 'new' }, false],
    ['is over with another spec', otherSolver, having(failure), {}, false],
    ['is none that was forgiven before', wanted, having({ ...failure, count: 0 }), {}, false],
    ['is none that a clock that was ahead wrote', wanted, having(ahead), {}, false],
  ])('a failure %s', (_what, spec, lineage, means, counts) => {
    const before = lineage?.failure as Failure;
    expect(failureThatCounts(spec, lineage, means, now)).toBe(counts ? before : undefined);
    expect(forgiven(spec, lineage, means, now)).toEqual(counts ? before : { ...before, count: 0, retryAt: before.at });
  });

  it('nothing is forgiven where nothing failed', () => {
    expect(forgiven(wanted, having(undefined), {}, now)).toBeUndefined();
    expect(forgiven(wanted, undefined, {}, now)).toBeUndefined();
  });

  it('keeps what the CA said', () =>
    expect(forgiven(otherSolver, having(held), {}, now)).toMatchObject({ holdUntil: held.holdUntil }));
});

describe('heldUntil', () => {
  const end = minutesOn(180);
  it.each<[string, StoredSpec, Failure, string | undefined]>([
    ['holds', wanted, held, end],
    ['holds whatever solver is used', otherSolver, held, end],
    ['of a busy CA holds other names', otherNames, held, end],
    ['of a limit holds whatever solver is used', otherSolver, limited, end],
    ['of a limit holds no other names', otherNames, limited, undefined],
    ['holds at no other CA', otherCa, held, undefined],
    ['of a limit holds at no other CA', otherCa, limited, undefined],
    ['that a clock that was ahead wrote holds nothing', wanted, ahead, undefined],
    ['of years holds nothing', wanted, { ...held, holdUntil: minutesOn(400 * dayMinutes) }, undefined],
    ['that is over holds nothing', wanted, { ...held, holdUntil: minutesOn(0) }, undefined],
    ['that was not asked for holds nothing', wanted, failure, undefined],
  ])('a Retry-After %s', (_what, spec, one, expected) => expect(heldUntil(spec, having(one), now)).toBe(expected));
});

describe('failureAfter', () => {
  const of = (code: ErrorCode, options = {}) => new CertfleetError(code, 'words', 'hint', options);
  const busy = of('acme/busy');
  const missing: Lineage = (({ current: _none, ...rest }) => rest)(having(undefined) as Lineage);
  const failing = (count: number): Lineage => ({ ...missing, failure: { ...failure, count } });
  const fetching = (lineage: Lineage, minutes: number): Lineage => {
    const order = { url: 'https://ca.test/order/1', finalizedAt: minutesOn(-minutes) };
    const work = { step: 'lease', version: 'v2', directory: '', startedAt: '', challenges: [], order } as const;
    return { ...lineage, work };
  };

  it('keeps the words of the error and counts it', () => {
    const { code, message, hint, at, count } = failureAfter(missing, busy, now);
    expect([code, message, hint, at, count]).toEqual(['acme/busy', 'words', 'hint', now.toISOString(), 1]);
    expect(failureAfter(failing(2), busy, now).count).toBe(3);
    expect(failureAfter({ ...missing, failure: { ...failure, count: 0 } }, busy, now).count).toBe(1);
  });

  it('keeps what the message is made of, and no sentence', () => {
    const failed = (reason: string) => failureAfter(missing, fail('bug/unexpected', { reason }), now);
    expect(failed('no room').params).toEqual({ reason: 'no room' });
    expect(failed('no room').message).toBeUndefined();
    expect(failed('x'.repeat(9_000)).params?.['reason']).toHaveLength(longestStored);
    expect(failureAfter(missing, busy, now).params).toBeUndefined();
  });

  it.each<[string, Lineage, CertfleetError, number]>([
    ['a minute', missing, busy, 1],
    ['then ten', failing(1), busy, 10],
    ['then a hundred', failing(2), busy, 100],
    ['then a day', failing(3), busy, dayMinutes],
    ['and no longer', failing(9), busy, dayMinutes],
    ['a day at once for what only a person can mend', missing, of('config/unknown-profile'), dayMinutes],
    [
      'a tenth of what is left of the validity at most',
      {
        ...failing(9),
        current: { ...testLineage.current, facts: { ...testLineage.current.facts, notAfter: minutesOn(600) } },
      },
      busy,
      60,
    ],
    ['a minute while the clock is wrong, however often', failing(9), of('acme/clock-skew'), 1],
    ['a minute if the certificate only has to be fetched', fetching(failing(9), 0), busy, 1],
    ['then as long as it has tried', fetching(failing(9), 7), of('acme/paused'), 7],
    ['an hour at most', fetching(failing(9), 3 * dayMinutes), busy, 60],
    ['no longer than without it', fetching(failing(1), 30), busy, 10],
    ['a minute while another certfleet has the port', failing(9), of('solver/port-held'), 1],
  ])('backs off for %s', (_what, before, error, minutes) => {
    expect(failureAfter(before, error, now).retryAt).toBe(minutesOn(minutes));
  });

  it.each<[string, CertfleetError, true | undefined]>([
    ['needs a person after settings that the CA cannot serve', of('config/unknown-profile'), true],
    [
      'needs a person after a name that the CA excludes',
      of('acme/problem', { problem: { type: 'urn:ietf:params:acme:error:rejectedIdentifier' } }),
      true,
    ],
    ['needs nobody yet after what may pass', busy, undefined],
  ])('%s', (_what, error, needsPerson) => {
    expect(failureAfter(missing, error, now).needsPerson).toBe(needsPerson);
  });

  it.each(['acme/clock-skew', 'solver/port-held'] as const)('does not count %s', (code) => {
    expect(failureAfter(failing(3), of(code), now).count).toBe(3);
    expect(failureAfter(missing, of(code), now).count).toBe(1);
  });

  it.each<[string, CertfleetError, number, number]>([
    ['keeps the time that the CA named', of('acme/busy', { retryAt: new Date(minutesOn(180)) }), 180, 180],
    ['is not cut short by it', of('acme/busy', { retryAt: new Date(minutesOn(2)) }), 2, 10],
  ])('%s', (_what, error, holdMinutes, minutes) => {
    expect(failureAfter(failing(1), error, now)).toMatchObject({
      holdUntil: minutesOn(holdMinutes),
      retryAt: minutesOn(minutes),
    });
  });

  it('tries again when a DNS provider’s limit ends, and holds no other certificate for it', () => {
    const limited = (retryAt?: Date) =>
      fail('dns/limited', { provider: 'deSEC', reason: '15 a minute' }, retryAt ? { retryAt } : {});
    const after = failureAfter(failing(1), limited(new Date(minutesOn(1))), now);
    expect([after.retryAt, after.holdUntil]).toEqual([minutesOn(1), undefined]);
    expect(failureAfter(failing(1), limited(), now).retryAt).toBe(minutesOn(10));
  });

  it('believes a limit, and a busy CA for half of the validity that is left', () => {
    const soon = { ...testLineage.current, facts: { ...testLineage.current.facts, notAfter: minutesOn(10 * 60) } };
    const retryAt = new Date(minutesOn(3 * dayMinutes));
    const { holdUntil: byLimit } = failureAfter(
      { ...missing, current: soon },
      of('acme/rate-limited', { retryAt }),
      now,
    );
    const { holdUntil: byBusy } = failureAfter({ ...missing, current: soon }, of('acme/busy', { retryAt }), now);
    expect([byLimit, byBusy]).toEqual([minutesOn(3 * dayMinutes), minutesOn(5 * 60)]);
  });

  it('remembers failed validations by name, for an hour, whatever fails next', () => {
    const refused = of('acme/invalid-authorization', { names: [{ identifier: 'a.test', reason: 'no' }] });
    const first = failureAfter(missing, refused, now);
    expect(first.validations).toEqual({ 'a.test': [minutesOn(0)] });
    const then = (before: Failure, error: CertfleetError, minutes: number) =>
      failureAfter({ ...missing, failure: before }, error, new Date(minutesOn(minutes)));
    const second = then(then(first, refused, 20), busy, 40);
    expect(second.validations).toEqual({ 'a.test': [minutesOn(0), minutesOn(20)] });
    expect(then(second, busy, 70).validations).toEqual({ 'a.test': [minutesOn(20)] });
    expect(then(second, busy, 90).validations).toBeUndefined();
    // A CA that does not say of which name.
    expect(failureAfter(missing, of('acme/invalid-authorization'), now).validations).toBeUndefined();
  });

  it('remembers each of several names that failed together', () => {
    const names = ['a.test', 'b.test', '*.b.test'].map((identifier) => ({ identifier, reason: 'no' }));
    const error = of('acme/invalid-authorization', {
      names,
      problem: { identifier: { type: 'dns', value: 'a.test' } },
    });
    const at = [minutesOn(0)];
    expect(failureAfter(missing, error, now).validations).toEqual({ 'a.test': at, 'b.test': at, '*.b.test': at });
  });

  it('keeps when a proven no was last tried anyway', () => {
    const before = { ...failure, overruledAt: minutesOn(-60) };
    expect(failureAfter({ ...missing, failure: before }, busy, now).overruledAt).toBe(minutesOn(-60));
  });
});

it('laterOf is the later one, or the only one', () => {
  const [early, late] = [minutesOn(1), minutesOn(2)];
  expect([laterOf(early, late), laterOf(late, early), laterOf(early, undefined), laterOf(undefined, late)]).toEqual([
    ...[late, late, early, late],
  ]);
  expect(laterOf(undefined, undefined)).toBeUndefined();
});
