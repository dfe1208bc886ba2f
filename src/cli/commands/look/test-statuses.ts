import type { Outcome } from '../../../core/plan/outcome.ts';
import type { LineageStatus } from '../../../fleet.ts';

// Return values of a fleet, for the tests in this folder. Product code does not import them.

export const unchanged = (certificate: string): Outcome => ({
  certificate,
  result: 'unchanged',
  notAfter: '2027-02-22T10:00:00Z',
  message: 'nothing is due',
  next: '2027-01-23T09:00:00Z',
});

/** The outcome of a certificate that failed earlier, and that it is too early to retry. */
export const waiting = (certificate: string): Outcome => ({
  ...unchanged(certificate),
  result: 'unchanged',
  message: 'failed earlier: no DNS zone',
  next: '2026-11-24T16:00:00Z',
  failing: true,
});

export const valid: LineageStatus = {
  name: 'abc',
  origin: 'command-line',
  identifiers: ['abc.example.com'],
  issuer: 'letsencrypt',
  state: 'valid',
  notBefore: '2026-11-24T09:00:00Z',
  notAfter: '2027-02-22T09:00:00Z',
  serial: '0a1b',
  issuerName: 'R12',
  renewAt: '2027-01-23T09:00:00Z',
  renewalSource: 'ari',
  deployments: [{ target: 'edge', state: 'current', version: 'v1' }],
};

export const failing = {
  name: 'bad.example.com',
  origin: 'configuration',
  identifiers: ['bad.example.com'],
  issuer: 'letsencrypt',
  state: 'failing',
  deployments: [{ target: 'files', state: 'pending', version: 'v1' }],
  failure: { count: 3, message: 'no DNS zone\u001b[31m', hint: 'Check it.', retryAt: '2026-11-24T11:40:00Z' },
} as const satisfies LineageStatus;
