import type { ConnectionSection, NamedConnection } from '../../core/spec/connection.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import type { StoredDeclaration } from '../sources.ts';

/** What uses a connection. */
export type UsersOf = (connection: NamedConnection) => {
  readonly certificates: readonly string[];
  readonly connections: readonly NamedConnection[];
};

/** Finds what uses each connection of these settings, in one look at all. */
export function usersIn({ certificates, solvers, deployers }: Settings): UsersOf {
  const names = new Map<string, Set<string>>();
  const others = new Map<string, NamedConnection[]>();
  const used = (section: ConnectionSection, name: string) => `${section} ${name}`;
  for (const { name, issuer, solver, solvers: own = {}, deploy } of certificates) {
    const all = [
      used('issuers', issuer),
      ...[solver, ...Object.values(own)].map((one) => used('solvers', one)),
      ...deploy.map((one) => used('deployers', one)),
    ];
    for (const one of all) names.set(one, (names.get(one) ?? new Set()).add(name));
  }
  const refers = (place: string, user: NamedConnection) => others.set(place, [...(others.get(place) ?? []), user]);
  for (const [section, all] of [
    ['solvers', solvers],
    ['deployers', deployers],
  ] as const)
    for (const { name, settings } of Object.values(all)) {
      const { balancer, zones } = settings;
      if (typeof balancer === 'string') refers(used('balancers', balancer), { section, name });
      const solversOf = section === 'solvers' && isFields(zones) ? new Set(Object.values(zones).map(String)) : [];
      for (const one of solversOf) refers(used('solvers', one), { section, name });
    }
  return ({ section, name }) => ({
    certificates: [...(names.get(used(section, name)) ?? [])],
    connections: others.get(used(section, name)) ?? [],
  });
}

/**
 * Reports whether private keys go where a connection says: a deployer, or a balancer that a deployer uses, also one that
 * does not fit now and may do so later.
 */
export function leadsKeys(
  { section, name }: NamedConnection,
  { deployers }: Pick<Settings, 'deployers'>,
  stored: readonly StoredDeclaration[],
): boolean {
  if (section === 'deployers') return true;
  const all = Object.values(deployers).map(({ settings }): Fields => settings);
  const others = stored.flatMap((one) =>
    one.section === 'deployers' && 'settings' in one.declaration ? [one.declaration.settings] : [],
  );
  return section === 'balancers' && [...all, ...others].some(({ balancer }) => balancer === name);
}
