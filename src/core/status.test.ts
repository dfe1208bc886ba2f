import { describe, expect, it } from 'vitest';
import { fail } from './errors.ts';
import type { Lineage } from './lineage.ts';
import { describeLineage } from './status.ts';
import { testLineage, testSpec } from './test-lineages.ts';

const now = new Date('2026-03-01T00:00:00Z');
const spec = testSpec;
const lineage: Lineage = {
  ...testLineage,
  renewal: { at: '2026-04-01T00:00:00Z', source: 'ari', explanationUrl: 'https://ca.test/why' },
};
const wanted = { spec, origin: 'configuration' } as const;
const at = (more: Partial<Parameters<typeof describeLineage>[1]> = {}) =>
  describeLineage('abc', { wanted, lineage, corrupt: undefined, now, isWorking: false, ...more });

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

  it.each([
    ['missing', { lineage: undefined }],
    ['due', { now: new Date('2026-04-02T00:00:00Z') }],
    ['expired', { now: new Date('2026-05-02T00:00:00Z') }],
    ['working', { isWorking: true }],
    ['pending', { lineage: { ...lineage, deployments: {} } }],
    [
      'failing',
      {
        lineage: { ...lineage, failure: { count: 1, at: '', code: 'acme/busy', message: 'm', hint: 'h', retryAt: '' } },
      },
    ],
  ] as const)('%s', (state, more) => {
    expect(at(more).state).toBe(state);
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
