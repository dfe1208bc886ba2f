import { describe, expect, it } from 'vitest';
import type { Work } from '../lineage/lineage.ts';
import { testSpec } from '../lineage/test-lineages.ts';
import { bySolver, nameOfPresented, owedBy, ruleStays, tombstoneOf } from '../lineage/tombstones.ts';
import { isByHand } from './by-hand.ts';
import type { CertificateSpec, StoredSpec } from './spec.ts';
import { partFor, partsOf, solverSettings, solversFor } from './spec-parts.ts';

const [web, dns, lb] = [{ type: 'http01-webroot' }, { type: 'dns01', provider: 'p' }, { type: 'http01-forward-rule' }];
const name = (value: string) => ({ type: 'dns', value }) as const;
const names = ['example.com', '*.example.com', 'www.example.net', '*.example.org'];
const spec: CertificateSpec = {
  ...testSpec.spec,
  identifiers: names.map(name),
  solver: 'web',
  solvers: { '*.example.com': 'dns', 'www.example.net': 'lb', '*.example.org': 'dns' },
};
const stored: StoredSpec = { ...testSpec, spec, solver: web, solvers: { dns, lb } };
const { preflight } = stored;
const by = (solver: 'web' | 'dns' | 'lb') => ({ name: solver, solver: { web, dns, lb }[solver], preflight });

describe('a certificate with several solvers', () => {
  it('has a part for each, with its identifiers', () => {
    const seen = partsOf(stored).map((part) => [part.spec.solver, part.solver, part.spec.identifiers]);
    expect(seen).toEqual([
      ['web', web, [name('example.com')]],
      ['dns', dns, [name('*.example.com'), name('*.example.org')]],
      ['lb', lb, [name('www.example.net')]],
    ]);
    for (const part of partsOf(stored)) {
      expect([part.solvers, part.spec.solvers]).toEqual([undefined, undefined]);
      expect(partsOf(part)).toEqual([part]);
    }
    expect(partsOf(testSpec)).toEqual([testSpec]);
    expect(ruleStays(stored)).toBe(true);
  });

  it.each([
    ['example.com', 'web'],
    ['*.example.com', 'dns'],
    // A CA may leave out the `*.`.
    ['example.org', 'dns'],
    ['www.example.net', 'lb'],
  ])('answers for %s with %s', (value, solver) => {
    expect(partFor(stored, value).spec.solver).toBe(solver);
  });

  it('fails for a solver without settings', () => {
    expect(() => partsOf({ ...stored, solvers: { lb } })).toThrow('the settings of abc lack the solver dns');
    expect(() => solverSettings(spec, { web, dns })).toThrow('the settings of abc lack the solver lb');
  });

  it('owes each solver its probe and its challenges, and their tombstones name it', () => {
    const challenges = [
      { type: 'http-01', identifier: 'example.com', token: 'a' },
      { type: 'dns-01', identifier: '*.example.com', token: 'b' },
    ] as const;
    const work: Work = { step: 'challenges', version: 'v', directory: 'd', startedAt: '', challenges, probe: 'ours' };
    const owed = owedBy({ name: 'abc', spec: stored, work });
    expect(owed.map((one) => nameOfPresented(one, stored))).toEqual([
      'the probe',
      'the probe',
      'the forward rule',
      'the http-01 challenge of example.com',
      'the dns-01 challenge of *.example.com',
    ]);
    const stones = owed.map((one) => tombstoneOf(stored, one, new Date(0)));
    expect(stones.map((stone) => stone.by)).toEqual([by('web'), by('dns'), by('lb'), by('web'), by('dns')]);
    const groups = bySolver(stored, owed).map(([part, theirs]) => [part.spec.solver, part.solver, theirs.length]);
    expect(groups).toEqual([
      ['web', web, 2],
      ['dns', dns, 2],
      ['lb', lb, 1],
    ]);
    // A later spec has other solvers; the tombstones keep theirs.
    const today = { ...testSpec, spec: { ...spec, solver: 'new', solvers: { '*.example.com': 'other' } } };
    expect(bySolver(today, stones).map(([part]) => part.solver)).toEqual([web, dns, lb]);
  });
});

it.each([
  ['none', ['a.test'], { solver: 'web' }, { solver: 'web' }],
  ['what is gone', ['a.test'], { solver: 'web', solvers: { 'b.test': 'dns' } }, { solver: 'web' }],
  ['the default, named again', ['a.test'], { solver: 'web', solvers: { 'a.test': 'web' } }, { solver: 'web' }],
  [
    'one for all',
    ['a.test', 'b.test'],
    { solver: 'web', solvers: { 'a.test': 'dns', 'b.test': 'dns' } },
    { solver: 'dns' },
  ],
  [
    'two, and a default that is not used',
    ['a.test', 'b.test'],
    { solver: 'web', solvers: { 'a.test': 'dns', 'b.test': 'lb' } },
    { solver: 'dns', solvers: { 'b.test': 'lb' } },
  ],
  [
    'one beside the default',
    ['a.test', 'b.test'],
    { solver: 'web', solvers: { 'b.test': 'lb' } },
    { solver: 'web', solvers: { 'b.test': 'lb' } },
  ],
])('the solvers of identifiers: %s', (_what, identifiers, given, expected) => {
  expect(solversFor(identifiers.map(name), given)).toEqual(expected);
});

it.each([
  [false, web],
  [true, { type: 'dns01', provider: 'manual' }],
  [false, { type: 'dns01', provider: 'p', zoneSolvers: { other: dns } }],
  [true, { type: 'dns01', provider: 'p', zoneSolvers: { other: { type: 'dns01', provider: 'manual' } } }],
])('needs a person at a terminal: %s, for %j in one of its parts', (expected, solver) => {
  expect(isByHand({ ...stored, solvers: { dns: solver, lb } })).toBe(expected);
});
