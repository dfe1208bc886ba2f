import { describe, expect, it } from 'vitest';
import type { Failure, Lineage } from '../../core/lineage/lineage.ts';
import { testLineage, testSpec } from '../../core/lineage/test-lineages.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import type { Job } from '../run/job.ts';
import { decide, type Known } from './decision.ts';

const now = new Date('2026-03-01T12:00:00Z');
const due: Lineage = { ...testLineage, renewal: { ...testLineage.renewal, at: '2026-03-01T00:00:00.000Z' } };
const last = { at: '2026-02-01T00:00:00.000Z', result: 'unchanged', message: 'not due yet' } as const;
const unasked: Lineage = {
  ...testLineage,
  renewal: { at: testLineage.renewal.at, source: 'lifetime' },
  last: { ...last, version: testLineage.current.id },
};
const job: Job = { wanted: testSpec, origin: 'configuration', force: false, obeyBackoff: true };
const withTarget: StoredSpec = {
  ...testSpec,
  targets: [...testSpec.targets, { name: 'other', settings: { type: 'files' } }],
};
const hooks = { post: 'start' };
const failure: Failure = {
  count: 1,
  at: '2026-03-01T11:59:00.000Z',
  code: 'acme/account-deactivated',
  message: 'the account is deactivated',
  hint: '',
  retryAt: '2026-03-01T13:00:00.000Z',
};
const deactivated = { ...due, failure: { ...failure, account: 'https://ca.test/a/1' } };
const caHold = { since: '2026-03-01T11:00:00.000Z', until: '2026-03-01T13:00:00.000Z' };

const cases: readonly (readonly [
  what: string,
  lineage: Lineage | undefined,
  job: Partial<Job>,
  known: Partial<Known>,
  decision: object,
])[] = [
  ['no certificate yet', undefined, {}, {}, { action: 'take-lease', aim: 'certificate', plan: { action: 'issue' } }],
  ['not due', testLineage, {}, {}, { action: 'nothing', plan: { action: 'none' } }],
  ['due', due, {}, {}, { action: 'take-lease', aim: 'certificate', plan: { action: 'renew' } }],
  ['forced', testLineage, { force: true }, {}, { action: 'take-lease', aim: 'certificate' }],
  [
    'a target lacks it',
    testLineage,
    { wanted: withTarget },
    {},
    { action: 'take-lease', aim: 'delivery', plan: { action: 'deploy' } },
  ],
  [
    'the renewal window is not known',
    unasked,
    {},
    {},
    { action: 'ask-window', lineage: unasked, plan: { action: 'ask' } },
  ],
  ...(
    [
      ['a retired version is to be removed', { retired: ['v0'] }, {}],
      ['the last run had another version', { last: { ...last, version: 'v0' } }, {}],
      ['its settings were given by flags', { origin: 'command-line' }, {}],
      ['its secrets have changed', {}, { credentials: 'other' }],
      [
        'its settings have changed',
        {},
        { wanted: { ...testSpec, preflight: { ...testSpec.preflight, http01Port: 8080 } } },
      ],
    ] as const
  ).map(([what, change, own]): (typeof cases)[number] => [
    `the renewal window is not known, and ${what}`,
    { ...unasked, ...change },
    own,
    {},
    { action: 'take-lease', aim: 'delivery', plan: { action: 'ask' } },
  ]),
  // A stored job follows the document.
  ['deleted meanwhile', undefined, { isStored: true }, {}, { action: 'nothing', job: { wanted: testSpec } }],
  [
    'settings changed meanwhile',
    { ...due, spec: withTarget },
    { isStored: true },
    {},
    { action: 'take-lease', job: { wanted: withTarget } },
  ],
  // Waits.
  ['its CA is down', due, {}, { isDown: true }, { action: 'wait', plan: { wait: { why: 'down' } } }],
  ['its CA is down, and it is not due', testLineage, {}, { isDown: true }, { action: 'nothing' }],
  [
    'its CA is down, and a target lacks the current version',
    due,
    { wanted: withTarget },
    { isDown: true },
    { action: 'take-lease', aim: 'delivery', plan: { action: 'deploy' } },
  ],
  ['the CA asked to wait', due, {}, { caHold }, { action: 'nothing', plan: { wait: { why: 'hold' } } }],
  [
    'the account is getting another key',
    due,
    {},
    { rollover: { startedAt: '2026-03-01T11:59:00.000Z', account: 'le', command: '' } },
    { action: 'nothing', plan: { wait: { why: 'rollover' } } },
  ],
  // Questions.
  ['a deactivated account', deactivated, {}, {}, { action: 'ask-first', about: 'account' }],
  [
    'a deactivated account that is still the same',
    deactivated,
    { account: 'https://ca.test/a/1' },
    {},
    { action: 'nothing', plan: { wait: { why: 'back-off' } } },
  ],
  [
    'a deactivated account that was replaced',
    deactivated,
    { account: 'https://ca.test/a/2' },
    {},
    { action: 'take-lease', aim: 'certificate' },
  ],
  [
    'other settings by flags',
    testLineage,
    { origin: 'command-line', wanted: withTarget },
    {},
    { action: 'ask-first', about: 'settings', job: { wanted: withTarget }, before: testSpec },
  ],
  [
    'other settings by flags, checked',
    testLineage,
    { origin: 'command-line', wanted: withTarget },
    { isChecked: true },
    { action: 'take-lease', aim: 'delivery' },
  ],
  [
    'the same settings by flags, of a certificate that was declared',
    testLineage,
    { origin: 'command-line' },
    {},
    { action: 'take-lease', aim: 'delivery', plan: { action: 'none' } },
  ],
  // Hooks of the run are settings of the certificates that it renews.
  [
    'a hook of the run, and due',
    due,
    { hooks },
    {},
    { action: 'take-lease', aim: 'certificate', job: { replacesDeclaredHooks: true } },
  ],
  ['a hook of the run, and not due', testLineage, { hooks }, {}, { action: 'nothing', job: { wanted: testSpec } }],
];

describe('what to do now about one certificate', () => {
  it.each(cases)('%s', (_what, lineage, own, known, decision) => {
    const unknown = {
      isChecked: false,
      caHold: undefined,
      isDown: false,
      rollover: undefined,
      limit: undefined,
      node: 'here',
    };
    expect(decide({ ...job, ...own }, { ...unknown, lineage, now, ...known })).toMatchObject(decision);
  });
});
