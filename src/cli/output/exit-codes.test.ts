import { expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { unchanged } from '../commands/look/test-statuses.ts';
import { exitCodeOf, exitPrecedence } from './exit-codes.ts';

it('a run exits with the worst of its outcomes', () => {
  const worse = [
    fail('schedule/too-slow', { interval: 'a', certificate: 'b', lifetime: 'c', longest: 'd', flag: 'e' }),
    fail('deploy/target-failed', { target: 'a', certificate: 'b', reason: 'c' }),
    fail('preflight/no', { finding: 'b', advice: 'c' }),
    fail('dns/zone-not-found', { name: 'a' }),
    fail('acme/paused', { issuer: 'a', detail: 'b' }),
    fail('identifier/empty-list', { certificate: 'a' }),
    fail('store/lease-lost', { certificate: 'a' }),
    fail('bug/unexpected', { reason: 'a' }),
  ].map((error): Outcome => ({ certificate: 'x', result: 'failed', message: '', error }));
  expect(worse.map((_, count) => exitCodeOf(worse.slice(0, count + 1)))).toEqual([8, 6, 3, 5, 4, 2, 7, 1]);
  expect(exitCodeOf([unchanged('a')])).toBe(0);
  expect(exitCodeOf([])).toBe(0);
  expect([...exitPrecedence].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
