import type { AdapterSettings, Settings, StoredSpec } from '../core/spec/spec.ts';
import { zoneSolversKey } from '../core/spec/spec.ts';
import { eabSettings, externalAccount } from './external-account.ts';
import { optionFields } from './fields.ts';
import { balancerIn, withoutBalancer } from './forward-rule.ts';
import type { WithOptions } from './options.ts';
import { type AdapterKind, adapterEntry, dns01Type, forwardRuleType, type Registry } from './registry.ts';

/** Secrets that stand in settings themselves, not as `file:…` or `env:…`: all of a certificate's adapters. */
export async function literalsOf(
  { parts, targets, issuer }: Pick<StoredSpec, 'parts' | 'targets' | 'issuer'>,
  registry: Registry,
): Promise<readonly string[]> {
  const found = await Promise.all([
    ...parts.map(({ solver }) => inSolver(solver.settings, registry)),
    ...targets.map(({ settings }) => inDeployer(settings, registry)),
  ]);
  return [
    ...(issuer.settings.eab ? inOptions(externalAccount, eabSettings(issuer.settings.eab)) : []),
    ...found.flat(),
  ];
}

/** The same of a whole configuration. */
export async function literalsIn(
  { solvers, deployers, balancers, issuers }: Pick<Settings, 'solvers' | 'deployers' | 'balancers' | 'issuers'>,
  registry: Registry,
): Promise<readonly string[]> {
  const found = await Promise.all([
    ...Object.values(solvers).map((one) => inSolver(one, registry)),
    ...Object.values(deployers).map((one) => inDeployer(one, registry)),
    ...Object.values(balancers).map((one) => inAdapter('balancer', one, registry)),
  ]);
  const bound = Object.values(issuers).flatMap(({ eab }) => (eab ? inOptions(externalAccount, eabSettings(eab)) : []));
  return [...bound, ...found.flat()];
}

/** The same of one solver, which a tombstone may have kept. */
export async function inSolver(settings: AdapterSettings, registry: Registry): Promise<readonly string[]> {
  const named = inBalancer(settings, registry);
  if (settings.type === forwardRuleType) return named;
  if (settings.type !== dns01Type) return inAdapter('solver', settings, registry);
  const { provider, options, [zoneSolversKey]: elsewhere } = settings;
  const own = { ...(options as object | undefined), type: String(provider) } as AdapterSettings;
  const others = Object.values((elsewhere ?? {}) as Readonly<Record<string, AdapterSettings>>);
  const found = await Promise.all([inAdapter('dns', own, registry), ...others.map((one) => inSolver(one, registry))]);
  return found.flat();
}

const inDeployer = async (settings: AdapterSettings, registry: Registry): Promise<readonly string[]> => [
  ...(await inAdapter('deployer', withoutBalancer(settings), registry)),
  ...(await inBalancer(settings, registry)),
];

async function inBalancer(settings: AdapterSettings, registry: Registry): Promise<readonly string[]> {
  const named = balancerIn(settings);
  return named ? inAdapter('balancer', named.settings, registry) : [];
}

async function inAdapter(kind: AdapterKind, settings: AdapterSettings, registry: Registry): Promise<readonly string[]> {
  const entry = adapterEntry(registry, kind, settings.type);
  // Without its definition (an operator's module that is gone), nothing says which option is a secret.
  const definition: WithOptions | undefined = await entry?.load().catch(() => undefined);
  return definition ? inOptions(definition, settings) : [];
}

const inOptions = ({ options }: WithOptions, settings: AdapterSettings): readonly string[] =>
  optionFields(options).flatMap(({ name, secret }) => {
    const value = settings[name];
    return secret && typeof value === 'string' && value !== '' && !/^(file|env|kept):/.test(value) ? [value] : [];
  });
