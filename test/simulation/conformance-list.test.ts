import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { repositoryRoot } from '../support/service.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  targetsOf,
} from '../support/simulated-world.ts';

// A checklist of 26 points for ACME clients in 2026. Those that need only the engine are tested here, and the table
// names the tests of the others. Point 7 and the second half of 24 (another CA takes over) come with the daemon.

const { signal } = new AbortController();
const hourMs = 3_600_000;

const here = 'test/simulation/conformance-list.test.ts';
const simulated = 'test/simulation/conformance.test.ts';

/** The points, and where the test of each is: the file, and a part of its name. */
const points: readonly (readonly [number, string, string, string])[] = [
  [1, 'two hundred orders at a CA that misbehaves', 'test/long/chaos.test.ts', 'its default chaos'],
  [2, 'every answer about renewal', simulated, 'renewal information (RFC 9773)'],
  [3, 'an order without `replaces` where that is refused', simulated, 'an order that replaces a certificate'],
  [4, 'a certificate of 160 hours', here, 'conformance 4:'],
  [5, 'a crash at every step', 'test/crash/kill.test.ts', 'of a first issue'],
  [6, 'ten processes at once', 'test/crash/together.test.ts', 'of them on one certificate'],
  [8, 'limits in seconds, as a date, and in HTML', simulated, 'a busy CA'],
  [9, 'a paused account', 'src/acme/requests.test.ts', 'a pause: no Retry-After, but a page for a person'],
  [10, 'a failing name among others', 'test/simulation/dropped-names.test.ts', 'conformance 10:'],
  [11, 'an unknown challenge, and one without a token', here, 'conformance 11:'],
  [12, 'profiles: withdrawn', 'test/simulation/choices.test.ts', 'conformance 12:'],
  [12, 'profiles: beyond their limits', 'src/config/certificates/order-limits.test.ts', 'conformance 12:'],
  [12, 'profiles: not listed', 'test/simulation/issue.test.ts', 'config/unknown-profile'],
  [12, 'no subject', 'src/x509/pki.test.ts', 'reads a leaf without subject, common name and subject key identifier'],
  [13, 'addresses over HTTP-01', 'test/real/order-choices.test.ts', 'conformance 13:'],
  [13, 'addresses over TLS-ALPN-01', 'test/real/solver-tls-alpn.test.ts', 'conformance 13:'],
  [14, 'international names', 'test/real/order-choices.test.ts', 'conformance 14:'],
  [15, 'a name and its wildcard', here, 'conformance 15:'],
  [16, 'a chain of aliases', 'src/engine/solvers/dns01.test.ts', 'follows them all, and leaves the zone'],
  [17, 'dns-persist-01', 'test/simulation/persist.test.ts', 'conformance 17:'],
  [18, 'dns-account-01', 'src/core/ca/txt-name.test.ts', 'conformance 18:'],
  [19, 'EAB keys in every encoding', 'src/core/ca/eab-key.test.ts', 'of hexadecimal digits'],
  [20, 'a rollover', 'test/simulation/account-change.test.ts', 'replaces the key, and nothing else'],
  [20, 'revocation', simulated, 'is sent with the reason %s'],
  [21, 'chains', 'test/simulation/choices.test.ts', 'conformance 21:'],
  [22, 'no dates for Let’s Encrypt', 'src/config/certificates/order-limits.test.ts', 'conformance 22:'],
  [22, 'no Must-Staple', 'src/cli/program.test.ts', '--must-staple'],
  [23, 'a challenge that stays until the verdict', here, 'conformance 23:'],
  [
    23,
    'an answer from any process',
    'test/real/solver-responder.test.ts',
    'any process answers challenges of another one',
  ],
  [24, 'a CA that is down', here, 'conformance 24:'],
  [25, 'a clock that is wrong by an hour', simulated, 'this machine’s clock'],
  [26, 'shorter lifetimes', here, 'conformance 26:'],
];

it.each(points)('conformance %i: %s: there is a test', (_point, _what, file, name) => {
  expect(readFileSync(join(repositoryRoot, file), 'utf8').includes(name)).toBe(true);
});

it('every point has one', () => {
  const all = Array.from({ length: 26 }, (_, at) => at + 1).filter((point) => point !== 7);
  expect([...new Set(points.map(([point]) => point))]).toEqual(all);
});

const profile = (validityMs: number) => ({
  description: '',
  validityMs,
  commonName: false,
  subjectKeyIdentifier: false,
});

