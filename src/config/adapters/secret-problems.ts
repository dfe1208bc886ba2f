import { CertfleetError } from '../../core/errors/errors.ts';
import type { AdapterSettings, Settings } from '../../core/spec/spec.ts';
import { resolveExternalAccount } from '../options/external-account.ts';
import { resolveOptions } from '../options/options.ts';
import { openOwnSecret } from '../options/own-secret.ts';
import type { ResolveContext } from '../options/secret-references.ts';
import type { Problem } from '../problems.ts';
import { type AdapterKind, adapterEntry, type Registry } from '../registry/registry.ts';
import { whoseOptions } from './each-adapter.ts';

/**
 * Opens every secret of a configuration as a pass would. This can fail here although a service, with its own user and
 * environment, succeeds.
 */
export async function secretProblems(
  settings: Settings,
  registry: Registry,
  context: Omit<ResolveContext, 'name'>,
): Promise<readonly Problem[]> {
  const found: Problem[] = [];
  const report = async (path: readonly string[], open: () => Promise<unknown>) => {
    try {
      await open();
    } catch (error) {
      if (!(error instanceof CertfleetError)) throw error;
      const { message } = error.code === 'config/own-secret' && error.cause instanceof Error ? error.cause : error;
      found.push({ path, message: `${message}. ${error.hint}`, error });
    }
  };
  const open = async (kind: AdapterKind, path: readonly string[], options: AdapterSettings) => {
    const entry = adapterEntry(registry, kind, options.type);
    if (!entry) return;
    const definition = await entry.load();
    await report(path, () => resolveOptions(definition, options, { ...context, name: path.at(-1) ?? kind }));
  };
  await open('store', ['store'], settings.store);
  for (const [name, { eab }] of Object.entries(settings.issuers)) {
    // An account that is already open needs no key, but a key that is named must be there.
    if (eab?.hmacKey === undefined) continue;
    await report(['issuers', name, 'eab'], () => resolveExternalAccount(eab, name, context));
  }
  for (const [name, solver] of Object.entries(settings.solvers)) {
    const { kind, settings: options } = whoseOptions('solver', solver, registry);
    await open(kind, ['solvers', name], options);
  }
  for (const [name, balancer] of Object.entries(settings.balancers))
    await open('balancer', ['balancers', name], balancer);
  for (const [name, deployer] of Object.entries(settings.deployers))
    await open('deployer', ['deployers', name], deployer.settings);
  for (const [name, notifier] of Object.entries(settings.alarms))
    await open('notifier', ['alarms', name], notifier.settings);
  for (const [path, value] of [
    [['responderSecret'], settings.responderSecret],
    [['listen', 'token'], settings.listen?.token],
    [['heartbeat'], settings.heartbeat?.url],
  ] as const)
    if (value !== undefined) await report(path, () => openOwnSecret(path.join('.'), value, context));
  return found;
}
