import { isReserved } from '../../core/spec/as-written.ts';
import type { ShownOption, ShownPart, ShownSettings } from '../../core/spec/shown-settings.ts';
import type { AdapterSettings, IssuerSettings, Settings } from '../../core/spec/spec.ts';
import type { Json } from '../../core/text/json.ts';
import type { WithOptions } from '../options/options.ts';
import { type OptionField, optionFields } from '../registry/option-fields.ts';
import { type AdapterKind, adapterEntry, type Registry } from '../registry/registry.ts';
import { whoseOptions } from './each-adapter.ts';

/**
 * Returns the settings without anything that may be a secret: of secrets only where they are (`file:…`, `env:…`), of
 * commands only the program, of maps (variables, headers) only the keys, of addresses no password.
 */
export async function shownSettings(settings: Settings, registry: Registry): Promise<ShownSettings> {
  const { store, storeKeys, node, pages, listen, heartbeat, preflight } = settings;
  const shown = (path: string, kind: AdapterKind, own: AdapterSettings) => adapterPart(path, kind, own, registry);
  const adapters = await Promise.all([
    shown('store', 'store', store),
    ...Object.entries(settings.balancers).map(([name, own]) => shown(`balancers.${name}`, 'balancer', own)),
    ...Object.entries(settings.solvers).map(([name, one]) => shown(`solvers.${name}`, 'solver', one.settings)),
    ...Object.entries(settings.deployers).map(([name, one]) => shown(`deployers.${name}`, 'deployer', one.settings)),
    ...Object.entries(settings.alarms).map(([name, one]) => shown(`alarms.${name}`, 'notifier', one.settings)),
  ]);
  const [ofStore, ...others] = adapters;
  const general = part('certfleet', [
    ['node', node],
    ['storeKey', storeKeys?.map((key) => reference(key) ?? hidden)],
    ['heartbeat', heartbeat && secretText(heartbeat.url)],
    ['preflight.resolvers', preflight.resolvers],
    ['leaseTtl', `${settings.leaseTtlMs / 1000}s`],
    ['shutdownBudget', `${settings.shutdownBudgetMs / 1000}s`],
    ['deployTimeout', `${settings.deployTimeoutMs / 1000}s`],
    ['deployDeadline', `${settings.deployDeadlineMs / 1000}s`],
  ]);
  const ofListen =
    listen &&
    part('listen', [
      ['address', listen.address],
      ['token', secretText(listen.token)],
    ]);
  const ofPages =
    pages &&
    part('pages', [
      ['listen', pages.listen],
      ['hosts', pages.hosts],
      ['certificate', pages.certificate],
      ['behindProxy', pages.behindProxy],
      ['keyDownload', pages.keyDownload],
      ['changeTargets', pages.changeTargets],
      ['oidc.issuer', pages.oidc?.issuer],
      ['oidc.clientSecret', secretText(pages.oidc?.clientSecret)],
      ['oidc.roles', pages.oidc && JSON.stringify(pages.oidc.roles)],
    ]);
  const issuers = Object.entries(settings.issuers).map(([name, issuer]) => issuerPart(name, issuer));
  const all = [general, ofListen, ofPages, ofStore, ...issuers, ...others];
  return {
    parts: all.flatMap((one) => (one && one.options.length > 0 ? [one] : [])),
    certificates: settings.certificates.length,
  };
}

/** Stands for a secret until the option is made. */
const hidden = Symbol('hidden');
type Given = Json | typeof hidden | undefined | readonly (string | typeof hidden)[];

const part = (path: string, options: readonly (readonly [string, Given])[]): ShownPart => ({
  path,
  options: options.flatMap(([name, given]) => optionOf(name, given)),
});

function optionOf(name: string, given: Given): readonly ShownOption[] {
  if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) return [];
  if (given === hidden || (Array.isArray(given) && given.some((one) => one === hidden)))
    return [{ name, value: undefined }];
  return [{ name, value: textOf(given as Json) }];
}

