import { describe, expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import { mayMeanOrderGone, provesNothingWritten, provesOrderDead, provesOrderGone } from './proofs.ts';

const [provider, reason] = ['Zones', 'no'];
const change = { provider, name: '_acme-challenge.a.test', reason, advice: '' };
const unreachable = (code: string) =>
  fail(
    'dns/unreachable',
    { provider, reason },
    { cause: new Error('outer', { cause: Object.assign(new Error(code), { code }) }) },
  );
const problem = (type: string, status: number) =>
  fail('acme/problem', { issuer: 'CA', what: 'it', detail: '', advice: '' }, { problem: { type, status } });

describe('what an error proves', () => {
  it.each([
    ['a refused change', fail('dns/refused', change), true],
    ['a change that failed somewhere', fail('dns/failed', change), false],
    ['a request that found no server', unreachable('ECONNREFUSED'), true],
    ['a request whose answer was lost', unreachable('ECONNRESET'), false],
    ['a missing secret', fail('config/credential-missing', { what: 'it', credential: 'a token' }), true],
    ['an error of no table', new Error('dns/refused'), false],
  ])('%s: nothing was written: %s', (_what, error, expected) => expect(provesNothingWritten(error)).toBe(expected));

  it.each([
    [
      'an order that the CA made invalid',
      fail('acme/invalid-order', { issuer: 'CA', certificate: 'a', detail: '' }),
      true,
    ],
    ['a timeout', fail('acme/timeout', { issuer: 'CA', what: 'it', seconds: 1 }), false],
    ['a problem', problem('malformed', 400), false],
    ['an error of another area', fail('dns/refused', change), false],
    ['an error of no table', new Error('acme/invalid-order'), false],
  ])('%s: the order is dead: %s', (_what, error, expected) => expect(provesOrderDead(error)).toBe(expected));

  it.each([
    ['malformed', problem('urn:ietf:params:acme:error:malformed', 400), true],
    ['404', problem('about:blank', 404), true],
    ['new terms of service', problem('urn:ietf:params:acme:error:userActionRequired', 403), false],
    ['a type of another namespace', problem('urn:other:toString', 403), false],
    ['a timeout', fail('acme/timeout', { issuer: 'CA', what: 'it', seconds: 1 }), false],
  ])('%s: the order is gone: %s', (_what, error, expected) => expect(provesOrderGone(error)).toBe(expected));

  const bare = (status: number, retryAt?: Date) =>
    fail('acme/busy', { issuer: 'CA', status: `HTTP ${status}`, what: 'the order' }, { problem: { status }, retryAt });
  it.each([
    ['404', bare(404), true],
    ['404 with Retry-After', bare(404, new Date()), false],
    ['503', bare(503), false],
    ['404 with a problem document', problem('about:blank', 404), false],
  ])('%s: it takes another answer to know whether the order is gone: %s', (_what, error, expected) =>
    expect(mayMeanOrderGone(error)).toBe(expected),
  );
});
