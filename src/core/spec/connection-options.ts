import { type Fields, isFields, type Json, parseJson } from '../text/json.ts';
import { present } from '../text/present.ts';
import {
  type ConnectionOptions,
  type ConnectionSection,
  type ConnectionType,
  issuerType,
  type KnownType,
  type TypeOption,
} from './connection.ts';
import { sameJson } from './same-spec.ts';

/** Returns the type that the settings of a connection name. */
export function chosenType(section: ConnectionSection, settings: Fields): Pick<ConnectionType, 'type' | 'provider'> {
  const { type = section === 'issuers' ? issuerType : '', provider } = settings;
  const isNamed = section === 'solvers' && typeof provider === 'string';
  return { type: String(type), ...present({ provider: isNamed ? provider : undefined }) };
}

/** Returns the value of an option in the settings of a connection. */
export const valueAt = (settings: Fields, name: string): unknown =>
  name
    .split('.')
    .reduce<unknown>((at, key) => (isFields(at) && Object.hasOwn(at, key) ? at[key] : undefined), settings);

type Options = Pick<KnownType, 'options'>;

/** Returns the options in the settings of a connection by their names. Of secrets, only which are set. */
export function shownOptions(
  { options }: Options,
  settings: Fields,
): { readonly options: ConnectionOptions; readonly secrets: readonly string[] } {
  const given = options.filter(({ name }) => valueAt(settings, name) !== undefined);
  const plain = given.filter(({ isSecret }) => !isSecret);
  return {
    options: Object.fromEntries(plain.map(({ name }) => [name, valueAt(settings, name) as Json])),
    secrets: given.filter(({ isSecret }) => isSecret).map(({ name }) => name),
  };
}

/** What someone wants of a connection. */
export interface WantedOptions {
  /** The settings as the file would have them. */
  readonly settings: Fields;
  /** The options that are not to be set any longer, for which null was entered. */
  readonly removed: ReadonlySet<string>;
}

/**
 * Reads what someone has entered: groups as in the file, or the names of options with dots, and texts for numbers, lists,
 * names with a text each and the like.
 */
export function enteredOptions({ options }: Options, entered: Fields): WantedOptions {
  const byName = new Map<string, unknown>();
  const known = new Map(options.map((one) => [one.name, one]));
  const isGroup = (name: string) => options.some((one) => one.name.startsWith(`${name}.`));
  const collect = (value: unknown, name: string): void => {
    if (isFields(value) && !known.has(name) && (name === '' || isGroup(name)))
      for (const [key, inner] of Object.entries(value)) collect(inner, name === '' ? key : `${name}.${key}`);
    else byName.set(name, value);
  };
  collect(entered, '');
  let settings: Fields = {};
  for (const [name, value] of byName)
    if (value !== '' && value !== null)
      settings = withValue(settings, keysOf(name), typedValue(known.get(name), value));
  return { settings, removed: new Set([...byName.keys()].filter((name) => byName.get(name) === null)) };
}

/** Returns the groups that an option is in, and its key. No option is in so many groups as a name with dots may pretend. */
function keysOf(name: string): readonly string[] {
  const parts = name.split('.', mostGroups + 1);
  return parts.length > mostGroups ? [name] : parts;
}

const mostGroups = 8;

/** Returns settings with another value of an option. */
function withValue(settings: Fields, [key = '', ...rest]: readonly string[], value: unknown): Fields {
  if (rest.length === 0) return { ...settings, [key]: value };
  const group = Object.hasOwn(settings, key) ? settings[key] : undefined;
  return { ...settings, [key]: withValue(isFields(group) ? group : {}, rest, value) };
}

/** Converts text to what an option takes. A text that is none of that is refused later. */
function typedValue(option: TypeOption | undefined, value: unknown): unknown {
  if (typeof value !== 'string' || !option || option.isSecret) return value;
  const text = value.trim();
  if (option.takes === 'number') return /^-?\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : value;
  if (option.takes === 'boolean') return text === 'true' ? true : text === 'false' ? false : value;
  if (option.takes === 'map') return mapIn(text) ?? text;
  if (option.takes === 'json') return objectIn(text) ?? text;
  if (option.takes !== 'list' || option.choices?.includes(text)) return text;
  return parts(text, /[\n,]/);
}

const parts = (text: string, between: RegExp): readonly string[] =>
  text
    .split(between)
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** Reads lines like `name: text`. Returns undefined if one is none, or names one twice. */
function mapIn(text: string): Fields | undefined {
  const lines = parts(text, /\n/).map((line) => /^([^:：]+)[:：](.*)$/.exec(line));
  const found = lines.flatMap((line) => (line ? [[line[1]!.trim(), line[2]!.trim()] as const] : []));
  const isWhole = found.length === lines.length && new Set(found.map(([name]) => name)).size === lines.length;
  return isWhole ? Object.fromEntries(found) : undefined;
}

/** Returns the lines from which a map is read. */
export const mapText = (map: Fields): string =>
  Object.entries(map)
    .map(([name, text]) => `${name}: ${text}`)
    .join('\n');

/** Reads the JSON of an object. A text that only looks like one stays a text. */
function objectIn(text: string): Fields | undefined {
  try {
    const value = text.startsWith('{') ? parseJson(text) : undefined;
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a connection was before a change. */
export type Before = { readonly type: KnownType; readonly settings: Fields } | undefined;

/**
 * Adds the secrets that were left out, as they were before. If the type or an option that says where secrets are sent has
 * changed, all that were set must be entered again: they are in `again`, and the settings are only good for a check.
 */
export function withKeptSecrets(
  type: KnownType,
  { settings, removed }: WantedOptions,
  before: Before,
): { readonly settings: Fields; readonly again: readonly string[] } {
  if (!before || before.type.type !== type.type || before.type.provider !== type.provider)
    return { settings, again: [] };
  const isGiven = ({ name }: TypeOption) => valueAt(settings, name) !== undefined;
  const left = type.options.filter(
    (one) =>
      one.isSecret && !isGiven(one) && !removed.has(one.name) && valueAt(before.settings, one.name) !== undefined,
  );
  const isElsewhere = type.options.some(
    (one) =>
      one.isEndpoint &&
      !left.includes(one) &&
      !sameJson(valueAt(settings, one.name) ?? null, valueAt(before.settings, one.name) ?? null),
  );
  const kept = left.reduce(
    (all, { name }) => withValue(all, name.split('.'), valueAt(before.settings, name)),
    settings,
  );
  return { settings: kept, again: isElsewhere ? left.map(({ name }) => name) : [] };
}
