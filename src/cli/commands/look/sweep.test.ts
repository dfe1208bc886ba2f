import { it } from 'vitest';
import { behaves, type Row } from '../../../../test/support/command-line.ts';

const refused = { what: 'a', reason: 'refused', code: 'dns/refused' } as const;
const undelivered = { what: 'b', reason: 'edge is full', code: 'deploy/target-failed' } as const;
const corrupt = { what: 'b', reason: 'no JSON text', code: 'store/corrupt' } as const;

it.each<Row>([
  { what: 'nothing to do', argv: 'sweep', stdout: 'Sweep: nothing to clean up.\n' },
  {
    what: 'says what was removed and what was not',
    argv: 'sweep',
    fleet: {
      sweep: {
        ...{ cleaned: ['TXT _acme-challenge.a.test'], failed: [{ what: 'b', reason: 'timed out' }] },
        ...{ waiting: 2, nextLook: '2026-03-01T00:00:30.000Z' },
      },
    },
    code: 5,
    says: ['removed: TXT _acme-challenge.a.test\nSweep: 1 removed, 1 could not be removed.\n2 may still appear: '],
    warns: ['could not remove b: timed out'],
  },
  {
    what: 'does not call removed what the provider does not list yet',
    argv: 'sweep',
    fleet: { sweep: { unsure: ['TXT _acme-challenge.a.test'], waiting: 1, nextLook: '2026-03-01T00:00:30.000Z' } },
    says: [
      'TXT _acme-challenge.a.test: not seen in the provider’s list yet; it is looked for again\nSweep: 1 not in the provider’s list yet.\n1 may still appear: ',
    ],
  },
  {
    what: 'says what was delivered and what was not',
    argv: 'sweep',
    fleet: { sweep: { delivered: ['a to edge'], failed: [{ ...undelivered, verb: 'deliver' }] } },
    code: 6,
    says: ['delivered: a to edge\nSweep: 1 delivered, 1 could not be delivered.\n'],
    warns: ['could not deliver b: edge is full'],
  },
  {
    what: 'says what was revoked and what was not',
    argv: 'sweep',
    fleet: {
      sweep: {
        revoked: ['a (serial 0abc)'],
        failed: [{ what: 'b: version 1', reason: 'no answer', code: 'acme/unreachable', verb: 'revoke' }],
      },
    },
    code: 4,
    says: ['revoked: a (serial 0abc)\nSweep: 1 revoked, 1 could not be revoked.\n'],
    warns: ['could not revoke b: version 1: no answer'],
  },
  {
    what: 'exits 5 where a solver failed',
    argv: 'sweep',
    fleet: { sweep: { cleaned: [], failed: [refused], waiting: 0 } },
    code: 5,
  },
  {
    what: 'exits with the code of the worst',
    argv: 'sweep',
    fleet: { sweep: { cleaned: [], failed: [refused, corrupt], waiting: 0 } },
    code: 7,
  },
])('$what', behaves);