const textOf = (value: Json): string =>
  typeof value === 'string'
    ? withoutPassword(value)
    : Array.isArray(value) && value.every((one) => typeof one === 'string')
      ? value.map(withoutPassword).join(', ')
      : withoutPassword(JSON.stringify(value));

/** An address may have a user and a password before its host. */
const withoutPassword = (text: string): string => text.replace(/([a-z][a-z\d+.-]*:\/\/)[^\s/@"]*@/gi, '$1…@');

/** Returns where a secret is, or undefined if the text is the secret. */
const reference = (text: string): string | undefined =>
  /^(file|env|credential|kept):/.test(text) ? text.replace(/^kept:.*/s, 'kept:…') : undefined;

const secretText = (text: string | undefined): Given => (text === undefined ? undefined : (reference(text) ?? hidden));

function issuerPart(name: string, issuer: IssuerSettings): ShownPart {
  const { directory, testDirectory, email, caFile, account, accountKey, eab, agreeToTerms } = issuer;
  return part(`issuers.${name}`, [
    ['directory', directory],
    ['testDirectory', testDirectory],
    ['email', email],
    ['agreeToTerms', agreeToTerms],
    ['caFile', caFile],
    ['account', account],
    ['accountKey', accountKey],
    ['eab.kid', eab?.kid],
    ['eab.hmacKey', secretText(eab?.hmacKey)],
  ]);
}

async function adapterPart(
  path: string,
  kind: AdapterKind,
  settings: AdapterSettings,
  registry: Registry,
): Promise<ShownPart> {
  const own = whoseOptions(kind, { name: path, settings }, registry);
  const fields = await fieldsOf(kind, settings.type, registry);
  const isOption = (name: string) => name === 'type' || !isReserved(name);
  const plain = Object.entries(settings).filter(
    ([name]) => isOption(name) && (own.kind === kind || name !== 'options'),
  );
  const options = plain.map(([name, value]) => [name, shownValue(name, value, fields)] as const);
  if (own.kind === kind) return part(path, options);
  const ofProvider = await fieldsOf(own.kind, own.settings.type, registry);
  const more = Object.entries(own.settings)
    .filter(([name]) => !isReserved(name))
    .map(([name, value]) => [`options.${name}`, shownValue(name, value, ofProvider)] as const);
  return part(path, [...options, ...more]);
}

type Fields = ReadonlyMap<string, OptionField>;

/** Without its definition (an operator's module that no longer exists), it is unknown which options are secrets. */
async function fieldsOf(kind: AdapterKind, type: string, registry: Registry): Promise<Fields | undefined> {
  const definition: WithOptions | undefined = await adapterEntry(registry, kind, type)
    ?.load()
    .catch(() => undefined);
  return definition && new Map(optionFields(definition.options).map((field) => [field.name, field]));
}

/** What an adapter's settings have besides its options. */
const besides: ReadonlySet<string> = new Set(['type', 'provider', 'balancer', 'challenge']);

function shownValue(name: string, value: Json, fields: Fields | undefined): Given {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  const field = fields?.get(name);
  if (!field && besides.has(name)) return value;
  if (!field || field.secret) return typeof value === 'string' ? (reference(value) ?? hidden) : hidden;
  if (field.takes !== 'other') return value;
  // A command may have a password among its arguments.
  if (typeof value === 'string' || Array.isArray(value)) return programOf(value);
  return value && typeof value === 'object' ? `{ ${Object.keys(value).join(', ')} }` : value;
}

function programOf(command: string | readonly Json[]): Given {
  const [program, ...more] = typeof command === 'string' ? command.trim().split(/\s+/) : command;
  // `PASSWORD=… program` sets a variable first.
  if (typeof program !== 'string' || program.includes('=')) return hidden;
  return more.length === 0 ? program : `${program} …`;
}
