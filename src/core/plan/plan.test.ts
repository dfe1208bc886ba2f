import { describe, expect, it } from 'vitest';
import type { Lineage } from '../lineage/lineage.ts';
import { testLineage, testSpec, withNames, withSolver } from '../lineage/test-lineages.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { planLineage } from './plan.ts';

const now = new Date('2026-03-01T00:00:00Z');
const spec: StoredSpec = testSpec;
const lineage: Lineage = testLineage;
const rules = { obeyBackoff: true, force: false };
const failure = {
  count: 2,
  at: '2026-03-01T00:00:00Z',
  code: 'acme/busy',
  message: 'busy',
  hint: '',
  retryAt: '2026-03-01T00:10:00.000Z',
};

describe('planLineage', () => {
  it('issues what was never issued and leaves alone what is not due', () => {
    expect(planLineage(spec, undefined, now, rules).action).toBe('issue');
    expect(planLineage(spec, lineage, now, rules)).toEqual({
      action: 'none',
      reason: 'not due yet',
      wakeAt: '2026-03-02T00:00:00.000Z',
    });
    expect(planLineage(undefined, lineage, now, rules).action).toBe('none');
  });

  it('renews at the renewal time, when forced, and when names, CA or profile change', () => {
    expect(planLineage(spec, lineage, new Date('2026-04-01T00:00:00Z'), rules).action).toBe('renew');
    expect(planLineage(spec, lineage, now, { ...rules, force: true }).action).toBe('renew');
    const names = withNames(spec, ['x.example.com']);
    expect(planLineage(names, lineage, now, rules).action).toBe('renew');
    const { name, settings } = spec.issuer;
    const issuer = { name, settings: { ...settings, directory: 'https://o.test/' } };
    expect(planLineage({ ...spec, issuer }, lineage, now, rules).action).toBe('renew');
    expect(planLineage({ ...spec, profile: 'shortlived' }, lineage, now, rules).action).toBe('renew');
  });

  it('renews what has expired at once, whatever renewal time is stored, after the back-off and the hold', () => {
    const { current } = lineage;
    const expired = { ...lineage, current: { ...current!, facts: { ...current!.facts, notAfter: now.toISOString() } } };
    expect(planLineage(spec, expired, now, rules)).toEqual({
      action: 'renew',
      reason: 'it expired at 2026-03-01T00:00:00.000Z',
    });
    expect(planLineage(spec, expired, new Date(now.getTime() - 1_000), rules).action).toBe('none');
    const failed: Lineage = { ...expired, failure };
    expect(planLineage(spec, failed, now, rules)).toMatchObject({ action: 'none', wait: { why: 'back-off' } });
    const caHold = '2026-03-01T02:00:00.000Z';
    expect(planLineage(spec, expired, now, { ...rules, caHold })).toMatchObject({ action: 'none', wakeAt: caHold });
  });

  it.each<[string, Partial<Lineage>, object, string]>([
    ['not due', {}, {}, 'none'],
    ['due', { renewal: { at: '2026-02-28T00:00:00Z', source: 'lifetime' } }, {}, 'none'],
    ['lacking at a target', { deployments: {} }, {}, 'none'],
    ['to be asked about', { renewal: { at: '2026-04-01T00:00:00Z', source: 'lifetime' } }, {}, 'none'],
    ['forced together with all others', {}, { force: true, obeyBackoff: false }, 'none'],
    ['delivered again together with all others', {}, { redeploy: true, obeyBackoff: false }, 'none'],
    ['forced by name', {}, { force: true, obeyBackoff: false, actsOnPaused: true }, 'renew'],
  ])('leaves one alone that is paused: %s', (_what, fields, more, action) => {
    const paused = { at: '2026-02-01T00:00:00Z', by: 'ada', reason: 'moving' };
    const plan = planLineage(spec, { ...lineage, ...fields, paused }, now, { ...rules, ...more });
    expect(plan.action).toBe(action);
    const wait = { until: now.toISOString(), why: 'paused', isFailing: false };
    const reason = 'paused by ada since 2026-02-01T00:00:00Z (moving)';
    if (action === 'none') expect(plan).toEqual({ action, reason, wait: { ...wait, reason } });
  });

  it('leaves an order that needs a person, but delivers the current version', () => {
    const byHand = withSolver(spec, { type: 'dns01' }, 'dns', { person: 'each order' });
    const due: Lineage = { ...lineage, spec: byHand, renewal: { at: '2026-02-28T00:00:00Z', source: 'lifetime' } };
    const unattended = { ...rules, unattended: true };
    const waits = { action: 'none', reason: 'its renewal time was 2026-02-28T00:00:00Z', byHand: true };
    expect(planLineage(byHand, due, now, unattended)).toEqual(waits);
    expect(planLineage(byHand, undefined, now, unattended)).toMatchObject({ action: 'none', byHand: true });
    expect(planLineage(byHand, due, now, rules).action).toBe('renew');
    expect(planLineage(spec, { ...due, spec }, now, unattended).action).toBe('renew');
    expect(planLineage(byHand, { ...due, deployments: {} }, now, unattended).action).toBe('deploy');
  });

  it('deploys to a target that does not have the current version, and asks the CA when its answer is old', () => {
    const pending = { edge: { version: 'v0', state: 'current', since: '' } } as const;
    expect(planLineage(spec, { ...lineage, deployments: pending }, now, rules).action).toBe('deploy');
    expect(planLineage(spec, lineage, new Date('2026-03-02T00:00:00Z'), rules).action).toBe('ask');
  });

  it('obeys the back-off in renew only, and the CA’s Retry-After always', () => {
    const failed: Lineage = { ...lineage, failure, renewal: { at: '2026-02-28T00:00:00Z', source: 'lifetime' } };
    expect(planLineage(spec, failed, now, rules)).toMatchObject({
      action: 'none',
      wakeAt: failure.retryAt,
      wait: { why: 'back-off', isFailing: true },
    });
    expect(planLineage(spec, failed, now, { ...rules, obeyBackoff: false }).action).toBe('renew');
    expect(planLineage(spec, failed, new Date('2026-03-01T00:10:00Z'), rules).action).toBe('renew');
    const mended = { ...failed, credentials: 'old' };
    expect(planLineage(spec, mended, now, { ...rules, credentials: 'new' }).action).toBe('renew');
    const held: Lineage = { ...failed, failure: { ...failure, holdUntil: '2026-03-01T03:00:00.000Z' } };
    expect(planLineage(spec, held, now, { obeyBackoff: false, force: true })).toMatchObject({
      action: 'none',
      wakeAt: '2026-03-01T03:00:00.000Z',
    });
  });

  it('carries the current version to a target while the renewal waits for its next try', () => {
    const failed: Lineage = {
      ...lineage,
      failure,
      renewal: { at: '2026-02-28T00:00:00Z', source: 'lifetime' },
      deployments: {},
    };
    expect(planLineage(spec, failed, now, rules)).toMatchObject({ action: 'deploy', wakeAt: failure.retryAt });
    expect(planLineage(spec, failed, new Date(failure.retryAt), rules).action).toBe('renew');
  });

  it('does not break a target again by itself that was taken back, but says that it is pending', () => {
    const taken: Lineage = {
      ...lineage,
      deployments: {
        edge: {
          version: 'v1',
          state: 'pending',
          since: '2026-02-28T00:00:00Z',
          code: 'deploy/handshake-failed',
          message: 'it broke',
          retryAt: '2026-03-01T12:00:00.000Z',
        },
      },
    };
    expect(planLineage(spec, taken, now, rules)).toMatchObject({
      action: 'none',
      pending: { code: 'deploy/handshake-failed', message: 'it broke' },
      wakeAt: '2026-03-01T12:00:00.000Z',
    });
    expect(planLineage(spec, taken, now, { ...rules, obeyBackoff: false }).action).toBe('deploy');
    expect(planLineage(spec, taken, new Date('2026-03-01T12:00:00Z'), rules).action).toBe('deploy');
  });

  it('leaves a version that broke a handshake to the node that delivered it, and says that it is pending', () => {
    const wanted: StoredSpec = {
      ...spec,
      targets: [
        { name: 'cdn', settings: { type: 'sim' } },
        { name: 'web', settings: { type: 'sim' }, traits: { ofNode: 'target' } },
      ],
      endpoints: ['www.example.com:443'],
    };
    const since = '2026-02-28T00:00:00Z';
    const settling = { version: 'v1', state: 'pending', since, code: 'deploy/settling', message: 'not yet' } as const;
    const broken: Lineage = {
      ...lineage,
      spec: wanted,
      deployments: {
        cdn: settling,
        web: { version: 'v1', state: 'current', since, node: 'a' },
        'www.example.com:443': { ...settling, code: 'deploy/no-handshake', message: 'it broke', broke: true },
      },
    };
    const left = { action: 'none', pending: { code: 'deploy/no-handshake', message: 'it broke' } };
    for (const obeyBackoff of [true, false]) {
      expect(planLineage(wanted, broken, now, { ...rules, obeyBackoff, node: 'b' })).toMatchObject(left);
      expect(planLineage(wanted, broken, now, { ...rules, obeyBackoff, node: 'a' }).action).toBe('deploy');
    }
  });

  it('delivers again to every target when asked to, and orders nothing, whatever else is due', () => {
    const again = { ...rules, redeploy: true };
    const delivered = { action: 'deploy', reason: 'delivering it again to edge, www.example.com:443' };
    const both = { ...spec, endpoints: ['www.example.com:443'] };
    const cases: readonly Lineage[] = [
      lineage,
      { ...lineage, renewal: { at: '2026-02-28T00:00:00Z', source: 'lifetime' } },
      { ...lineage, failure: { ...failure, holdUntil: '2026-03-01T03:00:00.000Z' } },
      { ...lineage, work: { step: 'order', version: 'v2', directory: '', startedAt: '', challenges: [] } },
    ];
    for (const one of cases) expect(planLineage(both, one, now, again)).toMatchObject(delivered);
    expect(planLineage(both, cases[1], now, again).wakeAt).toBe('2026-02-28T00:00:00Z');
    const bare = { ...spec, targets: [], endpoints: [] };
    expect(planLineage(bare, lineage, now, again)).toMatchObject({
      action: 'none',
      reason: 'it has no target to deliver to',
    });
    const { current: _none, ...missing } = lineage;
    for (const one of [undefined, missing])
      expect(planLineage(spec, one, now, again)).toEqual({
        action: 'none',
        reason: 'there is no certificate to deliver yet',
      });
  });

  it('believes no time of a pass whose clock was ahead', () => {
    const later = '2028-11-25T00:00:00.000Z';
    const due = { at: '2026-02-28T00:00:00Z', source: 'lifetime' } as const;
    const failed: Lineage = { ...lineage, renewal: due, failure: { ...failure, at: later, retryAt: later } };
    expect(planLineage(spec, failed, now, rules).action).toBe('renew');
    const asked: Lineage = { ...lineage, renewal: { at: later, source: 'lifetime', checkAfter: later } };
    expect(planLineage(spec, asked, now, rules).action).toBe('ask');
  });

  it('resumes interrupted work', () => {
    const work = { step: 'order', version: 'v2', directory: 'd', startedAt: '', challenges: [] } as const;
    expect(planLineage(spec, { ...lineage, work }, now, rules).action).toBe('resume');
    expect(planLineage(spec, { ...lineage, work: { ...work, step: 'deploy' } }, now, rules).action).toBe('resume');
  });
});
