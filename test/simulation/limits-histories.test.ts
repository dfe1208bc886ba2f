import { expect, it } from 'vitest';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { AccountIssuer, Issuer } from '../../src/ports/issuer.ts';
import { killedAt } from '../support/killed-at.ts';
import { createLimitedWorld, limitedDirectory } from '../support/limited-world.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { chanceOf, firstSeed, isLong } from '../support/seeded.ts';
import { simulatedJob as job, simulatedSpec, withCa } from '../support/simulated-world.ts';

// Histories of passes at a CA with small limits: of two processes at once, with clocks an hour off, killed at any write
// or order, with names that fail, changed names and forced renewals. The CA refuses none of their orders.

const { signal } = new AbortController();
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
const limits = {
  newOrdersPerAccount: '6/3h',
  certificatesPerDomain: '4/7d',
  certificatesPerSet: '2/7d',
  failedAuthorizations: '3/1h',
};
const limitsOfCa = {
  newOrdersPerAccount: { burst: 6, count: 6, periodMs: 3 * hourMs },
  certificatesPerDomain: { burst: 4, count: 4, periodMs: 7 * dayMs },
  certificatesPerSet: { burst: 2, count: 2, periodMs: 7 * dayMs },
  failedAuthorizations: { burst: 3, count: 3, periodMs: hourMs },
};
const pauses = [minuteMs, 20 * minuteMs, hourMs, 5 * hourMs, dayMs, 9 * dayMs];

async function history(seed: number, steps: number) {
  const chance = chanceOf(seed);
  const { world, clock, bad, newOrders, refused, ...limited } = await createLimitedWorld(chance, {
    limits: limitsOfCa,
  });
  const draw = (count: number) => Math.floor(chance() * count);

  let pid = 0;
  /** A process that is killed before or after one of its writes and orders. */
  function replica(node: string, aheadMs: number, killAt: number) {
    pid += 1;
    const me = pid;
    const { gate, store, killed } = killedAt(world, () => me, killAt);
    const mortal = (account: AccountIssuer): AccountIssuer => ({
      ...account,
      newOrder: (...given) => gate(() => account.newOrder(...given)),
      finalize: (...given) => gate(() => account.finalize(...given)),
    });
    const through = (issuer: Issuer): Issuer => ({ ...issuer, as: (account) => mortal(issuer.as(account)) });
    return { engine: limited.replica(me, node, { store, aheadMs, through, limits: { leaseTtlMs: 30_000 } }), killed };
  }

  const domainOf = (at: number) => `d${at % 4}.com`;
  const spec = (at: number, ...names: readonly string[]): StoredSpec => {
    const account = at % 3 === 0 ? 'second' : 'first';
    return withCa(simulatedSpec(`n${at}`, [`n${at}.${domainOf(at)}`, ...names]), {
      directory: limitedDirectory,
      account,
      limits,
    });
  };
  const specs = Array.from({ length: 14 }, (_, at) => spec(at));

  const run = (node: string) => {
    const { engine, killed } = replica(
      node,
      [0, 0, hourMs, -hourMs][draw(4)]!,
      chance() < 0.4 ? 1 + draw(120) : Infinity,
    );
    const one = specs[draw(specs.length)]!;
    const kind = draw(8);
    const pass =
      kind < 2
        ? reconcile(engine, [job(one, { force: kind === 0, obeyBackoff: false })], signal)
        : reconcileAll(engine, { jobs: specs.map((each) => job(each)), jobOf: () => undefined, isWhole: true }, signal);
    return Promise.race([pass, killed]);
  };

  for (let step = 0; step < steps; step += 1) {
    const what = draw(12);
    const at = draw(specs.length);
    if (what === 0) {
      const name = `n${at}.${domainOf(at)}`;
      if (!bad.delete(name)) bad.add(name);
    } else if (what === 1) {
      // A kill may lose what the CA counted if nothing goes on with the order.
      if (!(await world.readLineage(`n${at}`))?.work) specs[at] = spec(at, `x${draw(5)}.${domainOf(draw(4))}`);
    } else if (what < 5) clock.set(new Date(clock.now().getTime() + pauses[draw(pauses.length)]!));
    else await passing(clock, Promise.all(['a', 'b'].slice(draw(2)).map(run)));
  }
  return {
    accepted: newOrders().length - refused().length,
    refused: refused().map((one) => [one.about, one.exhausted]),
  };
}

it('the CA refuses no order, whatever happens', async () => {
  let accepted = 0;
  for (let seed = firstSeed; seed < firstSeed + (isLong ? 100 : 5); seed += 1) {
    const { refused, ...rest } = await history(seed, 40);
    expect([seed, refused]).toEqual([seed, []]);
    accepted += rest.accepted;
  }
  expect(accepted).toBeGreaterThan(50);
}, 600_000);
