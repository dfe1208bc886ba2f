import { expect, it } from 'vitest';
import { fakeClock } from '../testing/fake-clock.ts';
import { createPortClaim, type PortClaimOptions } from './port-claim.ts';

it.each([
  ['EADDRNOTAVAIL', 'This machine has no such address. Set `listen`'],
  ['EACCES', 'Ports below 1024 need root'],
])('says what to do about %s', async (code, hint) => {
  const claim = createPortClaim({
    listen: () => Promise.reject(Object.assign(new Error(code), { code })),
    ...{ what: 'HTTP-01', at: { host: '203.0.113.9', port: 8080 }, wanted: () => false, clock: fakeClock() },
    proof: async () => ({}),
    log: { debug: () => {}, warn: () => {} },
  } as unknown as PortClaimOptions);
  await expect(claim.hold(new AbortController().signal)).rejects.toMatchObject({
    code: 'solver/cannot-listen',
    hint: expect.stringContaining(hint),
  });
  await claim.close();
});
