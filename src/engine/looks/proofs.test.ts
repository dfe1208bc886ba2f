import { expect, it } from 'vitest';
import type { StoredSpec } from '../../core/spec/spec.ts';
import type { Directory } from '../../ports/issuer.ts';
import type { Solver } from '../../ports/solver.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import type { CaaFinding, Engine } from '../engine.ts';
import { createMemory } from '../memory/memory.ts';
import { newPass } from '../memory/pass.ts';
import { lookAtProofs } from './proofs.ts';

const spec = {
  name: 'a',
  identifiers: ['a.example', '*.a.example'].map((value) => ({ type: 'dns', value })),
  issuer: { name: 'ca', settings: { directory: 'https://ca.test/dir', email: [], agreeToTerms: true } },
  parts: [{ solver: { name: 'dns', settings: { type: 'dns01' } } }],
  preflight: { resolvers: [], http01Port: 80 },
} as unknown as StoredSpec;

interface Given {
  readonly directory?: Partial<Directory> | 'silent';
  readonly caa?: CaaFinding['verdict'] | Error;
  /** Whether the solver’s path is seen only after a long time. */
  readonly isSlow?: boolean;
  readonly wanted?: StoredSpec;
}

/** What was found: the hops of the CA, then of each name. */
async function looked({ directory = {}, caa = 'pass', isSlow = false, wanted = spec }: Given) {
  const clock = fakeClock();
  const forEver = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const issuer = {
    name: 'ca',
    directoryUrl: 'https://ca.test/dir',
    directory: (signal: AbortSignal) =>
      directory === 'silent'
        ? forEver(signal)
        : Promise.resolve({ caaIdentities: ['ca.test'], profiles: {}, externalAccountRequired: false, ...directory }),
  };
  const solver: Solver = {
    type: 'dns01',
    answers: ['dns-01'],
    present: async () => null,
    ready: async () => ({ ready: true }),
    cleanup: async () => {},
    describePath: (_identifier, signal) =>
      isSlow
        ? forEver(signal)
        : Promise.resolve({ hops: [{ at: 'zone', state: 'well', finding: 'it is in the zone a.example' }] }),
  };
  const asked: object[] = [];
  const memory = createMemory(clock);
  const looks = {
    asTheCa: false,
    caa: async (question: object) => {
      asked.push(question);
      if (caa instanceof Error) throw caa;
      return { verdict: caa, finding: `CAA says ${caa}` };
    },
  };
  const engine = {
    clock,
    store: createMemoryStore(),
    ...{ memory, pass: newPass('pass', clock, memory) },
    reporter: { report() {} },
    connect: { looks: () => looks, solver: async () => solver, issuer: () => issuer },
  } as unknown as Engine;
  const finding = lookAtProofs(engine, wanted, 10_000, new AbortController().signal);
  const { ca, names } = await clock.passWhile(finding);
  const brief = (hops: readonly { readonly at: string; readonly state: string; readonly code?: string }[]) =>
    hops.map(({ at, state, code }) => [at, state, code].filter(Boolean).join(' '));
  return { ca: brief(ca), names: names.map(({ hops }) => brief(hops)), asked };
}

const both = (...hops: readonly string[]) => [hops, hops];
const profiled = { ...spec, profile: 'short' };

it.each<readonly [string, Given, readonly string[], readonly (readonly string[])[]]>([
  ['all is well', {}, [], both('caa well', 'zone well')],
  ['CAA forbids it', { caa: 'no' }, [], both('caa broken preflight/no', 'zone well')],
  ['CAA cannot be read', { caa: new Error('no answer') }, [], both('caa cannot-tell', 'zone well')],
  ['the CA has no name in CAA records', { directory: { caaIdentities: [] } }, [], both('zone well')],
  [
    'the CA wants an external account',
    { directory: { externalAccountRequired: true } },
    ['ca broken acme/external-account-required'],
    both('zone well'),
  ],
  [
    'the CA has no such profile',
    { directory: { profiles: { long: '' } }, wanted: profiled },
    ['ca broken config/unknown-profile'],
    both('zone well'),
  ],
  ['the CA is silent', { directory: 'silent' }, ['ca cannot-tell'], both('zone well')],
  ['the proof takes too long', { isSlow: true }, [], both('caa well', 'solver cannot-tell')],
])('%s', async (_title, given, ca, names) => {
  const found = await looked(given);
  expect(found.ca).toEqual(ca);
  expect(found.names).toEqual(names);
});

it('asks CAA for the name below a wildcard', async () => {
  const { asked } = await looked({});
  expect(asked).toEqual([
    expect.objectContaining({ name: 'a.example', wildcard: false, challengeTypes: ['dns-01'] }),
    expect.objectContaining({ name: 'a.example', wildcard: true, challengeTypes: ['dns-01'] }),
  ]);
});
