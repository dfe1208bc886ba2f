import { describe, expect, it } from 'vitest';
import type { Work } from '../lineage/lineage.ts';
import { testSpec } from '../lineage/test-lineages.ts';
import { bySolver, nameOfPresented, owedBy, ruleStays, tombstoneOf } from '../lineage/tombstones.ts';
import { isByHand } from './by-hand.ts';
import type { AdapterTraits, CertificateSpec, StoredSpec } from './spec.ts';
import { declaredAs, namedAdapters, partFor, partsFrom, partsOf, solversFor, withIdentifiers } from './spec-parts.ts';

const [web, dns, lb] = [{ type: 'http01-webroot' }, { type: 'dns01', provider: 'p' }, { type: 'http01-forward-rule' }];
const declared = {
  web: { name: 'web', settings: web },
  dns: { name: 'dns', settings: dns, traits: { preparesNothing: true } as const },
  lb: { name: 'lb', settings: lb, traits: { rule: 'removed' } as const },
};
const name = (value: string) => ({ type: 'dns', value }) as const;
const names = ['example.com', '*.example.com', 'www.example.net', '*.example.org'];
const spec: CertificateSpec = {
  ...declaredAs(testSpec),
  identifiers: names.map(name),
  solver: 'web',
  solvers: { '*.example.com': 'dns', 'www.example.net': 'lb', '*.example.org': 'dns' },
};
const stored: StoredSpec = { ...testSpec, identifiers: spec.identifiers, parts: partsFrom(spec, declared) };
const { preflight } = stored;
const by = (solver: 'web' | 'dns' | 'lb') => ({ solver: declared[solver], preflight });

describe('a certificate with several solvers', () => {
  it('has a part for each, with its identifiers', () => {
    const seen = partsOf(stored).map(({ solver, identifiers }) => [solver.name, solver.settings, identifiers]);
    expect(seen).toEqual([
      ['web', web, [name('example.com')]],
      ['dns', dns, [name('*.example.com'), name('*.example.org')]],
      ['lb', lb, [name('www.example.net')]],
    ]);
    for (const part of partsOf(stored)) expect(part).toMatchObject({ name: 'abc', preflight });
    expect(ruleStays(stored)).toBe(true);
  });

  it('is declared with the names of its adapters', () => {
    expect(declaredAs(stored)).toEqual(spec);
    expect(declaredAs(testSpec)).toMatchObject({ issuer: 'le', solver: 'web', deploy: ['edge'] });
    expect(declaredAs(testSpec)).not.toHaveProperty('solvers');
  });

  it('stores each name once for the usual solver, and again for another one', () => {
    expect(stored.parts.map(({ identifiers }) => identifiers?.length)).toEqual([undefined, 2, 1]);
    const left = withIdentifiers(stored, ({ value }) => !value.endsWith('example.com'));
    expect(left.parts.map(({ identifiers }) => identifiers?.length)).toEqual([undefined, 1]);
  });

  it('has no part without an identifier', () => {
    const left = withIdentifiers(stored, ({ value }) => !value.endsWith('example.com'));
    expect(left.identifiers).toEqual([name('www.example.net'), name('*.example.org')]);
    expect(partsOf(left).map(({ solver, identifiers }) => [solver.name, identifiers])).toEqual([
      ['dns', [name('*.example.org')]],
      ['lb', [name('www.example.net')]],
    ]);
  });

  it.each([
    ['example.com', 'web'],
    ['*.example.com', 'dns'],
    // A CA may leave out the `*.`.
    ['example.org', 'dns'],
    ['www.example.net', 'lb'],
  ])('answers for %s with %s', (value, solver) => {
    expect(partFor(stored, value).solver.name).toBe(solver);
  });

  it('fails for a solver without settings', () => {
    expect(() => partsFrom(spec, namedAdapters({ web, lb }))).toThrow('the settings of abc lack the solver dns');
    expect(() => partsFrom(spec, namedAdapters({ web, dns }))).toThrow('the settings of abc lack the solver lb');
  });

  it('owes each solver its challenges and the probe that it may have made, and their tombstones name it', () => {
    const challenges = [
      { type: 'http-01', identifier: 'example.com', token: 'a' },
      { type: 'dns-01', identifier: '*.example.com', token: 'b' },
    ] as const;
    const work: Work = { step: 'challenges', version: 'v', directory: 'd', startedAt: '', challenges, probe: 'ours' };
    const owed = owedBy({ name: 'abc', spec: stored, work });
    expect(owed.map((one) => nameOfPresented(one, stored))).toEqual([
      'the probe',
      'the forward rule',
      'the http-01 challenge of example.com',
      'the dns-01 challenge of *.example.com',
    ]);
    const stones = owed.map((one) => tombstoneOf(stored, one, new Date(0)));
    expect(stones.map((stone) => stone.by)).toEqual([by('web'), by('lb'), by('web'), by('dns')]);
    const groups = bySolver(stored, owed).map(([{ solver }, theirs]) => [solver.name, solver.settings, theirs.length]);
    expect(groups).toEqual([
      ['web', web, 2],
      ['lb', lb, 1],
      ['dns', dns, 1],
    ]);
    // A later spec has other solvers; the tombstones keep theirs.
    const named = { solver: 'new', solvers: { '*.example.com': 'other' } };
    const today = { ...stored, parts: partsFrom({ ...spec, ...named }, namedAdapters({ new: lb, other: web })) };
    expect(bySolver(today, stones).map(([part]) => part.solver.settings)).toEqual([web, lb, dns]);
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

it.each<[boolean, AdapterTraits]>([
  [false, {}],
  [true, { person: 'each order' }],
  [false, { person: 'once' }],
])('needs a person at a terminal: %s, for %j in one of its parts', (expected, traits) => {
  const solver = { name: 'dns', settings: dns, traits };
  expect(isByHand({ ...stored, parts: partsFrom(spec, { ...namedAdapters({ web, lb }), dns: solver }) })).toBe(
    expected,
  );
});
