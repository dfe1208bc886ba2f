import { expect, it } from 'vitest';
import type { AddressFinding, Engine } from '../engine.ts';
import { lookAtAll, type Watched } from './endpoints.ts';

const { signal } = new AbortController();
const addresses = (count: number) => Array.from({ length: count }, (_, at) => `192.0.2.${at + 1}`);

/** Looks at one endpoint, with named resolvers that find these addresses, or else with the system's resolver. */
function look(named: Partial<AddressFinding> | undefined, system: readonly string[]) {
  const handshakes: string[] = [];
  const found = { verdict: 'cannot-tell', ipv4: [], ipv6: [], finding: '', ...named } as const;
  const engine = {
    connect: { looks: () => ({ asTheCa: named !== undefined, addresses: async () => found }) },
    clock: { now: () => new Date(0) },
    lookup: async () => system,
    vantage: {
      handshake: async ({ address }: { readonly address: string }) => {
        handshakes.push(address);
        return { certificateDer: new Uint8Array([1]) };
      },
    },
    pki: {
      readChain: () => ({ facts: { fingerprint: 'ab', identifiers: [], serial: '1', notAfter: '', issuerName: 'CA' } }),
    },
  } as unknown as Engine;
  const wanted = { identifiers: [], endpoints: ['WWW.example.test:443'], preflight: {} };
  const watched = { wanted, current: 'ab', previous: undefined } as unknown as Watched;
  return lookAtAll(engine, watched, signal).then(([verdict]) => ({ verdict, handshakes }));
}

it.each([
  ['the system’s resolver finds a few', undefined, addresses(3), 3, undefined],
  ['the system’s resolver finds many', undefined, addresses(100), 16, '84 more addresses were not checked'],
  ['named resolvers find many', { verdict: 'found', ipv4: addresses(16), left: 7 }, [], 16, '7 more addresses were'],
  ['named resolvers find none', {}, addresses(20), 16, '4 more addresses were not checked'],
] as const)('%s: an endpoint is asked at 16 addresses at most', async (_what, named, system, count, says) => {
  const { verdict, handshakes } = await look(named, system);
  expect(handshakes).toHaveLength(count);
  expect(verdict?.state).toBe('current');
  if (says === undefined) expect(verdict?.words).not.toContain('not checked');
  else expect(verdict?.words).toContain(says);
});
