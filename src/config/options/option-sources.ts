import { isAsWritten } from '../../core/spec/as-written.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { type OptionField, optionFields } from '../registry/option-fields.ts';
import { environmentName } from '../registry/registry.ts';
import type { WithOptions } from './options.ts';
import type { Environment } from './secret-references.ts';

/** The value of an option, before a `file:…` or `env:…` is read, and the place where it was found. */
export interface Given {
  readonly value: unknown;
  /** `alias`: a variable of another client. `file`: a credentials file, whose values are never references. */
  readonly from: 'settings' | 'variable' | 'alias' | 'file';
  /** The variable that contains the value; undefined in other places. */
  readonly variable?: string;
}

export interface Places {
  readonly settings: AdapterSettings;
  readonly env: Environment;
  readonly envPrefix?: string | undefined;
}

/** All options of an adapter that are given somewhere. */
export interface GivenOptions {
  readonly fields: readonly OptionField[];
  /** The option that names a credentials file, if it is given. */
  readonly credentials: { readonly field: OptionField; readonly given: Given } | undefined;
  /**
   * Returns the values by option. Call it with the file's values once they are read. Without them, options that only
   * the file has are missing.
   */
  find(inFile?: ReadonlyMap<string, string>): ReadonlyMap<string, Given>;
}

/**
 * Finds an adapter's options: first in the settings, then in certfleet's own variables, then in variables of other
 * clients. A credentials file comes directly after the place that names it.
 *
 * Secrets of other clients are used only if no secret is given otherwise: a leftover AWS_SESSION_TOKEN does not belong
 * to the keys in the settings.
 */
export function givenOptions(definition: WithOptions, given: Places): GivenOptions {
  const isLiteral = isAsWritten(given.settings);
  const places = isLiteral ? { ...given, env: {} } : given;
  const fields = optionFields(definition.options);
  const inSettings = ({ name }: OptionField): Given | undefined =>
    places.settings[name] === undefined ? undefined : { value: places.settings[name], from: 'settings' };
  const inVariable = ({ name }: OptionField): Given | undefined => {
    const variable = variableOf(definition, name, places.envPrefix);
    const value = nonEmpty(places.env[variable]);
    return value === undefined ? undefined : { value, from: 'variable', variable };
  };
  const inAlias = ({ aliases }: OptionField): Given | undefined => {
    for (const variable of aliases) {
      const value = nonEmpty(places.env[variable]);
      if (value !== undefined) return { value, from: 'alias', variable };
      // lego reads a secret from the file that a variable with this ending names.
      const file = nonEmpty(places.env[`${variable}_FILE`]);
      if (file?.startsWith('/')) return { value: `file:${file}`, from: 'alias' };
    }
    return undefined;
  };
  const named = isLiteral ? undefined : fields.find((field) => field.credentials !== undefined);
  const namedBy = named && (inSettings(named) ?? inVariable(named) ?? inAlias(named));
  return {
    fields,
    credentials: named && namedBy ? { field: named, given: namedBy } : undefined,
    find(inFile) {
      const file = ({ name }: OptionField): Given | undefined => {
        const value = inFile?.get(name);
        return value === undefined ? undefined : { value, from: 'file' };
      };
      const found = new Map<string, Given>();
      let hasSecrets = false;
      const look = (place: (field: OptionField) => Given | undefined, isOfOthers: boolean) => {
        const before = hasSecrets;
        for (const field of fields) {
          if (found.has(field.name) || (field.secret && isOfOthers && before)) continue;
          const given = place(field);
          if (given === undefined) continue;
          found.set(field.name, given);
          hasSecrets ||= field.secret;
        }
      };
      const lookInFile = (after: Given['from']) => {
        if (namedBy?.from !== after) return;
        look(file, after === 'alias');
        hasSecrets = true;
      };
      look(inSettings, false);
      lookInFile('settings');
      look(inVariable, false);
      lookInFile('variable');
      look(inAlias, true);
      lookInFile('alias');
      return found;
    },
  };
}

/** Returns the variable that provides an option if the settings do not. */
export const variableOf = (definition: WithOptions, option: string, prefix: string | undefined): string =>
  environmentName(prefix === undefined ? definition.id : prefix.replace(/^CERTFLEET_/, ''), option);

const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
