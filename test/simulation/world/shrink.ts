import type { Scenario } from './scenario.ts';

/** Leaves out what a violation does not need: faults and incidents one by one, then certificates. */
export async function shrink(
  scenario: Scenario,
  isViolated: (smaller: Scenario) => Promise<boolean>,
): Promise<Scenario> {
  let smallest = scenario;
  for (const list of ['specs', 'faults', 'incidents'] as const)
    for (let size = Math.ceil(smallest[list].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
      for (let at = 0; at < smallest[list].length; ) {
        const all = smallest[list] as readonly unknown[];
        const smaller: Scenario = { ...smallest, [list]: [...all.slice(0, at), ...all.slice(at + size)] };
        if (await isViolated(smaller)) smallest = smaller;
        else at += size;
      }
  return smallest;
}
