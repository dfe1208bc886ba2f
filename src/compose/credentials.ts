import { withThoseElsewhere } from '../config/dns01.ts';
import { eabSettings, externalAccount } from '../config/external-account.ts';
import { balancerIn } from '../config/forward-rule.ts';
import { captureFromEnvironment, type Environment, type WithOptions } from '../config/options.ts';
import { type AdapterEntry, adapterEntry, dns01Type, forwardRuleType } from '../config/registry.ts';
import { isFailure } from '../core/errors.ts';
import { encodeDocument } from '../core/lineage.ts';
import type { AdapterSettings, StoredSpec } from '../core/spec.ts';
import { partsOf } from '../core/spec-parts.ts';
import { registry } from '../generated/registry.ts';
import { keepFromHooks } from '../lib/hook-environment.ts';
import type { Store } from '../ports/store.ts';

const credentialKey = (lineage: string) => ({ kind: 'credential', name: lineage }) as const;

/** What an earlier `issue` of the lineage took from its environment. */
export async function keptCredentials(store: Store, lineage: string): Promise<Environment> {
  const entry = await store.get(credentialKey(lineage), new AbortController().signal);
  const kept = entry ? keptIn(entry.bytes) : {};
  for (const name of Object.keys(kept)) keepFromHooks(name);
  return kept;
}

const keptIn = (bytes: Uint8Array): Environment =>
  (JSON.parse(new TextDecoder().decode(bytes)) as { env: Environment }).env;

/**
 * Stores what `issue` took from the environment, for `renew`. Also keeps stored ones that the spec still needs, because a flag may change only one of the
 * adapters.
 */
export async function keepCredentials(
  store: Store,
  env: Environment,
  spec: StoredSpec,
  signal: AbortSignal,
): Promise<void> {
  const key = credentialKey(spec.spec.name);
  for (;;) {
    const before = await store.get(key, signal);
    const captured = await captureFor(spec, { ...(before && keptIn(before.bytes)), ...env });
    if (Object.keys(captured).length === 0) return;
    const bytes = encodeDocument({ schema: 1, env: captured });
    if (before && Buffer.from(before.bytes).equals(bytes)) return;
    try {
      await store.put(key, bytes, { ifRevision: before?.revision ?? null, signal });
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error; // another `issue` of the same certificate: try again
    }
  }
}

/** What the adapters of a spec take from an environment. */
async function captureFor(spec: StoredSpec, env: Environment): Promise<Readonly<Record<string, string>>> {
  const captured: Record<string, string> = {};
  const capture = async (entry: AdapterEntry<WithOptions> | undefined, settings: AdapterSettings) => {
    if (entry) Object.assign(captured, captureFromEnvironment(await entry.load(), env, settings));
  };
  const { eab } = spec.issuer;
  if (eab) Object.assign(captured, captureFromEnvironment(externalAccount, env, eabSettings(eab)));
  const solvers = partsOf(spec).map(({ solver }) => solver);
  for (const solver of solvers) {
    if (solver.type === dns01Type) {
      for (const { provider, options } of withThoseElsewhere(solver))
        await capture(adapterEntry(registry, 'dns', provider), options);
    } else if (solver.type !== forwardRuleType) await capture(adapterEntry(registry, 'solver', solver.type), solver);
  }
  const named = [...solvers, ...spec.spec.deploy.flatMap((target) => spec.deployers[target] ?? [])];
  for (const { settings } of named.flatMap((one) => balancerIn(one) ?? []))
    await capture(adapterEntry(registry, 'balancer', settings.type), settings);
  for (const target of spec.spec.deploy) {
    const settings = spec.deployers[target];
    if (settings) await capture(adapterEntry(registry, 'deployer', settings.type), settings);
  }
  return captured;
}
