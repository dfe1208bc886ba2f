import type { TxtSet } from '../../ports/dns-provider.ts';

/** Returns the sets at these names, looked up in parallel. Omits names without a set. */
export async function setsByName(
  names: readonly string[],
  lookUp: (name: string) => Promise<TxtSet | undefined>,
): Promise<ReadonlyMap<string, TxtSet>> {
  const sets = await Promise.all(names.map(async (name) => [name, await lookUp(name)] as const));
  return new Map(sets.flatMap(([name, set]) => (set ? [[name, set] as const] : [])));
}
