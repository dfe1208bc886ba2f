import { expect, it } from 'vitest';
import { notingStore } from '../../test/support/noting-store.ts';
import {
  createSimulatedWorld,
  issue,
  simulatedJob,
  simulatedSpec,
  withCa,
} from '../../test/support/simulated-world.ts';
import type { Settings } from '../core/spec/spec.ts';
import { limitsAtAGlance, limitsOf } from './limits.ts';
import type { OpenFleet } from './opened.ts';

const { signal } = new AbortController();

it('says at a glance what it says with a read of every certificate, except what has used it up', async () => {
  const { store, replica } = await createSimulatedWorld();
  const noting = notingStore(store);
  const engine = replica(1, { store: noting.store });
  const limits = { newOrdersPerAccount: '300/3h', certificatesPerDomain: '50/7d', certificatesPerSet: '5/7d' };
  const wanted = withCa(simulatedSpec(), { limits });
  await issue(engine, simulatedJob(wanted), signal);

  const { issuer } = wanted;
  const settings = { issuers: { [issuer.name]: issuer.settings }, certificates: [] } as unknown as Settings;
  const fleet = { engine, settings } as OpenFleet;
  noting.read.length = 0;
  const identifiers = wanted.identifiers.map(({ value }) => value).join(' ');
  const glance = await limitsAtAGlance(fleet, [{ issuer: issuer.name, identifiers, isTroubled: false }], signal);
  expect(new Set(noting.read.map((one) => one.split(' ')[0]))).toEqual(new Set(['account', 'ledger']));
  const [whole] = await limitsOf(fleet, { names: [], all: false }, signal);
  const known = whole!.buckets.map(({ usedBy, usedByUnknown, ...bucket }) => bucket);
  expect(known.map(({ limit, left }) => [limit, left])).toEqual([
    ['newOrdersPerAccount', 299],
    ['certificatesPerDomain', 49],
  ]);
  expect(glance).toEqual([{ ...whole, buckets: known }]);
});
