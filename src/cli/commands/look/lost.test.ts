import { expect, it } from 'vitest';
import { behaves, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import { fail } from '../../../core/errors/errors.ts';

const at = 'alibaba-clb lb-bp1example';
const ours = {
  ...{ kind: 'rule', name: 'cf-aaaaaaaaaaaa-0b1c2-000000000001', id: 'rule-1', at, owner: 'aaaaaaaaaaaa' },
  ...{ isOurs: true, expires: '2026-11-20T10:00:00Z', isInWork: false, staysUntilExpiry: false },
};
const theirs = { ...ours, kind: 'group', owner: 'bbbbbbbbbbbb', isOurs: false, expires: '2026-11-25T10:00:00Z' };
const busy = { ...theirs, owner: 'cccccccccccc', isInWork: true };
const absentOnce = () => {
  let isFirst = true;
  return () => {
    if (!isFirst) return;
    isFirst = false;
    throw fail('store/absent', { path: '/var/lib/certfleet' });
  };
};
const refused = { what: at, reason: 'no permission', code: 'balancer/refused', verb: 'list' } as const;

it.each<Row>([
  {
    what: 'says that nothing is lost',
    argv: 'sweep --lost',
    stdout: 'Sweep: 0 are lost, 0 are known to this store.\n',
    calls: [{ lost: undefined }],
  },
  {
    what: 'lists whose it is, and how to remove it',
    argv: 'sweep --lost',
    fleet: { lost: { lost: [theirs, ours, busy], known: 1 } },
    says: [
      /^KIND +NAME +AT +OWNER +EXPIRES +STATE\ngroup .*lb-bp1example +bbbbbbbbbbbb +2026-11-25 10:00 UTC +not expired yet\n/,
      /\nrule .* aaaaaaaaaaaa \(ours\) .* left over\n/,
      /\ngroup .* cccccccccccc .* a process is at work there\nSweep: 1 is lost, 2 may belong to other installations, 1 is known to this store\.\n$/,
    ],
    warns: [/Next: `certfleet sweep --lost --owner aaaaaaaaaaaa` removes/],
  },
  {
    what: 'says what is removed only once it has expired',
    argv: 'sweep --lost',
    fleet: { lost: { lost: [{ ...ours, staysUntilExpiry: true }] } },
    warns: [/removes what that owner lost, once it has expired where it may be in use\./],
  },
  {
    what: 'removes its own without an age',
    argv: 'sweep --lost --owner aaaaaaaaaaaa',
    fleet: { lost: { removed: ['the rule r at x'] } },
    calls: [{ lost: { owner: 'aaaaaaaaaaaa', olderThanMs: Number.NEGATIVE_INFINITY } }],
    says: ['removed: the rule r at x\nSweep: 1 removed, 0 are lost, 0 are known to this store.\n'],
  },
  {
    what: 'removes another one’s by age',
    argv: 'sweep --lost --owner bbbbbbbbbbbb --older-than 1d',
    calls: [{ lost: { owner: 'bbbbbbbbbbbb', olderThanMs: 86_400_000 } }],
  },
  {
    what: 'refuses to remove another one’s without an age',
    argv: 'sweep --lost --owner bbbbbbbbbbbb',
    code: 2,
    calls: [],
    warns: [
      /--owner bbbbbbbbbbbb needs --older-than, such as 1d, because another installation may still need what it created/,
    ],
  },
  {
    what: 'removes that of an installation that is gone, however young',
    argv: 'sweep --lost --owner bbbbbbbbbbbb --gone',
    calls: [{ lost: { owner: 'bbbbbbbbbbbb', olderThanMs: Number.NEGATIVE_INFINITY } }],
  },
  {
    what: 'names the command for an installation that is gone',
    argv: 'sweep --lost',
    fleet: { lost: { lost: [theirs] } },
    warns: [/if the installation bbbbbbbbbbbb is gone, .*`certfleet sweep --lost --owner bbbbbbbbbbbb --gone` removes/],
  },
  {
    what: 'works from the configuration alone without a store',
    argv: 'sweep --lost --config /c.yaml',
    files: { '/c.yaml': 'balancers: { slb: { type: alibaba-clb, region: cn-x, loadBalancer: lb-1 } }\n' },
    fleet: { open: absentOnce(), lost: { lost: [theirs] } },
    says: [/\ngroup .* bbbbbbbbbbbb .* not expired yet\n/],
    warns: [/There is no store at \/var\/lib\/certfleet, so no journal says what is still needed/],
  },
  {
    what: 'needs a store or a configuration',
    argv: 'sweep --lost',
    fleet: { open: absentOnce() },
    code: 7,
    warns: ['there is no store at /var/lib/certfleet'],
  },
  {
    what: 'refuses an age for an installation that is gone',
    argv: 'sweep --lost --owner bbbbbbbbbbbb --gone --older-than 1d',
    code: 2,
    warns: [/--gone and --older-than cannot be used together/],
  },
  {
    what: 'refuses --gone alone',
    argv: 'sweep --lost --gone',
    code: 2,
    warns: [/--gone needs --owner ID/],
  },
  {
    what: 'refuses an id that cannot be one',
    argv: 'sweep --lost --owner me',
    code: 2,
    warns: [/--owner me: expected/],
  },
  {
    what: 'refuses an age alone',
    argv: 'sweep --lost --older-than 1d',
    code: 2,
    warns: [/--older-than needs --owner/],
  },
  {
    what: 'refuses an owner without --lost',
    argv: 'sweep --owner aaaaaaaaaaaa',
    code: 2,
    warns: [/--owner needs --lost/],
  },
  {
    what: 'refuses an age without a unit',
    argv: 'sweep --lost --owner aaaaaaaaaaaa --older-than 1',
    code: 2,
    warns: [/--older-than 1: expected a duration/],
  },
  {
    what: 'fails where it cannot look',
    argv: 'sweep --lost',
    fleet: { lost: { failed: [refused] } },
    code: 5,
    warns: [/could not list alibaba-clb lb-bp1example: no permission/],
  },
])('$what', behaves);

it('prints each object for programs', async () => {
  const done = await commandLine({ fleet: { lost: { lost: [ours, theirs] } } }).run('sweep', '--lost', '--json');
  expect(jsonLines(done).filter((line) => 'object' in line)).toEqual([
    { v: 1, object: 'lost', ...ours },
    { v: 1, object: 'lost', ...theirs },
  ]);
});
