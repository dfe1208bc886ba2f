import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorTable, exitCodes } from './error-table.ts';
import { asFailure, fail, isFailure, reasonOf } from './errors.ts';
import { Secret } from './secret.ts';

describe('the error table', () => {
  it.each(Object.entries(errorTable))('%s says what happened, whose fault it is and what to do', (code, entry) => {
    expect(entry.message.length).toBeGreaterThan(5);
    expect(entry.hint.length).toBeGreaterThan(5);
    expect(Object.keys(exitCodes)).toContain(code.split('/')[0]);
    expect(entry.hint).not.toMatch(/\bNAME\b(?! of)/);
  });

  it('fills the placeholders, gives the exit code of the area, and keeps the cause', () => {
    const cause = new Error('inner');
    const error = fail('dns/zone-not-found', { name: 'example.com' }, { cause });
    expect(error.message).toBe('no DNS zone was found for example.com');
    expect(error.exitCode).toBe(5);
    expect(error.cause).toBe(cause);
    expect(isFailure(error, 'dns/')).toBe(true);
    expect(isFailure(error, 'dns/refused', 'acme/')).toBe(false);
    expect(isFailure(cause)).toBe(false);
  });

  it('names in its hint the certificate that it is about', () => {
    const error = fail('preflight/no', { finding: 'no address', advice: 'Add one.' }, { problem: 'p' });
    const hint =
      'Add one. If the CA can see what this machine cannot, run `certfleet issue abc --ignore-preflight`; for a new certificate, repeat your command with --ignore-preflight.';
    expect(asFailure(error, 'abc')).toMatchObject({ hint, code: error.code, message: error.message, problem: 'p' });
    expect(asFailure(error, 'abc').stack).toBe(error.stack);
    // A test certificate is made by the name of the real one.
    expect(asFailure(error, 'abc~staging').hint).toBe(hint);
    const plain = fail('dns/zone-not-found', { name: 'a.test' });
    expect(asFailure(plain, 'abc')).toBe(plain);
  });

  it('has the parameters of its texts, as harmless as they are there', () => {
    const given = { name: 'a.test', secret: 'not shown' };
    const error = fail('dns/zone-not-found', given);
    expect(error.params).toEqual({ name: 'a.test' });
    expect(asFailure(error, 'abc').params).toBe(error.params);
    const reason = 'no\u001b[31m room';
    expect(fail('bug/unexpected', { reason }).params).toEqual({ reason: 'no\ufffd[31m room' });
  });

  it('a time that the other side named makes retry "at"', () => {
    const retryAt = new Date('2026-01-01T00:00:00Z');
    const code: ErrorCode = 'acme/busy';
    expect(fail(code, { issuer: 'le', status: 503, what: 'newOrder' }, { retryAt })).toMatchObject({
      retry: 'at',
      retryAt,
    });
    expect(fail(code, { issuer: 'le', status: 503, what: 'newOrder' }).retry).toBe('later');
  });

  it('words system errors for a person', () => {
    expect(reasonOf(Object.assign(new Error('connect ECONNREFUSED 1.2.3.4:5'), { code: 'ECONNREFUSED' }))).toBe(
      'connection refused',
    );
    expect(reasonOf('x')).toBe('x');
    expect(reasonOf(new DOMException('The operation timed out', 'TimeoutError'))).toBe('timed out');
  });

  it.each([
    ['EISDIR', 'EISDIR: illegal operation on a directory, read', 'it is a folder'],
    ['EMFILE', "EMFILE: too many open files, open '/x'", 'too many open files'],
    ['EIO', 'EIO: i/o error, fsync', 'i/o error'],
    ['ELOOP', "ELOOP: too many symbolic links encountered, stat '/a' -> '/b'", 'too many symbolic links encountered'],
    ['ERR_OTHER', 'something else, entirely', 'something else, entirely'],
  ])('leaves the code and the call of %s out', (code, message, words) => {
    expect(reasonOf(Object.assign(new Error(message), { code, syscall: 'read' }))).toBe(words);
  });
});

describe('Secret', () => {
  it('prints as *** everywhere and opens only by reveal', () => {
    const secret = new Secret('hunter2');
    expect(
      [String(secret), `${secret}`, JSON.stringify({ secret }), inspect(secret), inspect({ a: [secret] })].join(),
    ).not.toContain('hunter2');
    expect(Object.keys(secret)).toEqual([]);
    expect(secret.reveal()).toBe('hunter2');
  });
});
