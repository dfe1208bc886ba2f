import type { TxtSet } from '../../ports/dns-provider.ts';

/** The sets at these names, looked up side by side; a name without a set is left out. */
export async function setsByName(
  names: readonly string[],
  lookUp: (name: string) => Promise<TxtSet | undefined>,
): Promise<ReadonlyMap<string, TxtSet>> {
  const sets = await Promise.all(names.map(async (name) => [name, await lookUp(name)] as const));
  return new Map(sets.flatMap(([name, set]) => (set ? [[name, set] as const] : [])));
}
