import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
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

it('stays when what answers on its port is overloaded, and says so once', async () => {
  const clock = fakeClock();
  const warnings: string[] = [];
  let answers: 'twin' | undefined = 'twin';
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const claim = createPortClaim({
    listen: () => Promise.reject(Object.assign(new Error('in use'), { code: 'EADDRINUSE' })),
    neighbour: { look: async () => answers },
    ...{ what: 'HTTP-01', at: { host: '127.0.0.1', port }, wanted: () => false, clock, proof: async () => ({}) },
    log: { debug: () => {}, warn: (text: string) => warnings.push(text) },
  } as unknown as PortClaimOptions);
  const over = new AbortController();
  let hasEnded = false;
  const staying = claim.stay(over.signal).finally(() => {
    hasEnded = true;
  });
  await clock.advance(2_000);
  answers = undefined;
  await clock.advance(5_000);
  expect([hasEnded, warnings]).toEqual([
    false,
    [expect.stringMatching(/ is using the port; waiting until it is free$/)],
  ]);
  answers = 'twin';
  await clock.advance(2_000);
  answers = undefined;
  await clock.advance(2_000);
  expect(warnings.length).toBe(2);
  over.abort();
  await staying;
  await claim.close();
  taken.close();
});
