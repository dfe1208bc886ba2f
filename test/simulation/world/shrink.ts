import type { Scenario } from './scenario.ts';
import type { Ending } from './world.ts';

const lists = ['specs', 'replicas', 'faults', 'incidents'] as const;

/**
 * Leaves out what a violation does not need: certificates, replicas, faults and incidents, halves first and then one by
 * one, again and again until nothing more can go. Whatever is left out moves the times of the rest, so another violation
 * may come instead: it does not count.
 */
export async function shrink(
  scenario: Scenario,
  run: (smaller: Scenario) => Promise<Pick<Ending, 'violation'>>,
): Promise<Scenario> {
  const kind = kindOf(await run(scenario));
  let smallest = scenario;
  const isEnough = async (smaller: Scenario): Promise<boolean> => {
    if (kindOf(await run(smaller)) !== kind) return false;
    smallest = smaller;
    return true;
  };
  if (Object.keys(smallest.limits).length > 0) await isEnough({ ...smallest, limits: {} });
  for (let before: Scenario | undefined; before !== smallest; ) {
    before = smallest;
    for (const list of lists)
      for (let size = Math.ceil(smallest[list].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
        for (let at = 0; at < smallest[list].length; ) {
          const all = smallest[list] as readonly unknown[];
          const left = [...all.slice(0, at), ...all.slice(at + size)];
          const isGone = left.length > 0 || list === 'faults' || list === 'incidents';
          if (!isGone || !(await isEnough({ ...smallest, [list]: left }))) at += size;
        }
  }
  return smallest;
}

/** The words of a violation without its names, times and numbers. */
const kindOf = ({ violation }: Pick<Ending, 'violation'>): string | undefined =>
  violation?.what.replace(/\S*[\d.]\S*/g, '…').replace(/…( …)+/g, '…');
