import type { ConnectionField, ConnectionOptions, ConnectionType } from '../../core/spec/connection.ts';
import { mapText } from '../../core/spec/connection-options.ts';
import { type Fields, isFields, type Json } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { ConnectionView } from '../../fleet/web/connections.ts';
import { seenIn as fieldsSeenIn } from '../meanwhile.tsx';

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
    fields
      .filter(({ isSecret }) => !isSecret)
      .map((field) => [field.name, shownText(options[field.name], field.takes)]),
  ),
  removed: [],
});

/** What someone saw of a connection when they opened its form. */
export interface Seen {
  readonly type: string;
  readonly provider?: string | undefined;
  readonly values: Typed['values'];
  /** The secrets that were set. */
  readonly secrets: readonly string[];
}

export const seenOf = (view: ConnectionView, fields: readonly ConnectionField[]): Seen => ({
  ...{ type: view.type, provider: view.provider },
  ...{ values: typedOf(view, fields).values, secrets: view.secrets },
});

/** Reads what the form sends of it. */
export function seenIn(form: Readonly<Record<string, unknown>>): Seen {
  const { type, provider, values, secrets } = fieldsSeenIn(form['seen']);
  const texts = Object.entries(isFields(values) ? values : {}).filter(([, value]) => typeof value === 'string');
  return {
    type: typeof type === 'string' ? type : '',
    provider: typeof provider === 'string' ? provider : undefined,
    values: Object.fromEntries(texts as [string, string][]),
    secrets: (Array.isArray(secrets) ? secrets : []).filter((one) => typeof one === 'string'),
  };
}

function shownText(value: Json | undefined, takes: ConnectionField['takes']): string {
  if (Array.isArray(value)) return value.map((one) => shownText(one, takes)).join('\n');
  if (!isFields(value)) return String(value ?? '');
  return takes === 'map' ? mapText(value) : JSON.stringify(value);
}

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
