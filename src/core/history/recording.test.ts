import { describe, expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import type { Lineage } from '../lineage/lineage.ts';
import type { Event } from '../plan/event.ts';
import { present } from '../text/present.ts';
import { acted, begun, delivered, type End, entryOf, heard, newRecording, type Recording } from './recording.ts';
import type { RunEntry } from './run-entry.ts';

const start = Date.parse('2026-11-24T10:00:00Z');
const moment = (ms: number) => ({ at: new Date(start + ms).toISOString(), ms });
const facts = { id: 'r1', trigger: 'renew', node: 'a', process: 'command' } as const;

type Told = readonly [ms: number, event: Event['event'], data?: Event['data'], message?: string];

const eventOf = ([ms, event, data, message = `${event} happened`]: Told): Event => ({
  ...{ v: 1, time: moment(ms).at, level: 'info', certificate: 'abc', event, message },
  ...present({ data }),
});

function run(told: readonly Told[], found?: Partial<Lineage>, end?: End): RunEntry | undefined {
  const first = begun(
    newRecording(moment(0)),
    { found: found as Lineage | undefined, step: 'lease', forced: false },
    moment(0),
  );
  const last = told.reduce<Recording>((before, one) => heard(before, eventOf(one), moment(one[0])) ?? before, first);
  return entryOf(last, facts, end, moment(10_000));
}

const step = (ms: number, name: string): Told => [ms, 'certificate.step', { step: name }];
const issued: readonly Told[] = [
  ...[step(0, 'lease'), step(1_000, 'order'), step(1_500, 'challenges'), step(3_000, 'validate')],
  ...[
    step(7_000, 'finalize'),
    [8_000, 'certificate.issued', { version: 'v2' }, 'issued'] as Told,
    step(8_000, 'deploy'),
  ],
];
const has: Told = [9_000, 'certificate.deployed', { targets: ['nginx', 'www.test:443'] }];
const lacks: Told = [9_000, 'certificate.pending', { target: 'nginx', code: 'deploy/target-failed' }, 'no reload'];

describe('the entry of a run', () => {
  it.each<[string, RunEntry | undefined, Partial<RunEntry> | undefined]>([
    [
      'that issued and delivered',
      run([...issued, has]),
      {
        ...{ result: 'done', did: ['issued', 'delivered'], version: 'v2', message: 'issued', ms: 10_000 },
        steps: [
          ...([
            ['lease', 1_000],
            ['order', 500],
            ['challenges', 1_500],
            ['validate', 4_000],
          ] as const),
          ...([
            ['finalize', 1_000],
            ['deploy', 2_000],
          ] as const),
        ].map(([name, ms]) => ({ step: name, ms })),
        targets: [
          { target: 'nginx', result: 'delivered' },
          { target: 'www.test:443', result: 'delivered' },
        ],
      },
    ],
    ['that renewed', run([...issued, has], { current: {} as never }), { did: ['renewed', 'delivered'] }],
    [
      'that could not deliver',
      run([...issued, lacks]),
      {
        ...{ result: 'pending', did: ['issued'], code: 'deploy/target-failed', message: 'no reload' },
        targets: [{ target: 'nginx', result: 'pending', code: 'deploy/target-failed', message: 'no reload' }],
      },
    ],
    ['that did nothing', run([step(0, 'lease'), [1, 'log']]), undefined],
    ['that only found its certificate current', run([[1, 'renewal.scheduled']]), undefined],
    [
      'that was stopped while it ordered',
      run(issued.slice(0, 3), undefined, 'stopped'),
      { result: 'stopped', did: [] },
    ],
    ['that was stopped before it ordered', run(issued.slice(0, 1), undefined, 'stopped'), undefined],
    [
      'that goes on after a killed process',
      run([...issued, has], {
        work: {
          ...{ step: 'challenges', startedAt: moment(-5).at, version: 'v2', directory: '', challenges: [] },
          lease: {
            id: 'l',
            holder: { bootId: 'b', pidNamespace: 'n', pid: 32, startTime: '1', host: 'node-a' },
          },
        },
      }),
      { continued: { step: 'challenges', startedAt: moment(-5).at, cutOff: '32 on node-a' } },
    ],
    [
      'that went back',
      run([[1, 'certificate.rolled-back', { from: 'v2', to: 'v1' }], has]),
      { did: ['rolled-back', 'delivered'], version: 'v1' },
    ],
    ['that revoked and renewed', run([[1, 'certificate.revoked'], ...issued]), { did: ['revoked', 'issued'] }],
  ])('%s', (_what, entry, expected) => {
    if (expected) expect(entry).toMatchObject(expected);
    else expect(entry).toBeUndefined();
  });

  it('has the code with its parameters, and the words of the CA', () => {
    const subproblems = [
      { type: 'x', detail: 'no CAA', identifier: { type: 'dns', value: 'a.test' }, subproblems: [] },
    ];
    const problem = {
      type: 'urn:ietf:params:acme:error:unauthorized',
      detail: `bad\u001b[31m ${'x'.repeat(5_000)}`,
      subproblems,
    };
    const error = fail('acme/busy', { issuer: 'le', what: 'a new order', status: '500' }, { problem });
    const { message, code } = error;
    const entry = run([...issued.slice(0, 3), [2_000, 'certificate.failed', { code }, message]], undefined, {
      certificate: 'abc',
      result: 'failed',
      message,
      error,
    })!;
    expect(entry).toMatchObject({
      result: 'failed',
      code,
      params: { issuer: 'le', what: 'a new order', status: '500' },
    });
    expect(entry.caSays).toMatch(/^urn:ietf:params:acme:error:unauthorized; bad .*…$/);
    expect(entry.caSays!.length).toBeLessThanOrEqual(1_000);
    expect(entry.caSays).not.toContain('\u001b');
  });

  it('names the targets that have it beside one that lacks it', () => {
    const deployment = (state: 'current' | 'pending') => ({ version: 'v2', state, since: moment(0).at });
    const recording = heard(newRecording(moment(0)), eventOf(lacks), moment(1))!;
    const entry = entryOf(
      delivered(recording, { nginx: deployment('pending'), files: deployment('current') }),
      facts,
      undefined,
      moment(2),
    );
    expect(entry).toMatchObject({ result: 'pending', did: ['delivered'] });
    expect(entry?.targets.map(({ target, result }) => [target, result])).toEqual([
      ['nginx', 'pending'],
      ['files', 'delivered'],
    ]);
  });

  it('begins only with something that was done', () => {
    const told: readonly Told[] = [step(0, 'lease'), [0, 'certificate.failed', { code: 'store/busy' }], [0, 'log']];
    for (const one of told) expect(heard(undefined, eventOf(one), moment(0))).toBeUndefined();
    expect(heard(undefined, eventOf(has), moment(0))).toBeDefined();
    const imported = acted(newRecording(moment(0)), 'imported', 'imported from certbot');
    expect(entryOf(imported, facts, undefined, moment(1))).toMatchObject({ did: ['imported'], result: 'done' });
  });
});
