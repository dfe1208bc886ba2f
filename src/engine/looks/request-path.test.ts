import { describe, expect, it } from 'vitest';
import { untranslated } from '../../../test/support/chinese.ts';
import { present } from '../../core/text/present.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import type { AddressFinding, Engine } from '../engine.ts';
import { lookAtPath, lookUntilServed } from './request-path.ts';

const identifier = { type: 'dns', value: 'www.example.test' } as const;
const expected = { path: '/.well-known/acme-challenge/x', body: 'right' };

/** Looks at a name with these addresses; `get` answers at each. */
async function look(
  addresses: Partial<AddressFinding>,
  get: (address: string) => { readonly status: number; readonly location?: string; readonly body: string },
  asTheCa = false,
) {
  const clock = fakeClock();
  const found = { verdict: 'found', ipv4: [], ipv6: [], finding: 'it has', ...addresses } as const;
  const engine = {
    ...{ clock, connect: { looks: () => ({ asTheCa, addresses: async () => found }) } },
    vantage: { get: async (_url: string, at: { readonly address: string }) => get(at.address) },
  } as unknown as Engine;
  const deadline = clock.deadline(10_000);
  const settings = { resolvers: [], http01Port: 80 } as never;
  const seen = await lookAtPath({ engine, settings, identifier, expected, deadline });
  expect(untranslated([seen.finding, seen.advice])).toEqual([]);
  return seen;
}
describe('the wait for a load balancer’s health check', () => {
  /** Looks until the backend, healthy after 40 s, is noticed. */
  async function wait(noticedMs?: number) {
    const clock = fakeClock(undefined, { auto: true });
    const found = { verdict: 'found', ipv4: ['198.51.100.1'], ipv6: [], finding: 'it has' } as const;
    const engine = {
      ...{ clock, connect: { looks: () => ({ asTheCa: true, addresses: async () => found }) } },
      vantage: { get: async () => (clock.monotonicMs() < 40_000 ? { status: 503, body: '' } : right()) },
    } as unknown as Engine;
    const settings = { resolvers: [], http01Port: 80 } as never;
    const probe = { ...expected, healthCheck: 'GET /up' };
    const look = { engine, settings, identifier, expected: probe, deadline: clock.deadline(70_000) };
    return lookUntilServed(look, { ...present({ noticedMs }) });
  }

  it('lasts as long as the solver says', async () => {
    expect(await wait(60_000)).toMatchObject({ verdict: 'pass' });
  });

  it('ends with the check and what it may ask', async () => {
    expect(await wait()).toMatchObject({
      verdict: 'no',
      finding: expect.stringContaining('returns status 503 (no healthy backend: health check of the load balancer)'),
      advice: expect.stringContaining('ask GET /up,'),
    });
  });
});

const wrong = () => ({ status: 404, body: '' });
const right = () => ({ status: 200, body: 'right' });

describe('the look by the public path', () => {
  it.each([
    ['198.51.100.1', 'no'],
    ['10.0.0.1', 'cannot-tell'],
    ['2001:db8::1', 'no'],
    ['::1', 'cannot-tell'],
    // What is inside decides.
    ['::ffff:c633:6401', 'no'],
    ['::ffff:7f00:1', 'cannot-tell'],
    ['::ffff:127.0.0.1', 'cannot-tell'],
    ['64:ff9b::a00:1', 'cannot-tell'],
    ['64:ff9b:1::c633:6401', 'cannot-tell'],
    ['2002:c0a8:1::1', 'cannot-tell'],
  ])('takes a wrong answer at %s for %s', async (address, verdict) => {
    const addresses = address.includes(':') ? { ipv6: [address] } : { ipv4: [address] };
    expect(await look(addresses, wrong)).toMatchObject({ verdict });
    // Resolvers that see what the CA sees make each a proof.
    expect(await look(addresses, wrong, true)).toMatchObject({ verdict: 'no' });
  });

  it.each(['169.254.169.254', '100.100.100.200', '::ffff:169.254.169.254'])(
    'requests nothing from %s',
    async (address) => {
      const requested = () => expect.unreachable();
      const addresses = address.includes(':') ? { ipv6: [address] } : { ipv4: [address] };
      const found = await look(addresses, requested, true);
      expect(found).toMatchObject({
        verdict: 'cannot-tell',
        finding: expect.stringContaining('nothing was requested'),
      });
    },
  );

  it('cannot tell if there are more addresses than were checked, and says so', async () => {
    const ipv4 = ['198.51.100.1', '198.51.100.2'];
    expect(await look({ ipv4 }, right)).toMatchObject({ verdict: 'pass' });
    expect(await look({ ipv4, left: 98 }, right)).toMatchObject({
      verdict: 'cannot-tell',
      finding: 'www.example.test has 100 addresses, and only 2 were checked',
    });
    expect(await look({ ipv4, left: 98 }, wrong)).toMatchObject({ verdict: 'no' });
  });

  it('shows little of where a server redirects to', async () => {
    const location = `http://${'x'.repeat(9_000)}.test/`;
    const { finding } = await look({ ipv4: ['198.51.100.1'] }, () => ({ status: 302, location, body: '' }));
    expect(finding).toMatch(/^198\.51\.100\.1 redirects to http:\/\/x+…$/);
    expect(finding.length).toBeLessThan(310);
  });
});
