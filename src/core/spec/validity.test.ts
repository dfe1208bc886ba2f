import { expect, test } from 'vitest';
import { dateProblem, datesToOrder } from './validity.ts';

const now = new Date('2026-11-24T12:00:00.500Z');

test.each([
  [{ notAfter: '90d' }, { notAfter: '2027-02-22T12:00:00Z' }],
  [
    { notBefore: '-1h', notAfter: '+6h' },
    { notBefore: '2026-11-24T11:00:00Z', notAfter: '2026-11-24T18:00:00Z' },
  ],
  [{ notAfter: '2027-01-31T01:00:00+01:00' }, { notAfter: '2027-01-31T00:00:00Z' }],
  [{ notBefore: '0s' }, { notBefore: '2026-11-24T12:00:00Z' }],
  [{}, {}],
])('%j', (validity, dates) => {
  expect(datesToOrder(validity, now)).toEqual(dates);
});

test.each([
  [{ notBefore: '1h' }, 'a certificate with notBefore 1h cannot be ordered: the certificate is delivered at once'],
  [{ notAfter: '1h' }, 'notAfter 1h cannot be ordered: it must be at least two hours ahead'],
  [{ notAfter: '-1h' }, 'notAfter -1h cannot be ordered: that time has passed'],
  [{ notAfter: '2026-11-24T00:00:00Z' }, 'that time has passed'],
])('refuses %j', (validity, words) => {
  expect(() => datesToOrder(validity, now)).toThrow(words);
});

test.each([
  ['30d', true],
  ['-1h', true],
  ['2027-01-31T00:00:00Z', true],
  ['2027-01-31T00:00:00.5+08:00', true],
  ['30', false],
  ['2027-01-31', false],
  ['2027-13-31T00:00:00Z', false],
  ['soon', false],
  ['', false],
])('%s is a date: %s', (text, is) => {
  expect(dateProblem(text) === undefined).toBe(is);
});
