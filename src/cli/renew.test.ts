import { it } from 'vitest';
import { behaves, type Row } from '../../test/support/command-line.ts';
import { unchanged, valid, waiting } from './test-statuses.ts';

it.each<Row>([
  {
    what: 'passes names and force on',
    argv: 'renew a --name b,a --force',
    calls: [{ names: ['a', 'b'], force: true }],
  },
  { what: 'passes --redeploy on', argv: 'renew a --redeploy', calls: [{ names: ['a'], force: false, redeploy: true }] },
  {
    what: 'refuses --redeploy with --force',
    argv: 'renew --redeploy --force',
    code: 2,
    warns: ['--redeploy orders nothing, and --force orders'],
    calls: [],
  },
  {
    what: 'knows names in any spelling',
    argv: 'renew 中国.test --name *.中国.test',
    calls: [{ names: ['xn--fiqs8s.test', 'wildcard.xn--fiqs8s.test'], force: false }],
  },
  {
    what: 'sums up many that are not due',
    argv: 'renew',
    fleet: { renew: () => Array.from({ length: 998 }, (_, i) => unchanged(`c${i}`)) },
    stdout: '998 certificates are not due; `certfleet status` shows when each will be renewed.\n998 unchanged\n',
    stderr: '',
  },
  {
    what: 'names each of a few',
    argv: 'renew',
    fleet: { renew: () => [unchanged('abc')], status: [valid] },
    stdout:
      'abc: nothing is due; valid until 2027-02-22 (90 days)\n  Next: `certfleet renew` renews it around 2027-01-23 (in 59 days).\n',
  },
  {
    what: 'tells what failed before from what is not due',
    argv: 'renew',
    fleet: { renew: () => [...['a', 'b', 'c', 'd', 'e', 'f'].map(unchanged), waiting('x'), waiting('y')] },
    stdout:
      'x: failed earlier: no DNS zone; valid until 2027-02-22 (90 days)\n' +
      '  Next: `certfleet renew` tries again after 2026-11-24 16:00 UTC.\n' +
      'y: failed earlier: no DNS zone; valid until 2027-02-22 (90 days)\n' +
      '  Next: `certfleet renew` tries again after 2026-11-24 16:00 UTC.\n' +
      '6 certificates are not due; `certfleet status` shows when each will be renewed.\n' +
      '6 unchanged, 2 waiting after a failure\n',
  },
  {
    what: 'sums up many that failed before',
    argv: 'renew',
    fleet: { renew: () => Array.from({ length: 10 }, (_, i) => waiting(`c${i}`)) },
    stdout:
      '10 certificates failed earlier and wait for their next try; `certfleet status` shows why and when.\n' +
      '10 waiting after a failure\n',
  },
  {
    what: 'says when it looks again where no renewal is planned',
    argv: 'renew',
    fleet: { renew: () => [unchanged('abc')] },
    says: ['  Next: `certfleet renew` checks it again around 2026-11-24 16:00 UTC.\n'],
  },
  { what: 'helps where there is no certificate', argv: 'renew', says: ['There are no certificates yet'] },
])('$what', behaves);
