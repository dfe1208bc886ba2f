import { it } from 'vitest';
import { behaves, type Row } from '../../test/support/command-line.ts';
import { unchanged, valid } from './test-statuses.ts';

it.each<Row>([
  {
    what: 'passes names and force on',
    argv: 'renew a --name b,a --force',
    calls: [{ names: ['a', 'b'], force: true }],
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
    stdout: '998 certificates: nothing due; `certfleet status` says when each is renewed.\n998 unchanged\n',
    stderr: '',
  },
  {
    what: 'names each of a few',
    argv: 'renew',
    fleet: { renew: () => [unchanged('abc')], status: [valid] },
    stdout: 'abc: nothing is due; valid until 2027-02-22 (90 days)\n  Next: renews around 2027-01-23 (in 59 days).\n',
  },
  {
    what: 'says when it looks again where no renewal is planned',
    argv: 'renew',
    fleet: { renew: () => [unchanged('abc')] },
    says: ['  Next: `certfleet renew` looks at it again around 2026-11-24 16:00 UTC.\n'],
  },
  { what: 'helps where there is no certificate', argv: 'renew', says: ['There is no certificate yet'] },
])('$what', behaves);
