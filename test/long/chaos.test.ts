import { expect, it } from 'vitest';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import { bindPrograms } from '../support/bind.ts';
import { type Home, pebbleFleetBench } from '../support/fleet-bench.ts';
import type { PebbleOptions } from '../support/pebble.ts';
import { unlessLocked } from '../support/pebble-lock.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// Two hundred orders at once against a difficult CA, counted at a proxy in front of it. A hidden retry of newOrder or
// finalize would show as number 201.

const count = 200;
/** Names for one `issue`; several run at the same time, so that the CA's own waits (5 s each) overlap. */
const share = 25;

stopAllAfterwards();

describeWith(['pebble', ...bindPrograms], 'two hundred orders on a CA that misbehaves', () => {
  const certificates = Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`c${n}`, [`c${n}.example.test`]] as const),
  );
  const names = Object.keys(certificates);

  async function issueAll(home: Home): Promise<readonly Outcome[]> {
    const shares = Array.from({ length: count / share }, (_, n) => names.slice(n * share, (n + 1) * share));
    const issue = (some: readonly string[]) => home.issue({ names: some });
    // One certificate until the account exists: two newAccounts of one key at once are a 500 on Pebble 2.6.
    const [first = [], ...others] = shares;
    const begun = issue(first);
    const hasAccount = async () => {
      const [account] = await home.documents('account');
      return account !== undefined && (await home.document('account', account))['url'] !== undefined;
    };
    await until(hasAccount, { what: 'the account exists' });
    return (await Promise.all([begun, ...others.map(issue)])).flat();
  }

  /** All certificates from one CA, or from a new one if Pebble has locked up. */
  async function issueAllFrom(options: PebbleOptions) {
    for (let tries = 1; ; tries++) {
      const bench = await pebbleFleetBench({ pebble: options });
      const home = await bench.home({ certificates });
      const outcomes = await unlessLocked(bench.pebble, issueAll(home));
      if (outcomes !== 'locked') return { bench, home, outcomes };
      if (tries === 3) throw new Error('Pebble has locked itself up three times in a row');
      process.stderr.write('Pebble has locked itself up; once more with a fresh one\n');
    }
  }

  const cases: readonly { readonly title: string; readonly pebble: PebbleOptions; readonly refusesAtLeast: number }[] =
    [
      {
        // Pebble's own defaults: Retry-After 3 s and 5 s, up to 5 s of sleep in the validation, 5 % of the nonces
        // refused, half of the valid authorizations reused.
        title: 'its default chaos',
        pebble: {
          retryAfter: { authz: 3, order: 5 },
          env: { PEBBLE_VA_NOSLEEP: '', PEBBLE_WFE_NONCEREJECT: '5', PEBBLE_AUTHZREUSE: '50' },
        },
        refusesAtLeast: 20,
      },
      { title: 'half of all nonces refused', pebble: { env: { PEBBLE_WFE_NONCEREJECT: '50' } }, refusesAtLeast: 500 },
    ];

  for (const { title, pebble, refusesAtLeast } of cases)
    it(`needs ${count} newOrders for ${count} certificates: ${title}`, async () => {
      const { bench, home, outcomes } = await issueAllFrom(pebble);
      expect(outcomes.filter((outcome) => outcome.result !== 'issued')).toEqual([]);
      expect(outcomes.map((outcome) => outcome.certificate).sort()).toEqual([...names].sort());

      const { proxy } = bench;
      expect(proxy.accepted('newOrder')).toBe(count);
      expect(proxy.accepted('finalize')).toBe(count);
      expect(proxy.accepted('certificate')).toBe(count);
      // Only nonces were refused, before the requests had an effect.
      const refused = proxy.requests.filter((request) => (request.status ?? 0) >= 400);
      expect(refused.filter((request) => request.problem !== 'badNonce')).toEqual([]);
      expect(refused.length).toBeGreaterThan(refusesAtLeast);

      const versions = await home.documents('version');
      expect(versions).toHaveLength(count);
      expect(await home.documents('key')).toEqual(versions);
      expect(await bench.challengeFiles()).toEqual([]);
      const serials = new Set((await home.status()).map((one) => one.serial));
      expect(serials.size).toBe(count);
    });
});
