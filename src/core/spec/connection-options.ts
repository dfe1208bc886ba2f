import { type Fields, isFields, type Json } from '../text/json.ts';
import { present } from '../text/present.ts';
import {
  type ConnectionOptions,
  type ConnectionSection,
  type ConnectionType,
  issuerType,
  type KnownType,
} from './connection.ts';

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

/** Returns the options in the settings of a connection by their names. Of secrets, only which are set. */
export function shownOptions(
  { options }: Pick<KnownType, 'options'>,
  settings: Fields,
): { readonly options: ConnectionOptions; readonly secrets: readonly string[] } {
  const given = options
    .map((one) => [one, valueAt(settings, one.name)] as const)
    .filter(([, value]) => value !== undefined);
  return {
    options: Object.fromEntries(
      given.filter(([{ isSecret }]) => !isSecret).map(([{ name }, value]) => [name, value as Json]),
    ),
    secrets: given.filter(([{ isSecret }]) => isSecret).map(([{ name }]) => name),
  };
}
