import { whoseOptions } from '../../config/adapters/each-adapter.ts';
import { optionsFromEnvironment, resolveOptions } from '../../config/options/options.ts';
import { optionFields } from '../../config/registry/option-fields.ts';
import { adapterEntry, dns01Type, isModulePath, providerOf, typesOf } from '../../config/registry/registry.ts';
import { type CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import type { AdapterSettings, NamedAdapter } from '../../core/spec/spec.ts';
import type { JsonObject } from '../../core/text/json.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Session } from '../context.ts';
import { registryOf } from '../registry.ts';
import { hookWord, writeHooks } from './hook-solver.ts';
import type { Kept } from './kept.ts';
import { dnsKeys, refining, writeKeys } from './keys.ts';
import { cutAt, type Flags, isReference, keptPath, listOf, referenceIn, textOf } from './values.ts';
import { type Choosing, writeDeclared } from './written-solver.ts';

/**
 * Writes the solver for a DNS provider, or names a declared one, and returns the solver's name.
 *
 * @param flag the flag that named it, for messages
 */
export async function writeDnsSolver(dns: string, choosing: Choosing, flag = '--dns'): Promise<string> {
  const { session, settings, registry, kept } = choosing;
  if (Object.hasOwn(settings.solvers, dns)) {
    refuseOptionsOfDeclared(dns, choosing);
    return writeDeclared(dns, choosing, [flag, 'dns-01', 'dns-account-01']);
  }
  if (dns === hookWord) return writeHooks(choosing, 'dns-01');
  const entry = adapterEntry(registry, 'dns', dns);
  if (!entry && isModulePath(dns)) return writeDnsSolver(keptPath(`${flag} `, dns, session), choosing, flag);
  if (!entry) {
    const known = [...typesOf(registry, 'dns'), ...Object.keys(settings.solvers)];
    throw /\.[cm]?[jt]s$/.test(dns)
      ? fail('usage/invalid-value', { typed: `${flag} ${dns}`, form: `${flag} ./${dns} for a provider in a file` })
      : fail('usage/unknown-value', {
          typed: `${flag} ${dns}`,
          known: 'a DNS provider or the name of a declared solver',
          nearest: didYouMean(dns, known) || `; available: ${known.join(', ')}`,
        });
  }
  const stored = kept?.solvers[dns]?.settings;
  const before = stored && providerOf(registry, stored) === dns ? stored : { type: dns01Type, provider: dns };
  const { type: _type, ...fromEnvironment } = optionsFromEnvironment(await entry.load(), session.context.env);
  const options = { ...(before['options'] as JsonObject | undefined), ...fromEnvironment };
  await writeDns(choosing, { name: dns, settings: { ...before, options } }, `${flag} ${dns}`);
  return dns;
}

/** Handles --dns-option, --propagation or --challenge without --dns: changes options of the stored provider. */
export async function writeOtherOptions(choosing: Choosing & { readonly kept: Kept }): Promise<void> {
  const { session, kept, registry } = choosing;
  const { flags } = session.invocation;
  const [stored, another] = Object.values(kept.solvers).filter(
    (one) => providerOf(registry, one.settings) !== undefined,
  );
  const provider = stored && providerOf(registry, stored.settings);
  if (!stored || provider === undefined || another || (textOf(flags['impliedDns']) ?? provider) !== provider)
    throw needsDns(flags);
  refuseOptionsOfDeclared(stored.name, choosing);
  await writeDns(choosing, stored);
}

export function needsDns(flags: Flags): CertfleetError {
  const [flag = '', provider] = [refining(flags), textOf(flags['impliedDns'])];
  return provider === undefined
    ? fail('usage/flag-needs', { flag, needed: '--dns PROVIDER' })
    : fail('usage/provider-not-chosen', { flag, provider });
}

function refuseOptionsOfDeclared(name: string, { session, settings }: Choosing): void {
  const flag = refining(session.invocation.flags);
  if (flag !== undefined && Object.hasOwn(settings.solvers, name)) throw fail('usage/declared-solver', { flag, name });
}

/** Writes a solver over DNS with the options of --dns-option and the other flags for DNS. */
async function writeDns(
  { written, session, registry }: Choosing,
  { name, settings }: NamedAdapter,
  flag?: string,
): Promise<void> {
  const path = ['solvers', name];
  const { options, ...rest } = settings;
  written.set(path, { ...rest, options: { ...(options as JsonObject | undefined) } }, flag);
  writeKeys(written, path, dnsKeys, session);
  const definition = await adapterEntry(registry, 'dns', providerOf(registry, settings)!)?.load();
  const fields = definition ? optionFields(definition.options) : [];
  const given = new Map<string, string>();
  for (const text of listOf(session.invocation.flags['dnsOption'])) {
    const [key, typed] = cutAt(text, '=');
    const option = `--dns-option ${key}`;
    if (typed === undefined) throw fail('usage/invalid-value', { typed: option, form: 'KEY=VALUE' });
    if ((given.get(key) ?? typed) !== typed) throw fail('usage/given-twice', { what: option });
    given.set(key, typed);
    const field = fields.find((one) => one.name === key);
    const isPath = field?.credentials !== undefined && !isReference(typed);
    const value = isPath
      ? keptPath(`${option}=`, typed, session)
      : referenceIn(typed, { flag: option, sign: '=', isSecret: field?.secret === true }, session);
    // Names the option without its value: under a mistyped key, the value may be a secret.
    written.set([...path, 'options', key], value, option);
  }
}

/**
 * Opens a DNS provider's credentials, to report missing ones before anything is changed. The credentials of an
 * unchanged provider may be in the store, so only a file that --dns-option names must be readable.
 */
export async function proveCredentials(settings: AdapterSettings, session: Session, kept?: Kept): Promise<void> {
  const registry = await registryOf(session);
  const provider = providerOf(registry, settings);
  if (provider === undefined) return;
  const isKept = Object.values(kept?.solvers ?? {}).some(({ settings: one }) => providerOf(registry, one) === provider);
  if (isKept && session.invocation.flags['dnsOption'] === undefined) return;
  const entry = adapterEntry(registry, 'dns', provider);
  if (!entry) return;
  const { files } = await session.world();
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  try {
    const { settings: options } = whoseOptions('solver', { name: provider, settings }, registry);
    await resolveOptions(await entry.load(), options, { env: session.context.env, files, name: provider, warn });
  } catch (error) {
    if (isKept && !isFailure(error, 'config/secret-unreadable', 'config/credentials-unusable')) return;
    // The code that uses the credentials returns the warnings if there is no error.
    for (const message of warnings) session.complain(`warning: ${message}`);
    throw error;
  }
}
