import { fail } from '../../core/errors/errors.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type { CertificateSpec, HookKind, Hooks, IssuerSettings, Settings } from '../../core/spec/spec.ts';
import { type NamedSolvers, solverNameOf, solversFor } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import { wishesOf } from '../certificates/certificate-options.ts';
import { checkIdentifiers, parseIdentifier, parseIdentifiers } from '../certificates/identifiers.ts';
import { checkOrder } from '../certificates/order-limits.ts';
import { challengesOf } from '../registry/registry.ts';
import { type Building, collect, collectError, type Declared, type Path, unknownReference } from './building.ts';
import type { Configuration } from './schema.ts';

/** Returns one certificate of the configuration, checked. */
export async function certificateOf(
  certificate: Configuration['certificates'][number],
  path: Path,
  declared: Declared,
  { now, problems, registry }: Building,
): Promise<CertificateSpec> {
  const where = `the certificate "${certificate.name}"`;
  /** Returns the given name, or the only declared one. Otherwise, adds a problem. */
  const refer = (kind: 'issuer' | 'solver', given: string | undefined, at: Path = [kind]): string | undefined => {
    const all = Object.keys(kind === 'issuer' ? declared.issuers : declared.solvers);
    if (given === undefined && all.length === 1) return all[0];
    if (given === undefined) {
      problems.push({
        path,
        message: `${where} names no ${kind}; ${all.length === 0 ? `declare one under ${kind}s` : `choose one of ${all.join(', ')}`}`,
      });
      return undefined;
    }
    if (all.includes(given)) return given;
    problems.push(unknownReference([...path, ...at], where, kind, given, all));
    return undefined;
  };
  const issuer = refer('issuer', certificate.issuer);
  const named = certificate.identifiers.map((one) => (typeof one === 'string' ? { name: one } : one));
  const own = named.map(
    (one, index) => 'solver' in one && refer('solver', one.solver, ['identifiers', index, 'solver']),
  );
  const needsMain = certificate.solver !== undefined || named.length === 0 || named.some((one) => !('solver' in one));
  const solver = needsMain ? refer('solver', certificate.solver) : own.find((one) => typeof one === 'string');
  const deployers = Object.keys(declared.deployers);
  for (const [index, name] of certificate.deploy.entries()) {
    if (!deployers.includes(name))
      problems.push(unknownReference([...path, 'deploy', index], where, 'deployer', name, deployers));
    else if (certificate.deploy.indexOf(name) < index)
      problems.push({ path: [...path, 'deploy', index], message: `${where} names the deployer "${name}" twice` });
  }
  if (
    (certificate.hooks?.deploy ?? certificate.hooks?.first?.deploy) !== undefined &&
    deployers.includes(deployHookTarget)
  )
    problems.push({
      path: [...path, 'hooks', 'deploy'],
      message: `${where}: the deploy hook is a target called "${deployHookTarget}"; give the deployer of that name another one`,
    });
  let identifiers: readonly Identifier[] = [];
  let solvers: NamedSolvers = { solver: solver ?? '' };
  const given = new Map<string, string>();
  const before = problems.length;
  for (const [index, { name }] of named.entries())
    await collect(problems, [...path, 'identifiers', index], () => {
      const { value } = parseIdentifier(name);
      const its = own[index] || solver;
      if (its === undefined) return;
      if ((given.get(value) ?? its) !== its)
        problems.push({
          path: [...path, 'identifiers', index],
          message: `${where} lists ${value} with the solvers "${given.get(value)}" and "${its}"; choose one`,
        });
      given.set(value, its);
    });
  if (problems.length === before) {
    await collect(problems, [...path, 'identifiers'], async () => {
      identifiers = parseIdentifiers(
        named.map(({ name }) => name),
        where,
      );
      if (issuer === undefined || solver === undefined) return;
      const spec = solversFor(identifiers, { solver, solvers: Object.fromEntries(given) });
      solvers = spec;
      await checkIdentifiers({
        identifiers,
        issuer: { name: issuer, settings: declared.issuers[issuer]! },
        solverOf(identifier) {
          const name = solverNameOf(spec, identifier);
          return { name, answers: challengesOf(registry, declared.solvers[name]!.settings) };
        },
      });
      const order = {
        identifiers,
        issuer: { name: issuer, settings: declared.issuers[issuer]! },
        wishes: wishesOf(certificate),
      };
      checkOrder(order, now);
    });
  }
  return {
    name: certificate.name,
    identifiers,
    issuer: issuer ?? '',
    ...solvers,
    deploy: certificate.deploy,
    endpoints: certificate.endpoints,
    ...wishesOf(certificate),
    ...present({ hooks: certificate.hooks && hooksOf(certificate.hooks) }),
  };
}

/**
 * Checks that all certificates of a stateless solver use the same account, because a proxy's configuration answers with
 * the key of one account.
 */
export function checkStateless(
  {
    certificates,
    issuers,
    solvers,
  }: {
    readonly certificates: readonly CertificateSpec[];
    readonly issuers: Readonly<Record<string, IssuerSettings>>;
    readonly solvers: Settings['solvers'];
  },
  { problems }: Pick<Building, 'problems'>,
): void {
  for (const [name, solver] of Object.entries(solvers)) {
    if (solver.traits?.stateless !== true) continue;
    const users = certificates.filter((one) => one.identifiers.some((id) => solverNameOf(one, id) === name));
    const named = [...new Set(users.map(({ issuer }) => issuer))].flatMap((issuer) => {
      const settings = Object.hasOwn(issuers, issuer) ? issuers[issuer] : undefined;
      return settings ? [[accountKey(accountOf(settings)), issuer] as const] : [];
    });
    const accounts = new Map(named.reverse());
    if (accounts.size < 2) continue;
    const error = fail('config/two-accounts', { solver: name, accounts: [...accounts.values()].reverse().join(', ') });
    collectError(problems, ['solvers', name], error);
  }
}

const hooksOf = ({ first, ...own }: NonNullable<Configuration['certificates'][number]['hooks']>): Hooks => ({
  ...withoutUndefined(own),
  ...present({ first: first && withoutUndefined(first) }),
});

const withoutUndefined = (hooks: object): Pick<Hooks, HookKind> =>
  Object.fromEntries(Object.entries(hooks).filter(([, command]) => command !== undefined));