describe('conformance 4: a certificate of 160 hours', () => {
  it.each(Array.from({ length: 8 }, (_, at) => at))(
    'is renewed within its window of three hours, in processes that last %i.5 hours',
    async (hours) => {
      const world = await createSimulatedWorld({ settings: { profiles: { default: profile(160 * hourMs) } } });
      const begun = world.clock.now().getTime();
      let outcome = await issue(world.replica(1), job(simulatedSpec()), signal);
      // Each process wakes at the time that the last one stored, or is started again before.
      for (let pid = 2; outcome.result !== 'renewed'; pid++) {
        const untilNext = Date.parse(outcome.next ?? '') - world.clock.now().getTime();
        world.pass(Math.max(1_000, Math.min(untilNext, (hours + 0.5) * hourMs)));
        outcome = await issue(world.replica(pid), job(simulatedSpec()), signal);
        if (pid > 400) throw new Error('it is never renewed');
      }
      // Boulder's window: half of the lifetime, a hundredth of it wide on each side.
      const at = (world.clock.now().getTime() - begun) / hourMs;
      expect(at).toBeGreaterThan(79 - 1.7);
      expect(at).toBeLessThan(79 + 1.7);
      expect(world.ca.accepted('newOrder')).toBe(2);
    },
  );
});

describe('conformance 11: a challenge of an unknown type, and one without a token', () => {
  it('come first, and are ignored', async () => {
    const world = await createSimulatedWorld({ settings: { unknownChallenges: true } });
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
  });
});

describe('conformance 15: a name and its wildcard', () => {
  it('have two TXT values at one name while both are validated', async () => {
    const seen: number[] = [];
    const world: Awaited<ReturnType<typeof createSimulatedWorld>> = await createSimulatedWorld({
      settings: {
        validate: async () => {
          seen.push(world.txt.size);
          return undefined;
        },
      },
    });
    const names = ['example.com', '*.example.com'];
    await issue(world.replica(1), job(simulatedSpec('abc', names)), signal);
    expect(seen).toEqual([2, 2]);
    expect(world.txt.size).toBe(0);
    expect((await world.readLineage())?.current?.facts.identifiers.map(({ value }) => value).sort()).toEqual(
      names.sort(),
    );
  });
});

describe('conformance 23: an answer', () => {
  it('stays until the authorization is final, however often and long the CA looks', async () => {
    const looks: boolean[] = [];
    const world: Awaited<ReturnType<typeof createSimulatedWorld>> = await createSimulatedWorld({
      settings: {
        // From six places, one after the other.
        validate: async (_identifier, _challenge, keyAuthorization) => {
          for (let place = 0; place < 6; place++) {
            looks.push(world.txt.has(keyAuthorization));
            await world.clock.sleep(5_000, signal);
          }
          return undefined;
        },
      },
    });
    expect(await issue(world.replica(1), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
    expect(looks).toEqual(Array(6).fill(true));
    expect(world.txt.size).toBe(0);
  });
});

describe('conformance 24: a CA that is down', () => {
  it('keeps no stored certificate from a target that lacks it', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    const kinds = ['directory', 'newNonce', 'newOrder', 'renewalInfo'] as const;
    for (const kind of kinds) world.ca.failNext(kind, { cut: true, times: 1_000 });
    const given: string[] = [];
    const deployer: Deployer = {
      ...world.deployer,
      activate: async ({ id }) => void given.push(id),
      look: async () => ({ state: 'absent', detail: '' }),
    };
    const more = { ...simulatedSpec(), targets: targetsOf('target', 'new') };
    const outcome = await issue(world.replica(2, { deployer }), job(more), signal);
    expect(outcome).toMatchObject({ result: 'deployed' });
    expect(given).toContain((await world.readLineage())?.current?.id);
  });
});

describe('conformance 26: lifetimes of 90, 64, 45 and 6 days', () => {
  it.each([true, false])('are followed without a change of the settings (ARI: %s)', async (renewalInfo) => {
    const world = await createSimulatedWorld({ settings: { renewalInfo } });
    const solver: Solver = world.solver;
    let pid = 0;
    for (const days of [90, 64, 45, 6, 6]) {
      world.ca.settings.profiles['default'] = profile(days * dayMs);
      const outcome = await issue(world.replica(++pid, { solver }), job(simulatedSpec()), signal);
      expect(outcome).toMatchObject({ result: pid === 1 ? 'issued' : 'renewed' });
      const share = (Date.parse(outcome.next ?? '') - world.clock.now().getTime()) / (days * dayMs);
      const expected = days < 10 ? 1 / 2 : 2 / 3;
      expect(share).toBeGreaterThan(expected - 0.02);
      expect(share).toBeLessThan(expected + 0.02);
      world.pass(Date.parse(outcome.next ?? '') - world.clock.now().getTime() + 1_000);
    }
  });
});
