import { describe, expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import type { StoredSpec } from '../spec/spec.ts';
import {
  breakAgainMs,
  deploymentAfter,
  hasCurrent,
  hasOtherSettings,
  hasSuperseded,
  intended,
  knowsSent,
  nextReloadAt,
  nextTryAt,
  settingsOf,
  supersededAt,
  targetsDropped,
  targetsToDeploy,
  targetsToTry,
  withoutSent,
  withSent,
} from './deployments.ts';
import type { Deployment, Lineage, Sent } from './lineage.ts';
import { testLineage, testSpec } from './test-lineages.ts';

const now = new Date('2026-03-01T00:00:00Z');
const minutesOn = (minutes: number): Date => new Date(now.getTime() + minutes * 60_000);
const endpoint = 'www.example.com:443';
const targetsNamed = (...names: readonly string[]) =>
  names.map((name) => ({
    name,
    settings: name === 'reload' ? { type: 'command' } : { type: 'files', path: '/etc/b' },
  }));
const wanted: StoredSpec = {
  ...testSpec,
  targets: targetsNamed('edge', 'reload'),
  endpoints: [endpoint],
};
const settings = '{"path":"/etc/b","type":"files"}';
const current: Deployment = { version: 'v1', state: 'current', since: '2026-02-01T00:00:00Z' };
const pending: Deployment = { ...current, state: 'pending' };
const paused: Deployment = { ...pending, retryAt: minutesOn(10).toISOString() };
const lineageWith = (deployments: Readonly<Record<string, Deployment>>): Lineage => ({
  ...testLineage,
  spec: wanted,
  deployments: { edge: current, reload: current, [endpoint]: current, ...deployments },
});

describe('the settings of a target', () => {
  it('are the same in any order, and an endpoint has none', () => {
    const turned = { ...wanted, deployers: { edge: { path: '/etc/b', type: 'files' } } };
    expect([settingsOf(wanted, 'edge'), settingsOf(turned, 'edge')]).toEqual([settings, settings]);
    expect(settingsOf(wanted, endpoint)).toBeUndefined();
  });

  it.each<[string, Deployment, boolean]>([
    ['the same', { ...current, settings }, false],
    ['others', { ...current, settings: '{"path":"/etc/a","type":"files"}' }, true],
    ['none, as an endpoint', current, false],
  ])('a deployment had %s', (_what, deployment, expected) => {
    expect(hasOtherSettings(wanted, 'edge', deployment)).toBe(expected);
  });
});

describe('targetsToDeploy and targetsToTry', () => {
  const others = '{"path":"/etc/a","type":"files"}';
  const waiting: Deployment = { ...pending, waitsFor: ['edge'] };
  it.each<[string, Readonly<Record<string, Deployment>>, readonly string[], readonly string[]]>([
    ['nothing where all have it', {}, [], []],
    ['what has another version', { edge: { ...current, version: 'v0' } }, ['edge'], ['edge']],
    ['what may have it', { edge: { ...current, state: 'intended' } }, ['edge'], ['edge']],
    ['what is pending', { edge: pending, [endpoint]: pending }, ['edge', endpoint], ['edge', endpoint]],
    ['what has it with other settings', { edge: { ...current, settings: others } }, ['edge'], ['edge']],
    ['not what is paused', { edge: paused, [endpoint]: pending }, ['edge', endpoint], [endpoint]],
    ['what was paused with other settings', { edge: { ...paused, settings: others } }, ['edge'], ['edge']],
    [
      'what was paused by a clock that was ahead',
      { edge: { ...paused, retryAt: '2028-01-01T00:00:00Z' } },
      ['edge'],
      ['edge'],
    ],
    ['what was paused until now', { edge: { ...paused, retryAt: now.toISOString() } }, ['edge'], ['edge']],
    [
      'a command with the target that it waits for',
      { edge: pending, reload: waiting },
      ['edge', 'reload'],
      ['edge', 'reload'],
    ],
    ['no command whose target is paused', { edge: paused, reload: waiting }, ['edge', 'reload'], []],
    ['a command whose target has it by now', { reload: waiting }, ['reload'], ['reload']],
    ['no command that is paused itself', { reload: { ...waiting, ...paused } }, ['reload'], []],
  ])('%s', (_what, deployments, toDeploy, toTry) => {
    const lineage = lineageWith(deployments);
    expect(targetsToDeploy(wanted, lineage)).toEqual(toDeploy);
    expect(targetsToTry(wanted, lineage, now, { obeyBackoff: true })).toEqual(toTry);
    expect(targetsToTry(wanted, lineage, now, { obeyBackoff: false }), 'by hand').toEqual(toDeploy);
  });

  it('include a command as soon as one of the targets that it waits for may change', () => {
    const more = { ...wanted, targets: targetsNamed('edge', 'more', 'reload'), endpoints: [] };
    const lineage = lineageWith({ edge: paused, more: pending, reload: { ...pending, waitsFor: ['edge', 'more'] } });
    expect(targetsToTry(more, lineage, now, { obeyBackoff: true })).toEqual(['more', 'reload']);
  });

  it('are all that are wanted and new, none that is wanted no longer, and none without a certificate', () => {
    const lineage = lineageWith({ gone: pending });
    const more = { ...wanted, targets: targetsNamed('edge', 'new', 'reload') };
    expect(targetsToDeploy(more, lineage)).toEqual(['new']);
    const { current: _none, ...missing } = lineage;
    for (const one of [undefined, missing]) expect(targetsToDeploy(wanted, one)).toEqual([]);
  });

  it('hasCurrent is about the current version', () => {
    const lineage = lineageWith({ edge: { ...current, version: 'v0' }, [endpoint]: pending });
    expect(['edge', 'reload', endpoint, 'other'].map((target) => hasCurrent(lineage, target))).toEqual([
      ...[false, true, false, false],
    ]);
  });
});

describe('the pauses of what is pending', () => {
  it.each([
    [0, undefined],
    [9, undefined],
    [10, 1],
    [60, 6],
    [600, 60],
    [6_000, 60],
  ])('a target that has been late for %d minutes is tried again after %s', (lateMinutes, pauseMinutes) => {
    const at = pauseMinutes === undefined ? undefined : minutesOn(pauseMinutes).toISOString();
    expect(nextTryAt(minutesOn(-lateMinutes), now)).toBe(at);
  });

  it.each([
    ['at the next pass', 1, -1, undefined],
    ['a minute later', 2, -1, 1],
    ['ten minutes later', 3, -1, 10],
    ['an hour later', 4, -1, 60],
    ['an hour later, always', 9, -1, 60],
    ['no later than the alarm is due', 4, 7, 7],
    ['before it is due', 2, 7, 1],
  ])('an endpoint that serves the old one has it activated again %s', (_when, tries, lateIn, pauseMinutes) => {
    const at = pauseMinutes === undefined ? undefined : minutesOn(pauseMinutes).toISOString();
    expect(nextReloadAt(tries, minutesOn(lateIn), now)).toBe(at);
  });
});

describe('intended', () => {
  const since = now.toISOString();
  it.each<[string, Deployment | undefined, Deployment]>([
    ['is new for a target that had another version', current, { version: 'v2', state: 'intended', since }],
    ['is new for a new target', undefined, { version: 'v2', state: 'intended', since }],
    [
      'starts again where it was interrupted',
      { ...current, version: 'v2', state: 'intended' },
      { version: 'v2', state: 'intended', since },
    ],
    ['leaves what is known for this version', { ...pending, version: 'v2' }, { ...pending, version: 'v2' }],
    [
      'keeps what a command has run for',
      { ...current, took: { edge: 'v1' } },
      { version: 'v2', state: 'intended', since, took: { edge: 'v1' } },
    ],
  ])('%s', (_what, before, expected) => {
    const lineage = { ...testLineage, deployments: before ? { edge: before } : {} };
    const only = { ...wanted, targets: wanted.targets.slice(0, 1), endpoints: [] };
    expect(intended(lineage, only, 'v2', now)).toEqual({ edge: expected });
  });

  it('stands for every target and endpoint, and no other', () => {
    expect(Object.keys(intended(lineageWith({ gone: current }), wanted, 'v2', now))).toEqual([
      ...['edge', 'reload', endpoint],
    ]);
  });
});

describe('what a target was sent', () => {
  const sentOf = (version: string): Sent => ({ version, receipt: { id: `cert-${version}` } });
  const [v0, v1, v2] = [sentOf('v0'), sentOf('v1'), sentOf('v2')];
  it.each<[string, readonly Sent[], Sent, readonly Sent[]]>([
    ['the first', [], v1, [v1]],
    ['another version', [v0], v1, [v0, v1]],
    ['the same again', [v0, v1], v1, [v0, v1]],
    ['the version before, to go back', [v0, v1], v0, [v1, v0]],
    ['the same version elsewhere', [v0, { ...v1, receipt: 'draft' }], v1, [v0, v1]],
    ['another version in place', [v0], { ...v0, version: 'v1' }, [{ ...v0, version: 'v1' }]],
  ])('is known after %s', (_what, sent, next, expected) => {
    const before = sent.length > 0 ? { ...current, sent } : current;
    expect(withSent(before, next, now)).toEqual({ ...current, sent: expected });
    const lineage = lineageWith({ edge: before });
    expect(knowsSent(lineage, { target: 'edge', ...next })).toBe(sent.some((one) => one === next));
  });

  it('of the current version and the one before stays; what is older goes', () => {
    const deployments = { edge: { ...current, sent: [v0, v1, v2] } };
    const lineage = { deployments, current: { ...testLineage.current, id: 'v2' }, previous: testLineage.current };
    expect(supersededAt(lineage, 'edge')).toEqual([v0]);
    expect(supersededAt(lineage, 'reload')).toEqual([]);
    const tried = [v0];
    expect(withoutSent(deployments.edge, { tried, gone: [v0], now })).toEqual({ ...current, sent: [v1, v2] });
    expect(withoutSent({ ...current, sent: [v0] }, { tried, gone: [v0], now })).toEqual(current);
    const kept = { ...v0, keptAt: now.toISOString() };
    expect(withoutSent(deployments.edge, { tried, gone: [], now })).toEqual({ ...current, sent: [kept, v1, v2] });
  });

  it.each<[string, Partial<Deployment>, Date, boolean]>([
    ['is due', {}, now, true],
    [
      'waits a day after a removal that failed',
      { sent: [{ ...v0, keptAt: now.toISOString() }] },
      minutesOn(1_439),
      false,
    ],
    ['is due again then', { sent: [{ ...v0, keptAt: now.toISOString() }] }, minutesOn(1_440), true],
    ['is due if it failed while the clock was wrong', { sent: [{ ...v0, keptAt: '2027-03-01T00:00:00Z' }] }, now, true],
    ['waits for a target that lacks the version', { state: 'pending' }, now, false],
    ['is nothing', { sent: [v2] }, now, false],
  ])('and is superseded %s', (_what, change, at, expected) => {
    const edge: Deployment = { version: 'v2', state: 'current', since: '', sent: [v0], ...change };
    const others = { reload: { ...current, version: 'v2' }, [endpoint]: { ...current, version: 'v2' } };
    const lineage = { ...lineageWith({ edge, ...others }), current: { ...testLineage.current, id: 'v2' } };
    expect(hasSuperseded({ ...lineage, previous: testLineage.current }, at)).toBe(expected);
  });

  it('stays known, no matter how a delivery ends', () => {
    const old = { ...current, sent: [v1] };
    expect(intended(lineageWith({ edge: old }), wanted, 'v2', now)['edge']?.sent).toEqual([v1]);
    const facts = { old, version: 'v2', settings, now, deployTimeoutMs: 0, wentBack: undefined };
    for (const result of [{}, { error: fail('deploy/too-slow', { target: 'edge', certificate: 'abc', seconds: 60 }) }])
      expect(deploymentAfter(result, facts).sent).toEqual([v1]);
  });
});

it('targetsDropped are those of the last spec that are wanted no longer', () => {
  const less = { ...wanted, targets: targetsNamed('reload', 'new') };
  expect(targetsDropped(lineageWith({}), less)).toEqual(['edge']);
});

describe('deploymentAfter', () => {
  const error = fail('deploy/still-old', { endpoint, certificate: 'abc', served: 'serial 01' });
  const facts = {
    ...{ old: undefined, version: 'v1', settings: undefined, now, deployTimeoutMs: 30 * 60_000, wentBack: undefined },
  };
  const [isNow, since, late] = [0, -20, -30].map((minutes) => minutesOn(minutes).toISOString()) as [
    string,
    string,
    string,
  ];
  const has = { version: 'v1', state: 'current', since: isNow };
  const words = { params: error.params, code: error.code };
  const lacks = { version: 'v1', state: 'pending', since: isNow, ...words, tries: 1 };
  const failing: Deployment = { version: 'v1', state: 'pending', since, tries: 1 };
  const again = (minutes: number) => ({ retryAt: minutesOn(minutes).toISOString() });

  const soon = minutesOn(15).toISOString();
  const settling = fail('deploy/settling', { target: 'edge', certificate: 'abc', detail: 'a, b', until: soon });
  const { params, code } = settling;
  const rolling = { version: 'v1', state: 'pending', since: isNow, params, code, settlesUntil: soon };
  const places = { total: 2, lacking: 1, named: [] };

  it.each<[string, Parameters<typeof deploymentAfter>[0], Partial<Parameters<typeof deploymentAfter>[1]>, object]>([
    ['has it from now on', {}, {}, has],
    ['has it since then', {}, { old: current }, current],
    [
      'has it with other settings from now on',
      {},
      { old: { ...current, settings: '{}' }, settings },
      { ...has, settings },
    ],
    ['has it from now on, and was pending', {}, { old: failing }, has],
    ['has it with these settings', {}, { settings }, { ...has, settings }],
    ['lacks it from now on', { error }, {}, lacks],
    ['lacks it from now on, and had it', { error }, { old: current }, lacks],
    ['lacks it since then', { error }, { old: failing }, { ...lacks, since, tries: 2, ...again(1) }],
    ['counts anew for another version', { error }, { old: { ...failing, version: 'v0', tries: 7 } }, lacks],
    ['lacks it since its intent', { error }, { old: { version: 'v1', state: 'intended', since } }, { ...lacks, since }],
    [
      'waits a tenth of its time',
      { error },
      { old: failing, settings },
      { ...lacks, since, settings, tries: 2, ...again(2) },
    ],
    [
      'is an alarm once it is late',
      { error },
      { old: { ...failing, since: late, tries: 2 } },
      { ...lacks, since: late, tries: 3, ...again(10), alarmed: true },
    ],
    [
      'is an alarm and left alone for a day where it broke a handshake',
      { error },
      { wentBack: 'done' },
      { ...lacks, ...again(breakAgainMs / 60_000), alarmed: true },
    ],
    [
      'is an alarm, and looked at by the next pass, if going back failed',
      { error, broke: true },
      { old: { ...failing, tries: 2 }, wentBack: 'failed' },
      { ...lacks, since, tries: 3, broke: true, retryAt: undefined, alarmed: true },
    ],
    [
      'waits for the targets before it',
      { waitsFor: ['edge'], took: { other: 'v1' } },
      { settings },
      { ...has, state: 'pending', settings, waitsFor: ['edge'], took: { other: 'v1' }, message: 'waiting for edge' },
    ],
    ['failed rather than waits', { error, waitsFor: ['edge'] }, {}, lacks],
    ['is rolling it out, which is no failure', { settling, settlesUntil: soon }, {}, rolling],
    [
      'is rolling it out after a failure, whose time and alarm stay',
      { settling, settlesUntil: soon },
      { old: { ...failing, since: late, alarmed: true } },
      { ...rolling, since: late, tries: 1, alarmed: true },
    ],
    ['has it, and its servers may need a while', { settlesUntil: soon }, {}, { ...has, settlesUntil: soon }],
    ['has it, and its time is over', { settlesUntil: isNow }, {}, has],
    [
      'keeps how many places it has',
      { error },
      { old: { ...failing, places } },
      { ...lacks, since, tries: 2, ...again(1), places },
    ],
    ['forgets the places of another version', { error }, { old: { ...failing, version: 'v0', places } }, lacks],
    [
      'keeps that it broke a handshake',
      { settling },
      { old: { ...failing, broke: true } },
      { ...rolling, since, tries: 1, broke: true, settlesUntil: undefined },
    ],
    ['forgets that once it is well', {}, { old: { ...failing, broke: true } }, has],
    [
      'forgets that once the version is taken back',
      { error },
      { old: { ...failing, broke: true }, wentBack: 'done' },
      { ...lacks, since, tries: 2, ...again(breakAgainMs / 60_000), alarmed: true },
    ],
  ])('a target %s', (_what, result, more, expected) => {
    expect(deploymentAfter(result, { ...facts, ...more })).toEqual(expected);
  });
});
