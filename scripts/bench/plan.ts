import { knownIssuers } from '../../src/core/ca/known-issuers.ts';
import { limitsOf } from '../../src/core/limits/rate-limits.ts';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import { testLineage, testSpec, withNames } from '../../src/core/lineage/test-lineages.ts';
import { type Known, planAhead } from '../../src/core/plan/ahead.ts';
import { printNote, printRow, range } from './measure.ts';
import type { Rig } from './rig.ts';

const dayMs = 86_400_000;
const now = new Date('2026-03-01T00:00:00Z');

/** The forecast of `certfleet plan`, without the store: a quarter of the certificates are new, below 2,000 domains. */
export async function plan(rig: Rig): Promise<void> {
  const count = rig.count(10_000);
  const { directory } = knownIssuers['letsencrypt']!;
  const issuer = { name: 'letsencrypt', settings: { ...testSpec.issuer.settings, directory } };
  const all = Array.from({ length: count }, (_, at): Known => {
    const name = `n${at}`;
    const wanted = { ...withNames({ ...testSpec, issuer }, [`${name}.d${at % 2_000}.example`]), name };
    const { current } = testLineage;
    const facts = { ...current.facts, identifiers: wanted.identifiers };
    const renewAt = new Date(now.getTime() + (1 + ((at * 13) % 60)) * dayMs).toISOString();
    const lineage: Lineage = {
      ...{ ...testLineage, name, spec: wanted, current: { ...current, directory, facts } },
      renewal: { at: renewAt, source: 'ari' },
    };
    return { name, wanted, lineage: at % 4 === 0 ? undefined : lineage, account: 'https://ca.test/a/1' };
  });
  const known = { limits: limitsOf(directory), arrivals: new Map<string, number>(), skewMs: 0 };
  const horizon = {
    ...{ now, untilMs: now.getTime() + 90 * dayMs, limitsAt: () => known },
    registeredDomain: (value: string) => value.split('.').slice(-2).join('.'),
    declared: all.flatMap(({ wanted }) => wanted ?? []),
  };
  const walls: number[] = [];
  let orders = 0;
  for (let round = 0; round < rig.rounds(5); round += 1) {
    const started = performance.now();
    orders = planAhead(all, horizon).days.reduce((sum, day) => sum + day.orders, 0);
    walls.push((performance.now() - started) / 1_000);
  }
  printRow({
    what: `plan, ${count} certificates over 90 days, a quarter of them new: seconds, the first time`,
    ours: range(walls),
    peer: 'no other client plans',
    ratio: walls[0]!,
    bound: { atMost: 1 },
  });
  printNote(`${orders} orders`);
}
