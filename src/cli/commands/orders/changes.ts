import { whoseOptions } from '../../../config/adapters/each-adapter.ts';
import { optionFields } from '../../../config/registry/option-fields.ts';
import { type AdapterKind, adapterEntry, providerOf, type Registry } from '../../../config/registry/registry.ts';
import { identifierKey } from '../../../core/names/identifier.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { accountOf } from '../../../core/spec/account.ts';
import { deployHookTarget, hookText } from '../../../core/spec/hooks.ts';
import { canonical } from '../../../core/spec/same-spec.ts';
import { type AdapterSettings, type NamedAdapter, type StoredSpec, tlsAlpn01PortOf } from '../../../core/spec/spec.ts';
import { declaredAs, targetNames, targetOf } from '../../../core/spec/spec-parts.ts';
import type { Json, JsonObject } from '../../../core/text/json.ts';
import { solversText } from '../../flags/names.ts';

/** A changed setting of a certificate issued by flags. */
export interface Change {
  readonly setting: string;
  readonly from: string;
  readonly to: string;
}

/** Returns the settings of a stored certificate that `issue` changes, for a person to read. Hides secrets. */
export async function changesOf(before: StoredSpec, after: StoredSpec, registry: Registry): Promise<readonly Change[]> {
  const now = settingsOf(after);
  const changes = settingsOf(before).flatMap(([setting, from], at): Change[] => {
    const to = now[at]?.[1];
    return canonical(from ?? null) === canonical(to ?? null) ? [] : [{ setting, from: textOf(from), to: textOf(to) }];
  });
  const options: Change[] = [];
  const earlier = before.parts.map(({ solver }) => solver);
  for (const { solver } of after.parts) {
    const same = earlier.find(({ name }) => name === solver.name);
    if (same) options.push(...(await optionChanges('solver', same, solver, registry)), ...changesOfUses(same, solver));
  }
  for (const target of after.targets) {
    const same = targetOf(before, target.name);
    if (same && target.name !== deployHookTarget)
      options.push(...(await optionChanges('deployer', same, target, registry)), ...changesOfUses(same, target));
  }
  const moved = changes.some(({ setting }) => setting === 'issuer');
  return [
    ...changes.filter(({ setting }) => !(moved && ['directory', 'test directory'].includes(setting))),
    ...options,
  ];
}

/** Returns every setting that flags can give, except adapter options. */
function settingsOf(spec: StoredSpec): readonly (readonly [string, Json | undefined])[] {
  const { issuer, preflight } = spec;
  return [
    ['identifiers', spec.identifiers.map((one) => withLetters(identifierKey(one)))],
    ['issuer', issuer.name],
    ['directory', issuer.settings.directory],
    ['account', accountOf(issuer.settings).name],
    ['EAB key', issuer.settings.eab?.hmacKey === undefined ? undefined : secretText(issuer.settings.eab.hmacKey)],
    ['EAB algorithm', issuer.settings.eab?.algorithm],
    ['account key', issuer.settings.accountKey],
    ['a new account', issuer.settings.newAccount ? 'if needed' : undefined],
    ['e-mail', issuer.settings.email],
    ['terms of service', issuer.settings.agreeToTerms ? 'agreed' : 'not agreed'],
    ['CA file', issuer.settings.caFile],
    ['roots', issuer.settings.onlyThisCa ? 'only the CA file' : 'the public ones too'],
    ['test directory', issuer.settings.testDirectory],
    ['rate limits', Object.entries(issuer.settings.limits ?? {}).map(([limit, quota]) => `${limit} ${quota}`)],
    ['profile', spec.profile],
    ['begins', spec.validity?.notBefore],
    ['ends', spec.validity?.notAfter],
    ['key type', spec.keyType],
    ['chain', spec.preferredChain],
    ['on a failed name', spec.onFailedName],
    ['key', spec.reuseKey ? 'stays' : 'new each time'],
    ['solver', solversText(declaredAs(spec))],
    ['targets', targetNames(spec).filter((target) => target !== deployHookTarget)],
    ['endpoints', spec.endpoints],
    ['pre-hook', hookText(spec.hooks, 'pre')],
    ['post-hook', hookText(spec.hooks, 'post')],
    ['deploy hook', hookText(spec.hooks, 'deploy')],
    ['resolvers', preflight.resolvers],
    ['HTTP-01 port', preflight.http01Port],
    ['TLS-ALPN-01 port', tlsAlpn01PortOf(preflight)],
  ];
}

/** Returns the differences between two settings of one adapter. */
async function optionChanges(
  kind: AdapterKind,
  { name, settings: before }: NamedAdapter,
  later: NamedAdapter,
  registry: Registry,
): Promise<readonly Change[]> {
  const { settings: after } = later;
  if (canonical(before) === canonical(after)) return [];
  const [from, to] = [optionsOf(before, registry), optionsOf(after, registry)];
  const own = whoseOptions(kind, later, registry);
  const entry = adapterEntry(registry, own.kind, own.settings.type);
  const fields = entry ? optionFields((await entry.load()).options) : [];
  const isSecret = (key: string) => fields.some((field) => field.name === key && field.secret);
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .filter((key) => canonical(from[key] ?? null) !== canonical(to[key] ?? null))
    .map((key) => ({
      setting: `option ${key} of ${name}`,
      from: isSecret(key) ? secretText(from[key]) : textOf(from[key]),
      to: isSecret(key) ? secretText(to[key]) : textOf(to[key]),
    }));
}

/** Returns the adapters with changed settings that an adapter refers to. The settings may contain secrets. */
function changesOfUses({ uses: before = [] }: NamedAdapter, { name, uses = [] }: NamedAdapter): readonly Change[] {
  return uses.flatMap((used) => {
    const same = before.find((one) => one.kind === used.kind && one.name === used.name);
    if (!same || canonical(same) === canonical(used)) return [];
    return [{ setting: `${used.kind} ${used.name} of ${name}`, from: hidden, to: hidden }];
  });
}

/** Returns the options of an adapter. Those of a DNS provider are one level deeper. */
function optionsOf({ options, ...settings }: AdapterSettings, registry: Registry): JsonObject {
  if (providerOf(registry, settings) !== undefined) return { ...settings, ...(options as JsonObject | undefined) };
  return options === undefined ? settings : { ...settings, options };
}

/** Shows a reference to a secret (`file:…`, `env:…`), but hides a literal secret. */
const secretText = (value: Json | undefined): string =>
  value === undefined || (typeof value === 'string' && /^(file|env):/.test(value)) ? textOf(value) : hidden;

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return 'none';
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  // An object, such as a hook's environment, may contain a secret.
  return typeof value === 'object' ? hidden : String(value);
}

const hidden = '(hidden)';
