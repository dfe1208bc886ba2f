import type { AdapterSettings, AdapterTraits, StoredSpec } from '../spec/spec.ts';
import { present } from '../text/present.ts';
import type { Lineage } from './lineage.ts';

// A valid, delivered certificate for the unit tests of this folder. Product code does not import it.

export const testSpec = {
  name: 'abc',
  identifiers: [{ type: 'dns', value: 'abc.example.com' }],
  issuer: { name: 'le', settings: { directory: 'https://ca.test/dir', email: [], agreeToTerms: true, test: true } },
  parts: [{ solver: { name: 'web', settings: { type: 'http01-webroot' } } }],
  targets: [{ name: 'edge', settings: { type: 'files' } }],
  endpoints: [],
  preflight: { resolvers: [], http01Port: 80 },
} as const satisfies StoredSpec;

/** A spec with one solver for all of its names. */
export const withSolver = (
  spec: StoredSpec,
  settings: AdapterSettings,
  name = 'web',
  traits?: AdapterTraits,
): StoredSpec => ({
  ...spec,
  parts: [{ solver: { name, settings, ...present({ traits }) } }],
});

/** A spec with other names, all for its first solver. */
export const withNames = (spec: StoredSpec, names: readonly string[]): StoredSpec => {
  const identifiers = names.map((value) => ({ type: 'dns', value }) as const);
  return { ...spec, identifiers, parts: spec.parts.slice(0, 1).map(({ solver }) => ({ solver })) };
};

export const testLineage = {
  schema: 1,
  name: 'abc',
  origin: 'configuration',
  spec: testSpec,
  current: {
    id: 'v1',
    directory: 'https://ca.test/dir',
    accountUrl: 'https://ca.test/a/1',
    issuedAt: '2026-02-01T00:00:00Z',
    facts: {
      identifiers: [{ type: 'dns', value: 'abc.example.com' }],
      notBefore: '2026-02-01T00:00:00Z',
      notAfter: '2026-05-01T00:00:00Z',
      serial: '01',
      fingerprint: 'f',
      spkiFingerprint: 's',
      issuerName: 'CA',
    },
  },
  renewal: { at: '2026-04-01T00:00:00.000Z', source: 'lifetime', checkAfter: '2026-03-02T00:00:00.000Z' },
  deployments: { edge: { version: 'v1', state: 'current', since: '2026-02-01T00:00:00Z' } },
} as const satisfies Lineage;
