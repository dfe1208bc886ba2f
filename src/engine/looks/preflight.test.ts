import { describe, expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { Finding } from './finding.ts';
import { verdictOn } from './preflight.ts';

const now = new Date('2026-06-01T12:00:00Z');
const finding = (verdict: Finding['verdict'], more: Partial<Finding> = {}): Finding => ({
  verdict,
  identifier: 'www.example.com',
  finding: 'what was seen',
  advice: 'what to do',
  ...more,
});
const history = { now, renewalAt: undefined, overruledAt: undefined, validations: {} };
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000).toISOString();

describe('what preflight findings mean', () => {
  it('passes when every check passes, and when a check cannot tell', () => {
    expect(verdictOn([finding('pass')], history)).toEqual({});
    expect(verdictOn([finding('pass'), finding('cannot-tell')], history)).toEqual({});
  });

  it('stops at a proven no, with the finding and the advice', () => {
    expect(verdictOn([finding('pass'), finding('no')], history).error).toMatchObject({
      code: 'preflight/no',
      message: 'www.example.com: what was seen; the CA was not asked',
      hint: expect.stringContaining('what to do'),
    });
  });

  it('overrules a proven no once a day when the renewal time has passed', () => {
    const overdue = { ...history, renewalAt: hoursAgo(1) };
    expect(verdictOn([finding('no')], overdue)).toEqual({ overruled: true });
    expect(verdictOn([finding('no')], { ...overdue, overruledAt: hoursAgo(23) }).error?.code).toBe('preflight/no');
    expect(verdictOn([finding('no')], { ...overdue, overruledAt: hoursAgo(25) })).toEqual({ overruled: true });
    // Of a pass whose clock was ahead.
    expect(verdictOn([finding('no')], { ...overdue, overruledAt: hoursAgo(-1000) })).toEqual({ overruled: true });
    expect(verdictOn([finding('no')], { ...history, renewalAt: hoursAgo(-1) }).error?.code).toBe('preflight/no');
  });

  it('never overrules a refusal that protects the user’s own service', () => {
    const refusal = fail('preflight/hides-wildcard', { identifier: 'www.example.com', wildcard: '*.example.com' });
    const overdue = { ...history, renewalAt: hoursAgo(100) };
    expect(verdictOn([finding('no'), finding('no', { refusal })], overdue)).toEqual({ error: refusal });
  });

  it('takes «cannot tell» for a stop after three failed validations of that name within the hour', () => {
    const failed = (...hours: number[]) => ({ ...history, validations: { 'www.example.com': hours.map(hoursAgo) } });
    expect(verdictOn([finding('cannot-tell')], failed(0.1, 0.5, 0.9)).error?.code).toBe('preflight/cannot-tell');
    expect(verdictOn([finding('cannot-tell')], failed(0.1, 0.5, 1.1))).toEqual({});
    expect(verdictOn([finding('cannot-tell')], failed(-1000, -1000, -1000))).toEqual({});
    expect(verdictOn([finding('pass')], failed(0.1, 0.5, 0.9))).toEqual({});
    expect(verdictOn([finding('cannot-tell', { identifier: 'other.example.com' })], failed(0.1, 0.5, 0.9))).toEqual({});
  });
});
