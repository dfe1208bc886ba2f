import type { ConnectionField, ConnectionOptions, ConnectionType } from '../../core/spec/connection.ts';
import type { Fields, Json } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';

/** What a person typed into the form of a connection. */
export interface Typed {
  readonly name: string;
  /** By the names of the options, as text; a ticked box is `true`. Secrets are in it, and never go back to the browser. */
  readonly values: Readonly<Record<string, string>>;
  /** The secrets that are no longer wanted. */
  readonly removed: readonly string[];
}

/** The name that an option has in the form, where it cannot be mistaken for a field of the form itself. */
export const inputName = (option: string): string => `o.${option}`;

/** The name of the box that removes a secret. */
export const removalName = (option: string): string => `remove.${option}`;

export function typedIn(form: Readonly<Record<string, unknown>>, fields: readonly ConnectionField[]): Typed {
  const textOf = (name: string) => {
    const value = form[name];
    return (typeof value === 'string' ? value : '').replaceAll('\r\n', '\n');
  };
  const names = fields.map(({ name }) => name);
  return {
    name: textOf('name').trim(),
    values: Object.fromEntries(names.map((name) => [name, textOf(inputName(name))])),
    removed: names.filter((name) => textOf(removalName(name)) === 'true'),
  };
}

/** Returns what a connection has, as text for its form. Secrets are not in it. */
export const typedOf = (
  { name, options }: { readonly name: string; readonly options: ConnectionOptions },
  fields: readonly ConnectionField[],
): Typed => ({
  name,
  values: Object.fromEntries(
    fields.filter(({ isSecret }) => !isSecret).map((field) => [field.name, shownText(options[field.name])]),
  ),
  removed: [],
});

const shownText = (value: Json | undefined): string =>
  Array.isArray(value)
    ? value.map(shownText).join('\n')
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value ?? '');

/**
 * Returns the settings that a form means, as text by the names of the options.
 *
 * @param kept what the connection has already: options that the form does not show stay
 */
export const settingsOf = (
  { type, provider, fields }: ConnectionType,
  { values, removed }: Typed,
  kept: ConnectionOptions = {},
): Fields => ({
  ...kept,
  type,
  ...present({ provider }),
  ...Object.fromEntries(
    fields.map((field) => {
      const typed = values[field.name] ?? '';
      // A box without a tick is sent as nothing.
      if (field.takes === 'boolean' && typed === '' && field.default === 'true') return [field.name, 'false'];
      if (field.isSecret && typed === '' && removed.includes(field.name)) return [field.name, null];
      return [field.name, field.takes === 'list' ? typed.replaceAll('，', ',') : typed];
    }),
  ),
});
